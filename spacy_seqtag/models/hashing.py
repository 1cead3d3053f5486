"""Hashes of words, many at once: found among others, and two made one."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

MIX = np.uint64(0x9E3779B97F4A7C15)
"""An odd number, so that its products with 64-bit numbers differ as these do."""
HALF = np.uint64(32)

Hashes = NDArray[np.uint64]


def hash_pairs(first: Hashes, second: Any) -> Hashes:
    """One hash for two, all bits of which depend on both. It is as unlikely to be that of another pair as two of
    spaCy's hashes are to be the same.

    Args:
        first: The first of each pair.
        second: The second of each, or of all, in a shape that fits that of the first.
    """
    keys: Hashes = (first ^ (first >> HALF)) * MIX + second
    keys ^= keys >> HALF
    keys *= MIX
    return keys


def find(words: Hashes, known: Hashes) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Where words stand among known ones.

    Args:
        words: The words. *Shape:* ``(words,)``.
        known: The known ones, sorted.

    Returns:
        The position of each word, and whether it is known; where it is not, the position is of nothing.
    """
    if not len(known):
        return np.zeros(len(words), dtype="int64"), np.zeros(len(words), dtype="bool")
    positions = np.minimum(np.searchsorted(known, words), len(known) - 1)
    return positions, known[positions] == words
