"""What a pipeline gets right, what it gets wrong, and how sure one can be of the difference between two."""

from .breakdown import PARTS, BreakdownScorer
from .outcomes import KINDS, Outcome, Span, entity_outcomes, tag_outcomes
from .resampling import confidence_intervals, randomization_test
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
    "randomization_test",
    "tag_outcomes",
]
