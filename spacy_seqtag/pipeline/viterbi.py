"""The best sequence of classes under transition scores."""

from collections.abc import Sequence

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
    starts = np.cumsum([0, *n_active])
    by_step = scores[order].astype("float64")  # the sums over long documents are large
    came_from = np.zeros(by_step.shape, dtype="int16")
    current = np.empty(n_active[0], dtype="int64")
    best = by_step[: n_active[0]] + transitions.start
    for step in range(1, len(n_active) + 1):
        active = n_active[step] if step < len(n_active) else 0
        current[active : len(best)] = (best[active:] + transitions.end).argmax(axis=1)
        if active:
            rows = slice(starts[step], starts[step + 1])
            through = best[:active, :, None] + transitions.between
            came_from[rows] = through.argmax(axis=1)
            best = through.max(axis=1) + by_step[rows]
    for step in range(len(n_active) - 1, -1, -1):
        active = n_active[step]
        rows = slice(starts[step], starts[step + 1])
        path[rows] = current[:active]
        current[:active] = came_from[rows][np.arange(active), current[:active]]
    classes = np.empty_like(path)
    classes[order] = path
    return classes
