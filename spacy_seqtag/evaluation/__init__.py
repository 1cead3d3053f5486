"""What a pipeline gets right, what it gets wrong, and how sure one can be of the difference between two."""

from .breakdown import PARTS, BreakdownScorer
from .examples import examples_of_running_text, examples_with_gold_tokens
from .outcomes import KINDS, Outcome, Span, entity_outcomes, tag_outcomes
from .resampling import confidence_intervals, randomization_test
from .running_text import score_running_text
from .seen import Seen

__all__ = [
    "KINDS",
    "PARTS",
    "BreakdownScorer",
    "Outcome",
    "Seen",
    "Span",
    "confidence_intervals",
    "entity_outcomes",
    "examples_of_running_text",
    "examples_with_gold_tokens",
    "randomization_test",
    "score_running_text",
    "tag_outcomes",
]
