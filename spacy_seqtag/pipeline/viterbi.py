"""The best sequence of classes under transition scores."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..models.batches import cut_windows, first_tokens, ranges
from ..models.crf import time_major
from ..models.types import Transitions

PIECE = 512
"""Tokens of the pieces that longer sequences are cut into."""
LEAD = 64
"""Tokens that a piece has in common with the one before it, and with the one after it."""

Classes = NDArray[np.int64]
Scores = NDArray[np.floating[Any]]


def viterbi(scores: Scores, lengths: Sequence[int], transitions: Transitions) -> Classes:
    """Find the sequence of classes with the highest sum of scores (Viterbi 1967), for a batch of sequences at once.

    Args:
        scores: Scores of the tokens, the sequences end to end. *Shape:* ``(tokens, classes)``.
        lengths: Number of tokens of each sequence.
        transitions: Their scores.

    Returns:
        The classes of the tokens. *Shape:* ``(tokens,)``.
    """
    if max(lengths, default=0) > PIECE + 2 * LEAD:
        path = in_pieces(scores, lengths, transitions)
        if path is not None:
            return path
    if len(lengths) == 1 and lengths[0]:
        return best_path(scores, *transitions)
    return best_paths(scores, lengths, *transitions, np.zeros(0, dtype="int64"))[0]


def best_path(scores: Scores, between: Scores, start: Scores, end: Scores) -> Classes:
    """The best sequence for one that is on its own, without what it takes to have several side by side.

    Args:
        scores: Scores of the tokens, one at least. *Shape:* ``(tokens, classes)``.
        between: Scores of the transitions. *Shape:* ``(classes, classes)``.
        start: Scores of the first class.
        end: Scores of the last class.

    Returns:
        The classes of the tokens. *Shape:* ``(tokens,)``.
    """
    into = np.ascontiguousarray(between.T)
    reached = list(scores.astype("float64"))  # the sums over long documents are large
    reached[0] += start
    for before, at in pairwise(reached):
        at += np.maximum.reduce(into + before, axis=1)
    at = reached[-1] + end
    path = [at.argmax()]
    for before in reversed(reached[:-1]):
        path.append((before + into[path[-1]]).argmax())
    return np.asarray(path[::-1])


def in_pieces(scores: Scores, lengths: Sequence[int], transitions: Transitions) -> Classes | None:
    """The same as :func:`viterbi` with pieces of long sequences side by side, or None where that is not sure to be the
    best sequence.

    A piece is decoded as if nothing was known of what is before and after it. Usually all best paths to some token of
    its lead come from one token; from there on, their sums differ by a constant from those of the whole sequence. Where
    that is so at the start of a piece's core, and the piece before it, which reads on, is of the same class there, the
    cores are the best sequence.
    """
    between, start, end = transitions
    sequences, starts, ends, core_starts, core_ends = cut_windows(lengths, size=PIECE + 2 * LEAD, context=LEAD)
    sizes = ends - starts
    offsets = np.cumsum(sizes) - sizes - starts  # from a token's place in its sequence to that among the pieces' tokens
    places, tokens = ranges(starts, sizes), ranges(first_tokens(lengths)[sequences] + starts, sizes)
    later = np.flatnonzero(core_starts)
    meetings = core_starts[later] + np.stack([offsets[later - 1], offsets[later]])
    is_last = ends == np.asarray(lengths)[sequences]
    path, sums = best_paths(
        scores[tokens],
        sizes.tolist(),
        between,
        np.where(starts[:, None] == 0, start, np.zeros_like(start)),
        np.where(is_last[:, None], end, np.zeros_like(end)),
        meetings,
    )
    with np.errstate(invalid="ignore"):  # where no class is possible
        before, after = sums - sums.max(axis=2, keepdims=True)
    if not np.allclose(before, after, rtol=0, atol=1e-9) or (path[meetings[0]] != path[meetings[1]]).any():
        return None
    in_core = (places >= np.repeat(core_starts, sizes)) & (places < np.repeat(core_ends, sizes))
    return path[in_core]


def best_paths(
    scores: Scores, lengths: Sequence[int], between: Scores, start: Scores, end: Scores, asked: Classes
) -> tuple[Classes, Scores]:
    """The best sequences, and the sums of scores on the way to some of their tokens.

    Args:
        scores: Scores of the tokens, the sequences end to end. *Shape:* ``(tokens, classes)``.
        lengths: Number of tokens of each sequence.
        between: Scores of the transitions. *Shape:* ``(classes, classes)``.
        start: Scores of the first classes, for all sequences or each. *Shape:* ``([sequences,] classes)``.
        end: Scores of the last classes, likewise.
        asked: Indices of the tokens whose sums are asked for, if any. *Shape:* ``(...)``.

    Returns:
        The classes of the tokens, of the shape ``(tokens,)``, and of the tokens that were asked for and each class the
        score of the best path to it, of the shape ``(..., classes)``.
    """
    order, n_active, sequences = time_major(lengths)
    path = np.empty(len(order), dtype="int64")
    if not n_active:
        return path, np.empty((*asked.shape, len(between)))
    start, end = (np.broadcast_to(x, (len(lengths), len(between)))[sequences] for x in (start, end))
    best = scores[order].astype("float64")  # the sums over long documents are large
    steps = [slice(*bounds) for bounds in pairwise(np.cumsum([0, *n_active]).tolist())]
    reached = [best[step] for step in steps]
    reached[0] += start
    for before, at in pairwise(reached):
        at += np.maximum.reduce(before[: len(at), :, None] + between, axis=1)
    position = np.empty_like(order)
    position[order] = np.arange(len(order))
    sums = best[position[asked]]
    # The way back asks for the best class before one that is known, not before each of them.
    into = np.ascontiguousarray(between.T)
    following = np.empty(0, dtype="int64")
    for step, at in zip(reversed(steps), reversed(reached), strict=True):
        n_going_on = len(following)
        at[:n_going_on] += into[following]
        at[n_going_on:] += end[n_going_on : len(at)]
        following = path[step] = at.argmax(axis=1)
    return path[position], sums
