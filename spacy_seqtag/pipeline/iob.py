"""IOB2 classes of entity types: outside, and for each type its first token and its further tokens."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

OUTSIDE = 0
"""Class of the tokens outside of entities."""


def iob_classes(types: Sequence[str]) -> tuple[str, ...]:
    """The IOB2 tags of entity types: ``O``, then ``B-`` and ``I-`` of each type in turn."""
    return ("O", *(f"{prefix}-{type_}" for type_ in types for prefix in "BI"))


def begin(type_index: int) -> int:
    """Class of the first token of an entity of the type."""
    return 1 + 2 * type_index


def inside(type_index: int) -> int:
    """Class of the further tokens of an entity of the type."""
    return 2 + 2 * type_index


def iob_constraints(n_types: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What IOB2 allows, as scores for :func:`~spacy_seqtag.pipeline.viterbi.viterbi`: ``I-X`` only after ``B-X`` or
    ``I-X``.

    Returns:
        Zero where a class (column) may follow a class (row), ``-inf`` elsewhere, of *Shape:* ``(classes, classes)``;
        and the same for the start, of *Shape:* ``(classes,)``.
    """
    n_classes = 1 + 2 * n_types
    transitions = np.zeros((n_classes, n_classes), dtype="float32")
    start = np.zeros(n_classes, dtype="float32")
    for i in range(n_types):
        start[inside(i)] = -np.inf
        transitions[:, inside(i)] = -np.inf
        transitions[[begin(i), inside(i)], inside(i)] = 0
    return transitions, start


def is_valid(classes: NDArray[np.int64]) -> bool:
    """Whether a sequence of classes is valid IOB2. *Shape:* ``(tokens,)``."""
    is_inside = (classes != OUTSIDE) & (classes % 2 == 0)
    before = np.concatenate([[OUTSIDE], classes[:-1]])
    return not np.any(is_inside & (before != classes) & (before != classes - 1))


def iter_entities(classes: NDArray[np.int64]) -> Iterator[tuple[int, int, int]]:
    """The entities of a valid sequence of classes: first token, token after the last, index of the type."""
    starts = np.flatnonzero(classes % 2 == 1)
    ends = np.flatnonzero((classes != OUTSIDE) & np.append((classes[1:] == OUTSIDE) | (classes[1:] % 2 == 1), True)) + 1
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        yield start, end, int(classes[start]) // 2
