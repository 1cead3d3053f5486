"""Documents of any length cut into windows, the windows put into batches, and where their tokens stand in both."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import accumulate, pairwise
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

MAX_PADDED_TOKENS = 8192
"""Most tokens, padding included, that a layer is given at once."""
MAX_PADDED_VALUES = 2**20
"""Most numbers in their vectors: 4 MiB in single precision."""

ArrayTypes = TypeVar("ArrayTypes", bound=Any)
Indices = NDArray[np.int64]


class Windows(NamedTuple):
    """Parts of sequences, of each of which an encoder reads ``start:end`` at once and answers for
    ``core_start:core_end``; all *Shape:* ``(windows,)``."""

    sequence: Indices
    start: Indices
    end: Indices
    core_start: Indices
    core_end: Indices


class Part(NamedTuple):
    """Tokens of a sequence that stand side by side, and the row of the first of them in an array."""

    sequence: int
    start: int
    end: int
    row: int


class Places(NamedTuple):
    """Where tokens of sequences stand: in their sequences, and in an array that has a row for each."""

    tokens: Indices
    """The token of each row, counted over all sequences laid end to end. *Shape:* ``(rows,)``."""
    parts: Callable[[], list[Part]]
    """Finds the same as parts of sequences; rows that are left are padding."""


def most_tokens(width: int) -> int:
    """Most tokens, padding included, with vectors of a width that a layer is given at once."""
    return max(1, min(MAX_PADDED_TOKENS, MAX_PADDED_VALUES // max(1, width)))


def cut_windows(lengths: Sequence[int], *, size: int, context: int) -> Windows:
    """Cut sequences into windows so that each token is in the core of exactly one.

    A sequence of at most ``size`` tokens is one window. Of a longer one, each window has ``size`` tokens, and each
    token of a core has ``context`` tokens on both sides in its window, or all there are.

    Args:
        lengths: Number of tokens of each sequence.
        size: Most tokens of a window.
        context: Tokens on each side of the core of a window.
    """
    counts, stride = np.asarray(lengths, dtype="int64"), size - 2 * context
    last = np.maximum(counts - size, 0)  # where the last window starts
    n_windows = np.where(counts > 0, 1 - (-last // stride), 0)
    sequence = np.repeat(np.arange(len(counts)), n_windows)
    number = ranges(np.zeros_like(n_windows), n_windows)
    start = np.minimum(number * stride, last[sequence])
    end = np.minimum(start + size, counts[sequence])
    core_start = np.where(number > 0, number * stride + context, 0)
    core_end = np.where(end < counts[sequence], end - context, end)
    return Windows(sequence, start, end, core_start, core_end)


def batches(sizes: Sequence[int] | Indices, *, max_padded_tokens: int) -> Iterator[Indices]:
    """Group sequences by similar sizes, the longest first, so that little is padding where all of a group are padded to
    the longest. Those without tokens are in no group.

    Args:
        sizes: Number of tokens of each sequence.
        max_padded_tokens: Most tokens of a group, padding included; what is longer is a group of its own.

    Returns:
        The indices of each group. *Shape:* ``(group,)``.
    """
    counts = np.asarray(sizes, dtype="int64")
    order = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
    start = 0
    while start < len(order):
        end = start + max(1, max_padded_tokens // int(counts[order[start]]))
        yield order[start:end]
        start = end


def first_tokens(lengths: Sequence[int]) -> Indices:
    """The first token of each sequence, counted over all sequences. *Shape:* ``(sequences,)``."""
    counts = np.asarray(lengths, dtype="int64")
    first: Indices = np.cumsum(counts) - counts
    return first


def padded(windows: Windows, first: Indices) -> Places:
    """Windows one below the other, each with as many rows as the longest has tokens. A row that is left counts as the
    last token of its window; what is in it is for nobody.

    Args:
        windows: The windows.
        first: What :func:`first_tokens` returned.
    """
    sequence, start, end, _, _ = windows
    sizes = end - start
    longest = int(sizes.max())
    tokens = (first[sequence] + start)[:, None] + np.minimum(np.arange(longest), sizes[:, None] - 1)
    return Places(tokens.ravel(), partial(make_parts, sequence, start, end, np.arange(len(sizes)) * longest))


def consecutive(first: Indices, lengths: Sequence[int], start: int, end: int) -> Places:
    """Tokens of sequences laid end to end.

    Args:
        first: What :func:`first_tokens` returned.
        lengths: Number of tokens of each sequence.
        start: The first of the tokens, counted over all sequences.
        end: The token after the last one.
    """

    def parts() -> list[Part]:
        starts, ends = (np.clip(at - first, 0, lengths) for at in (start, end))
        (sequence,) = np.nonzero(starts < ends)
        starts, ends = starts[sequence], ends[sequence]
        return make_parts(sequence, starts, ends, first[sequence] + starts - start)

    return Places(np.arange(start, end), parts)


def make_parts(*values: Indices) -> list[Part]:
    """Parts of sequences from the values of each field."""
    return list(map(Part, *(value.tolist() for value in values)))


def ranges(starts: Indices, sizes: Indices) -> Indices:
    """The tokens of segments, one segment after the other.

    Args:
        starts: First token of each segment. *Shape:* ``(segments,)``.
        sizes: Number of tokens of each. *Shape:* ``(segments,)``.
    """
    tokens: Indices = np.arange(sizes.sum()) + np.repeat(starts - (np.cumsum(sizes) - sizes), sizes)
    return tokens


def by_document(values: ArrayTypes, lengths: Iterable[int]) -> list[ArrayTypes]:
    """Parts of an array that has the tokens of documents end to end, as Thinc's ``unflatten``, which takes as long as a
    small layer.

    Args:
        values: The array, along whose first axis the tokens are.
        lengths: Number of tokens of each document.
    """
    return [values[start:end] for start, end in pairwise(accumulate(lengths, initial=0))]
