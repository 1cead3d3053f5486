"""The signatures of the models, in one place."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d, Floats3d


class Transitions(NamedTuple):
    """Scores of a linear chain of classes; ``-inf`` for what is not allowed."""

    between: Any
    """Of each class (column) after each class (row). *Shape:* ``(classes, classes)``."""
    start: Any
    """Of each class at the first token. *Shape:* ``(classes,)``."""
    end: Any
    """Of each class at the last token. *Shape:* ``(classes,)``."""

    def __add__(self, other: Any) -> "Transitions":
        return Transitions(*(a + b for a, b in zip(self, other, strict=True)))


class ChainScores(NamedTuple):
    """What a CRF head predicts."""

    tokens: list[Floats2d]
    """A score of each token for each class."""
    transitions: Transitions


class PooledScores(NamedTuple):
    """What a pool of heads gives in training, where each learns on its own."""

    experts: list[list[Floats2d]]
    """Of each head a score of each token for each class."""


Embed: TypeAlias = Model[list[Doc], list[Floats2d]]
"""Embeds the tokens of documents, as spaCy's own ``embed`` layers do."""
Encode: TypeAlias = Model[list[Floats2d], list[Floats2d]]
"""Puts token vectors in context, as spaCy's own ``encode`` layers do."""
Tok2Vec: TypeAlias = Model[list[Doc], list[Floats2d]]
"""An embedding and an encoder, or a listener to a shared one."""
Scores: TypeAlias = list[Floats2d] | ChainScores | PooledScores
"""Of each document a score of each token for each class, from a head that looks at each token on its own, with
transition scores, or from several heads."""
Scorer: TypeAlias = Model[list[Doc], Scores]
"""Scores each token of documents for each class."""
PaddedBatch: TypeAlias = tuple[Floats3d, Sequence[int]]
"""Sequences padded on the right, and their lengths."""
EncodePadded: TypeAlias = Model[PaddedBatch, Floats3d]
"""A PyTorch encoder wrapped for Thinc."""
MixedPrecision: TypeAlias = bool | Literal["prediction"]
"""Whether matrix products are in half precision, "prediction" for only where nothing is trained: in float16 on GPU, in
bfloat16 on a CPU that computes in it."""
