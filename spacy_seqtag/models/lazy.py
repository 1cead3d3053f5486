"""Token vectors that are computed where they are read, so that those of a long document need not all be in memory."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

from thinc.api import Ops
from thinc.types import Floats2d


class LazyRows:
    """The vectors of a document's tokens.

    Args:
        shape: Number of tokens, and width of the vectors.
        read: Computes the vectors of a slice of the tokens, which has a start and an end. *Shape:* ``(tokens, width)``.
    """

    def __init__(self, shape: tuple[int, int], read: Callable[[slice], Floats2d]) -> None:
        self.shape = shape
        self.read = read

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, tokens: slice) -> Floats2d:
        return self.read(slice(*tokens.indices(len(self))))


Rows: TypeAlias = LazyRows | Floats2d
"""The vectors of a document's tokens, which are read by slices."""


class LazyVectors(list[Floats2d]):
    """The vectors of documents. To whoever takes an item it is a list of arrays, each of which is computed when it is
    taken; a layer that reads a part at a time finds in ``rows`` what it can slice.

    Args:
        rows: The vectors of each document.
    """

    def __init__(self, rows: Sequence[Rows]) -> None:
        super().__init__(rows)  # type: ignore[arg-type]
        self.rows = rows

    def __iter__(self) -> Iterator[Floats2d]:
        return (rows[:] for rows in self.rows)

    def __getitem__(self, index: Any) -> Any:
        return LazyVectors(self.rows[index]) if isinstance(index, slice) else self.rows[index][:]


def rows_of(vectors: list[Floats2d]) -> Sequence[Rows]:
    """The vectors of each document, to be read by slices."""
    return vectors.rows if isinstance(vectors, LazyVectors) else vectors


def side_by_side(ops: Ops, parts: Sequence[Rows]) -> LazyRows:
    """Vectors of the same tokens, put together where they are read.

    Args:
        ops: Of the arrays.
        parts: The vectors of a document's tokens, several times.
    """
    width = sum(part.shape[1] for part in parts)
    return LazyRows((len(parts[0]), width), lambda tokens: ops.xp.hstack([part[tokens] for part in parts]))
