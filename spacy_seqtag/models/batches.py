"""Documents of any length cut into windows, the windows put into batches, and where their tokens stand in both."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

MAX_PADDED_TOKENS = 8192
"""Most tokens, padding included, that a layer is given at once."""
MAX_PADDED_VALUES = 2**20
"""Most numbers in their vectors: 4 MiB in single precision."""

ArrayTypes = TypeVar("ArrayTypes", bound=Any)


class Window(NamedTuple):
    """Part of a sequence: an encoder reads ``start:end`` at once, and answers for ``core_start:core_end``."""

    sequence: int
    start: int
    end: int
    core_start: int
    core_end: int


class Places(NamedTuple):
    """Where the tokens of windows stand: in their sequences, and in an array that has a row for each."""

    windows: Sequence[Window]
    rows: Sequence[int]
    """The row of the first token of each window."""
    tokens: NDArray[np.int64]
    """The token of each row, counted over all sequences laid end to end. *Shape:* ``(rows,)``."""


def most_tokens(width: int) -> int:
    """Most tokens, padding included, with vectors of a width that a layer is given at once."""
    return max(1, min(MAX_PADDED_TOKENS, MAX_PADDED_VALUES // max(1, width)))


def cut_windows(lengths: Sequence[int], *, size: int, context: int) -> list[Window]:
    """Cut sequences into windows so that each token is in the core of exactly one.

    A sequence of at most ``size`` tokens is one window. Of a longer one, each window has ``size`` tokens, and each
    token of a core has ``context`` tokens on both sides in its window, or all there are.

    Args:
        lengths: Number of tokens of each sequence.
        size: Most tokens of a window.
        context: Tokens on each side of the core of a window.
    """
    windows = []
    for sequence, length in enumerate(lengths):
        if 0 < length <= size:
            windows.append(Window(sequence, 0, length, 0, length))
            continue
        core_end = 0
        while core_end < length:
            start = max(0, min(core_end - context, length - size))
            end = min(start + size, length)
            core_start, core_end = core_end, end - context if end < length else end
            windows.append(Window(sequence, start, end, core_start, core_end))
    return windows


def batch_windows(windows: Sequence[Window], *, max_padded_tokens: int) -> Iterator[list[Window]]:
    """Group windows of similar length, the longest first, so that little is padding.

    Args:
        windows: The windows.
        max_padded_tokens: Most tokens of a group, padding included; a longer window is a group of its own.
    """
    batch: list[Window] = []
    for window in sorted(windows, key=lambda w: w.start - w.end):
        if batch and (len(batch) + 1) * (batch[0].end - batch[0].start) > max_padded_tokens:
            yield batch
            batch = []
        batch.append(window)
    if batch:
        yield batch


def first_tokens(lengths: Sequence[int]) -> NDArray[np.int64]:
    """The first token of each sequence, counted over all sequences. *Shape:* ``(sequences,)``."""
    counts = np.asarray(lengths, dtype="int64")
    first: NDArray[np.int64] = np.cumsum(counts) - counts
    return first


def padded(windows: Sequence[Window], first: NDArray[np.int64]) -> Places:
    """Windows one below the other, each with as many rows as the longest has tokens. A row that is left counts as the
    last token of its window; what is in it is for nobody.

    Args:
        windows: The windows.
        first: What :func:`first_tokens` returned.
    """
    starts, sizes = starts_and_sizes(windows, first)
    longest = int(sizes.max())
    tokens = starts[:, None] + np.minimum(np.arange(longest), sizes[:, None] - 1)
    return Places(windows, range(0, tokens.size, longest), tokens.ravel())


def end_to_end(windows: Sequence[Window], first: NDArray[np.int64]) -> Places:
    """Windows laid end to end.

    Args:
        windows: The windows.
        first: What :func:`first_tokens` returned.
    """
    starts, sizes = starts_and_sizes(windows, first)
    return Places(windows, (np.cumsum(sizes) - sizes).tolist(), ranges(starts, sizes))


def starts_and_sizes(
    windows: Sequence[Window], first: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The first token of each window, counted over all sequences, and how many it has."""
    sequences, starts, ends, _, _ = np.asarray(windows, dtype="int64").T
    return first[sequences] + starts, ends - starts


def parts(lengths: Sequence[int], *, width: int) -> Iterator[Places]:
    """All tokens of sequences in their order, no more at once than a layer is given.

    Args:
        lengths: Number of tokens of each sequence.
        width: Width of their vectors.
    """
    most, first = most_tokens(width), first_tokens(lengths)
    part: list[Window] = []
    room = most
    for w in cut_windows(lengths, size=most, context=0):
        n_tokens = w.core_end - w.core_start
        if n_tokens > room:
            yield end_to_end(part, first)
            part, room = [], most
        part.append(w if w.start == w.core_start else w._replace(start=w.core_start))
        room -= n_tokens
    if part:
        yield end_to_end(part, first)


def ranges(starts: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """The tokens of segments, one segment after the other.

    Args:
        starts: First token of each segment. *Shape:* ``(segments,)``.
        sizes: Number of tokens of each. *Shape:* ``(segments,)``.
    """
    tokens: NDArray[np.int64] = np.arange(sizes.sum()) + np.repeat(starts - (np.cumsum(sizes) - sizes), sizes)
    return tokens


def by_document(values: ArrayTypes, lengths: Iterable[int]) -> list[ArrayTypes]:
    """Parts of an array that has the tokens of documents end to end, as Thinc's ``unflatten``, which takes as long as a
    small layer.

    Args:
        values: The array, along whose first axis the tokens are.
        lengths: Number of tokens of each document.
    """
    return [values[start:end] for start, end in pairwise(accumulate(lengths, initial=0))]
