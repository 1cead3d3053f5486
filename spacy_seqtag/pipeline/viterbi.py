"""The best sequence of classes under transition scores."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def viterbi(
    scores: Sequence[NDArray[np.float32]], transitions: NDArray[np.float32], start: NDArray[np.float32]
) -> list[NDArray[np.int64]]:
    """Find the sequence of classes with the highest sum of scores (Viterbi 1967), for a batch of sequences at once.

    Args:
        scores: Scores of each sequence. *Shape:* ``(tokens, classes)``.
        transitions: Score of each class (column) after each class (row), ``-inf`` where it may not follow.
            *Shape:* ``(classes, classes)``.
        start: Score of each class at the start. *Shape:* ``(classes,)``.

    Returns:
        The classes of each sequence, each of *Shape:* ``(tokens,)``.
    """
    lengths = np.asarray([len(s) for s in scores])
    order = np.argsort(-lengths, kind="stable")
    paths: list[NDArray[np.int64]] = [np.zeros(length, dtype="int64") for length in lengths]
    order = order[: np.count_nonzero(lengths)]
    if not len(order):
        return paths
    # The longest sequences come first, so those that go on after a step are the first `n_active[step]`.
    n_active = [int(np.count_nonzero(lengths > step)) for step in range(lengths.max())]
    starts = np.cumsum([0, *n_active])
    by_step = np.empty((starts[-1], scores[0].shape[1]), dtype="float32")
    for rank, sequence in enumerate(order):
        by_step[starts[: lengths[sequence]] + rank] = scores[sequence]
    came_from = np.empty(by_step.shape, dtype="int16")
    best = by_step[: n_active[0]] + start
    final = np.empty(len(order), dtype="int64")
    for step in range(1, len(n_active)):
        active = n_active[step]
        final[active : len(best)] = best[active:].argmax(axis=1)
        through = best[:active, :, None] + transitions
        rows = slice(starts[step], starts[step + 1])
        came_from[rows] = through.argmax(axis=1)
        best = through.max(axis=1) + by_step[rows]
    final[: len(best)] = best.argmax(axis=1)
    for rank, sequence in enumerate(order):
        path, current = paths[sequence], final[rank]
        for step in range(lengths[sequence] - 1, -1, -1):
            path[step] = current
            current = came_from[starts[step] + rank, current]
    return paths
