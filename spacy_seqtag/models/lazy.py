"""Token vectors that are computed where they are read, so that those of a long document need not all be in memory, and
of short documents those of many are computed at once."""

import ctypes
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from thinc.api import Ops
from thinc.types import Floats2d, Ints1d

from .batches import Places, consecutive, first_tokens, most_tokens

Write = Callable[[Places, Floats2d], None]


class LazyVectors(list[Floats2d]):
    """The vectors of documents. To whoever takes an item or goes through them it is a list of arrays, each of which is
    computed when it is taken, that cannot be changed; a layer that looks at a part at a time calls :meth:`read`.

    Args:
        ops: Of the arrays.
        lengths: Number of tokens of each document.
        width: Width of the vectors.
        write: Computes vectors into an array with a row for each token, *Shape:* ``(rows, width)``. In rows of padding
            it writes any finite numbers.
        computed: The vectors of all documents end to end, if they are there already. *Shape:* ``(tokens, width)``.
    """

    def __init__(
        self, ops: Ops, lengths: list[int], width: int, write: Write, *, computed: Floats2d | None = None
    ) -> None:
        super().__init__(lengths)  # type: ignore[arg-type]
        self.ops = ops
        self.lengths = lengths
        self.width = width
        self.write = write
        self.computed = computed

    @cached_property
    def first(self) -> NDArray[np.int64]:
        """The first token of each document, counted over all of them. *Shape:* ``(documents,)``."""
        return first_tokens(self.lengths)

    def read(self, places: Places) -> Floats2d:
        """The vectors of tokens. *Shape:* ``(rows, width)``."""
        vectors = self.ops.alloc2f(len(places.tokens), self.width, zeros=False)
        self.write(places, vectors)
        return vectors

    def parts(self) -> Iterator[tuple[slice, Floats2d]]:
        """All vectors in their order, no more at once than a layer is given.

        Returns:
            The tokens of each part, counted over all documents, and their vectors, to be read only.
            *Shape:* ``(tokens, width)``.
        """
        most, n_tokens = most_tokens(self.width), sum(self.lengths)
        for start in range(0, n_tokens, most):
            tokens = slice(start, min(start + most, n_tokens))
            yield tokens, self.read_consecutive(tokens)

    def read_consecutive(self, tokens: slice) -> Floats2d:
        """The vectors of tokens that stand side by side, to be read only. *Shape:* ``(tokens, width)``.

        Args:
            tokens: The tokens, counted over all documents.
        """
        if self.computed is not None:
            return self.computed[tokens]
        return self.read(consecutive(self.first, self.lengths, tokens.start, tokens.stop))

    def __iter__(self) -> Iterator[Floats2d]:
        return map(self.__getitem__, range(len(self)))

    def __reversed__(self) -> Iterator[Floats2d]:
        return map(self.__getitem__, reversed(range(len(self))))

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        sequence = range(len(self))[index]
        first = int(self.first[sequence])
        return self.read(consecutive(self.first, self.lengths, first, first + self.lengths[sequence]))

    def __add__(self, others: Any) -> Any:
        return list(self) + list(others)

    def __radd__(self, others: Any) -> Any:
        return list(others) + list(self)

    def __reduce__(self) -> Any:
        return list, (list(self),)

    def copy(self) -> list[Floats2d]:
        return list(self)

    def unchangeable(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("these vectors are computed where they are read, and cannot be changed: make a list of them")

    __setitem__ = __delitem__ = __iadd__ = __mul__ = __rmul__ = __imul__ = unchangeable
    append = extend = insert = pop = remove = clear = reverse = sort = unchangeable


def lazy(ops: Ops, vectors: list[Floats2d]) -> LazyVectors:
    """Vectors to be read a part at a time, which they may be already.

    Args:
        ops: Of the arrays.
        vectors: The vectors of each document. Their width is that of a document with tokens: of an empty one a listener
            may give nothing with another width.

    Raises:
        ValueError: If the widths of documents with tokens differ.
    """
    if isinstance(vectors, LazyVectors):
        return vectors
    widths = {x.shape[1] for x in [x for x in vectors if len(x)] or vectors}
    if len(widths) > 1 and any(map(len, vectors)):
        raise ValueError(f"the vectors of some documents have {min(widths)} dimensions, those of others {max(widths)}")
    lengths, width = [len(x) for x in vectors], max(widths, default=0)
    whole = end_to_end([x for x in vectors if len(x)])

    def write(places: Places, out: Floats2d) -> None:
        if whole is not None:
            take(ops, whole, ops.asarray(cast(Any, places.tokens)), out)
            return
        out[:] = 0
        for sequence, start, end, row in places.parts():
            out[row : row + end - start] = vectors[sequence][start:end]

    return LazyVectors(ops, lengths, width, write, computed=whole)


def end_to_end(vectors: Sequence[Any]) -> Any:
    """The array in whose rows the vectors of documents stand one below the other, as a layer for batches leaves them;
    None if they do not.

    Args:
        vectors: Those of each document, which has a token at least.
    """
    if len(vectors) == 1 and is_plain(vectors[0]):
        return vectors[0]
    whole = getattr(vectors[0], "base", None) if vectors else None
    if not isinstance(whole, np.ndarray) or whole.ndim != 2 or whole.dtype != "float32":
        return None
    if any(x.base is not whole for x in vectors):
        return None
    try:
        first = end = address(vectors[0])
        for x in vectors:
            if address(x) != end:
                return None
            end += x.nbytes
        start, skipped = divmod(first - address(whole), whole.strides[0])
    except (TypeError, ValueError):  # arrays that are not contiguous, or not to be written to
        return None
    if skipped or vectors[0].shape[1] != whole.shape[1]:
        return None
    return whole[start : start + (end - first) // whole.strides[0]]


def is_plain(x: Any) -> bool:
    """Whether an array is in single precision, contiguous and to be written to, as layers want it."""
    flags = x.flags
    return bool(x.dtype == "float32" and (flags.carray if isinstance(x, np.ndarray) else flags.c_contiguous))


def address(x: Any) -> int:
    """Where the numbers of an array begin, in a third of the time that NumPy takes to say so.

    Raises:
        TypeError, ValueError: If it is not contiguous or not to be written to.
    """
    return ctypes.addressof(ctypes.c_char.from_buffer(x))


def vectors_at(ops: Ops, vectors: Floats2d, index: Ints1d, lengths: list[int]) -> LazyVectors:
    """Vectors of which several tokens have the same, taken where they are read.

    Args:
        ops: Of the arrays.
        vectors: The vectors.
        index: Which of them each token has, the documents end to end. *Shape:* ``(tokens,)``.
        lengths: Number of tokens of each document.
    """

    def write(places: Places, out: Floats2d) -> None:
        take(ops, vectors, index[ops.asarray(cast(Any, places.tokens))], out)

    return LazyVectors(ops, lengths, vectors.shape[1], write)


def take(ops: Ops, vectors: Floats2d, index: Any, out: Any) -> None:
    """Write vectors below each other, as ``out[:] = vectors[index]``, for which NumPy takes twice as long.

    Args:
        ops: Of the arrays.
        vectors: The vectors. *Shape:* ``(vectors, width)``.
        index: Which of them, all there. *Shape:* ``(rows,)``.
        out: Where to. *Shape:* ``(rows, width)``.
    """
    if out.flags.c_contiguous and isinstance(out, np.ndarray):
        np.take(cast(Any, vectors), index, axis=0, out=out, mode="clip")
    else:
        out[:] = ops.xp.take(vectors, index, axis=0)


def side_by_side(ops: Ops, layers: Sequence[LazyVectors]) -> LazyVectors:
    """Vectors of the same documents, put together where they are read.

    Args:
        ops: Of the arrays.
        layers: Those of each layer.

    Raises:
        ValueError: If layers have another number of vectors of a document.
    """
    if any(vectors.lengths != layers[0].lengths for vectors in layers):
        counts = ", ".join(str(sum(vectors.lengths)) for vectors in layers)
        raise ValueError(f"the layers have vectors of different documents: of {counts} tokens in all")
    bounds = list(pairwise(accumulate((vectors.width for vectors in layers), initial=0)))

    def write(places: Places, out: Floats2d) -> None:
        for vectors, (start, end) in zip(layers, bounds, strict=True):
            vectors.write(places, out[:, start:end])

    return LazyVectors(ops, layers[0].lengths, bounds[-1][1], write)
