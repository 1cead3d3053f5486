"""Token vectors that are computed where they are read, so that those of a long document need not all be in memory."""

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Any, TypeAlias

from thinc.api import Ops
from thinc.types import Floats2d, Ints1d


class LazyRows:
    """The vectors of a document's tokens.

    Args:
        ops: Of the arrays.
        shape: Number of tokens, and width of the vectors.
        write: Computes the vectors of a slice of the tokens, which has a start and an end, into an array of the shape
            ``(tokens, width)``.
    """

    def __init__(self, ops: Ops, shape: tuple[int, int], write: Callable[[slice, Floats2d], None]) -> None:
        self.ops = ops
        self.shape = shape
        self.write = write

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, tokens: slice) -> Floats2d:
        start, end, _ = tokens.indices(len(self))
        vectors = self.ops.alloc2f(max(0, end - start), self.shape[1], zeros=False)
        self.write(slice(start, end), vectors)
        return vectors


Rows: TypeAlias = LazyRows | Floats2d
"""The vectors of a document's tokens, which are read by slices."""


class LazyVectors(list[Floats2d]):
    """The vectors of documents. To whoever takes an item or goes through them it is a list of arrays, each of which is
    computed when it is taken; a layer that reads a part at a time finds in ``rows`` what it can slice.

    Args:
        rows: The vectors of each document.
    """

    def __init__(self, rows: Sequence[Rows]) -> None:
        super().__init__(rows)  # type: ignore[arg-type]

    @property
    def rows(self) -> Sequence[Rows]:
        """The vectors of each document, as they were given."""
        return super().copy()

    def __iter__(self) -> Iterator[Floats2d]:
        return (rows[:] for rows in self.rows)

    def __reversed__(self) -> Iterator[Floats2d]:
        return (rows[:] for rows in reversed(self.rows))

    def __getitem__(self, index: Any) -> Any:
        found: Any = super().__getitem__(index)
        return LazyVectors(found) if isinstance(index, slice) else found[:]

    def __add__(self, others: Any) -> Any:
        return list(self) + list(others)

    def copy(self) -> "LazyVectors":
        return LazyVectors(self.rows)


def rows_of(vectors: list[Floats2d]) -> Sequence[Rows]:
    """The vectors of each document, to be read by slices."""
    return vectors.rows if isinstance(vectors, LazyVectors) else vectors


def write_rows(rows: Rows, tokens: slice, out: Floats2d) -> None:
    """Write the vectors of a slice of the tokens into an array.

    Args:
        rows: The vectors of a document's tokens.
        tokens: The slice, which has a start and an end.
        out: The array. *Shape:* ``(tokens, width)``.

    Raises:
        ValueError: If the widths differ.
    """
    if rows.shape[1] != out.shape[1]:
        raise ValueError(f"the vectors have {rows.shape[1]} dimensions, the layer that reads them wants {out.shape[1]}")
    if isinstance(rows, LazyRows):
        rows.write(tokens, out)
    else:
        out[:] = rows[tokens]


def rows_at(ops: Ops, vectors: Floats2d, index: Ints1d) -> LazyRows:
    """Vectors of which several tokens have the same, taken where they are read.

    Args:
        ops: Of the arrays.
        vectors: The vectors.
        index: Which of them each token of a document has. *Shape:* ``(tokens,)``.
    """

    def write(tokens: slice, out: Floats2d) -> None:
        out[:] = vectors[index[tokens]]

    return LazyRows(ops, (len(index), vectors.shape[1]), write)


def side_by_side(ops: Ops, parts: Sequence[Rows]) -> LazyRows:
    """Vectors of the same tokens, put together where they are read.

    Args:
        ops: Of the arrays.
        parts: The vectors of a document's tokens, several times.
    """
    bounds = [0, *accumulate(part.shape[1] for part in parts)]

    def write(tokens: slice, out: Floats2d) -> None:
        for part, start, end in zip(parts, bounds, bounds[1:], strict=False):
            write_rows(part, tokens, out[:, start:end])

    return LazyRows(ops, (len(parts[0]), bounds[-1]), write)


def joined(ops: Ops, layers: Sequence[Sequence[Rows]]) -> list[Rows]:
    """Vectors of several layers side by side. Of an empty document, of which a listener may give nothing with the right
    width, the result has it.

    Args:
        ops: Of the arrays.
        layers: Of each layer the vectors of the documents; one document at least has a token.
    """
    documents = list(zip(*layers, strict=True))
    width = sum(part.shape[1] for part in next(parts for parts in documents if len(parts[0])))
    empty = ops.alloc2f(0, width)
    return [side_by_side(ops, parts) if len(parts[0]) else empty for parts in documents]
