"""The best sequence of classes under transition scores."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..models.crf import time_major
from ..models.types import Transitions


def viterbi(scores: NDArray[np.floating], lengths: Sequence[int], transitions: Transitions) -> NDArray[np.int64]:
    """Find the sequence of classes with the highest sum of scores (Viterbi 1967), for a batch of sequences at once.

    Args:
        scores: Scores of the tokens, the sequences end to end. *Shape:* ``(tokens, classes)``.
        lengths: Number of tokens of each sequence.
        transitions: Their scores.

    Returns:
        The classes of the tokens. *Shape:* ``(tokens,)``.
    """
    order, n_active, _ = time_major(lengths)
    path = np.empty(len(order), dtype="int64")
    if not n_active:
        return path
    # Of each token and class: the score of the best path to it.
    best = scores[order].astype("float64")  # the sums over long documents are large
    steps = [slice(start, end) for start, end in pairwise(np.cumsum([0, *n_active]).tolist())]
    reached = [best[step] for step in steps]
    reached[0] += transitions.start
    for before, at in pairwise(reached):
        at += np.maximum.reduce(before[: len(at), :, None] + transitions.between, axis=1)
    # The way back asks for the best class before one that is known, not before each of them.
    into = np.ascontiguousarray(transitions.between.T)
    following = np.empty(0, dtype="int64")
    for step, at in zip(reversed(steps), reversed(reached), strict=True):
        at[: len(following)] += into[following]
        at[len(following) :] += transitions.end
        following = path[step] = at.argmax(axis=1)
    classes = np.empty_like(path)
    classes[order] = path
    return classes
