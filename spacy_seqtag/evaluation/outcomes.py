"""What came of each tag and entity of a document: found, mistaken for another, missed or made up."""

from collections.abc import Sequence
from typing import NamedTuple

from spacy.training import Example

KINDS = ("exact", "boundary", "type", "both", "missed", "spurious")
"""The kinds of an outcome; all but the first are errors."""


class Span(NamedTuple):
    """A label on tokens of the reference, ``start`` to ``end``: a tag on one token, an entity's type on one or more."""

    label: str
    start: int
    end: int


class Outcome(NamedTuple):
    """What is annotated and what was predicted in its place; at least one of them is there.

    An outcome whose two sides are equal is a true positive; otherwise its ``gold`` is a false negative and its
    ``predicted`` a false positive.
    """

    gold: Span | None
    predicted: Span | None

    @property
    def kind(self) -> str:
        """Which of ``KINDS`` it is: ``boundary`` is the right label on other tokens, ``type`` another label on the same
        tokens, ``both`` another label on other tokens that overlap."""
        if self.gold is None:
            return "spurious"
        if self.predicted is None:
            return "missed"
        same_tokens = self.gold[1:] == self.predicted[1:]
        if self.gold.label == self.predicted.label:
            return "exact" if same_tokens else "boundary"
        return "type" if same_tokens else "both"


def tag_outcomes(example: Example) -> list[Outcome]:
    """The outcomes of the tags of an example, counted as ``spacy.scorer.Scorer.score_token_attr`` counts them.

    Tokens without a gold tag do not count. Where the tokens of the prediction differ from those of the reference, those
    that lie within one token of the reference predict its tag; others predict none.
    """
    align = example.alignment.x2y
    predicted: list[set[str]] = [set() for _ in example.reference]
    for token in example.predicted:
        if align.lengths[token.i] == 1 and not token.orth_.isspace():
            predicted[align[token.i][0]].add(token.tag_)
    outcomes = []
    for i, token in enumerate(example.reference):
        if token.tag_:
            outcomes += matched([Span(token.tag_, i, i + 1)], [Span(tag, i, i + 1) for tag in sorted(predicted[i])])
    return outcomes


def entity_outcomes(example: Example) -> list[Outcome]:
    """The outcomes of the entities of an example, counted as ``spacy.scorer.get_ner_prf`` counts them.

    A predicted entity that touches a token without annotation does not count: it is neither right nor wrong. Of the
    others, the tokens are those of the reference that they are aligned to.
    """
    reference = example.reference
    annotated = [token.ent_iob != 0 for token in reference]
    predicted = []
    for entity in example.predicted.ents:
        indices = example.alignment.x2y[entity.start : entity.end]
        if len(indices) > 0:
            span = Span(entity.label_, int(indices[0]), int(indices[-1]) + 1)
            if all(annotated[span.start : span.end]):
                predicted.append(span)
    return matched([Span(entity.label_, entity.start, entity.end) for entity in reference.ents], predicted)


def matched(gold: Sequence[Span], predicted: Sequence[Span]) -> list[Outcome]:
    """Match annotation and predictions one to one, so that each is in exactly one outcome.

    Equal ones first; then, of the rest, those that share the most tokens, at a tie those with the same label, then the
    leftmost. What is left over is missed or spurious: an entity predicted in two parts is one ``boundary`` error and
    one ``spurious`` entity.
    """
    outcomes = []
    missed = list(gold)
    spurious = []
    for span in predicted:
        if span in missed:
            missed.remove(span)
            outcomes.append(Outcome(span, span))
        else:
            spurious.append(span)
    overlaps = []
    for g, one in enumerate(missed):
        for p, other in enumerate(spurious):
            n_shared = min(one.end, other.end) - max(one.start, other.start)
            if n_shared > 0:
                overlaps.append((-n_shared, one.label != other.label, g, p))
    partners: dict[int, int] = {}
    for _, _, g, p in sorted(overlaps):
        if g not in partners and p not in partners.values():
            partners[g] = p
    outcomes += [Outcome(span, spurious[partners[g]] if g in partners else None) for g, span in enumerate(missed)]
    outcomes += [Outcome(None, span) for p, span in enumerate(spurious) if p not in partners.values()]
    return outcomes
