"""Token vectors that are computed where they are read, so that those of a long document need not all be in memory, and
of short documents those of many are computed at once."""

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any, cast

from thinc.api import Ops
from thinc.types import Floats2d, Ints1d

from .batches import Places, Window, end_to_end, first_tokens

Write = Callable[[Places, Floats2d], None]
"""Computes the vectors of tokens into an array with a row for each: *Shape:* ``(rows, width)``."""


class LazyVectors(list[Floats2d]):
    """The vectors of documents. To whoever takes an item or goes through them it is a list of arrays, each of which is
    computed when it is taken; a layer that reads a part at a time calls ``write``.

    Args:
        ops: Of the arrays.
        lengths: Number of tokens of each document.
        width: Width of the vectors.
        write: Computes vectors.
    """

    def __init__(self, ops: Ops, lengths: Sequence[int], width: int, write: Write) -> None:
        super().__init__(lengths)  # type: ignore[arg-type]
        self.ops = ops
        self.lengths = lengths
        self.width = width
        self.write = write

    def read(self, places: Places) -> Floats2d:
        """The vectors of tokens. *Shape:* ``(rows, width)``."""
        vectors = self.ops.alloc2f(len(places.tokens), self.width, zeros=False)
        self.write(places, vectors)
        return vectors

    def __iter__(self) -> Iterator[Floats2d]:
        return map(self.__getitem__, range(len(self)))

    def __reversed__(self) -> Iterator[Floats2d]:
        return map(self.__getitem__, reversed(range(len(self))))

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        sequence = range(len(self))[index]
        length = self.lengths[sequence]
        if not length:
            return self.ops.alloc2f(0, self.width)
        return self.read(end_to_end([Window(sequence, 0, length, 0, length)], first_tokens(self.lengths)))

    def __add__(self, others: Any) -> Any:
        return list(self) + list(others)

    def copy(self) -> list[Floats2d]:
        return list(self)


def lazy(ops: Ops, vectors: list[Floats2d]) -> LazyVectors:
    """Vectors to be read a part at a time, which they may be already.

    Args:
        ops: Of the arrays.
        vectors: The vectors of each document. Their width is that of a document with tokens: of an empty one a listener
            may give nothing with another width.
    """
    if isinstance(vectors, LazyVectors):
        return vectors

    def write(places: Places, out: Floats2d) -> None:
        for w, row in zip(places.windows, places.rows, strict=True):
            out[row : row + w.end - w.start] = vectors[w.sequence][w.start : w.end]

    width = max((x.shape[1] for x in [x for x in vectors if len(x)] or vectors), default=0)
    return LazyVectors(ops, [len(x) for x in vectors], width, write)


def vectors_at(ops: Ops, vectors: Floats2d, index: Ints1d, lengths: Sequence[int]) -> LazyVectors:
    """Vectors of which several tokens have the same, taken where they are read.

    Args:
        ops: Of the arrays.
        vectors: The vectors.
        index: Which of them each token has, the documents end to end. *Shape:* ``(tokens,)``.
        lengths: Number of tokens of each document.
    """

    def write(places: Places, out: Floats2d) -> None:
        out[:] = vectors[index[ops.asarray(cast(Any, places.tokens))]]

    return LazyVectors(ops, lengths, vectors.shape[1], write)


def side_by_side(ops: Ops, layers: Sequence[LazyVectors]) -> LazyVectors:
    """Vectors of the same documents, put together where they are read.

    Args:
        ops: Of the arrays.
        layers: Those of each layer.
    """
    bounds = list(pairwise(accumulate((vectors.width for vectors in layers), initial=0)))

    def write(places: Places, out: Floats2d) -> None:
        for vectors, (start, end) in zip(layers, bounds, strict=True):
            vectors.write(places, out[:, start:end])

    return LazyVectors(ops, layers[0].lengths, bounds[-1][1], write)
