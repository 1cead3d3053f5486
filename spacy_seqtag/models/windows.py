"""Documents of any length as padded batches of windows."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any, NamedTuple, TypeVar

from thinc.api import Model, Ops
from thinc.layers.with_array import forward as forward_array
from thinc.layers.with_array import init as init_array
from thinc.types import Floats2d, Floats3d

from .lazy import Rows, rows_of, write_rows
from .threads import for_each
from .types import Encode, EncodePadded, PaddedBatch

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


def most_tokens(width: int) -> int:
    """Most tokens, padding included, with vectors of a width that a layer is given at once."""
    return max(1, min(MAX_PADDED_TOKENS, MAX_PADDED_VALUES // width))


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


def with_windows(layer: EncodePadded, *, size: int, context: int) -> Encode:
    """Apply a layer for padded batches to a list of sequences of any length, in bounded memory.

    Args:
        layer: The layer.
        size: Most tokens that the layer sees of a sequence at once.
        context: Tokens on each side that a token's result rests on, where a sequence is longer than ``size``.

    Raises:
        ValueError: If ``context`` on both sides leaves no room for a token.
    """
    if size <= 2 * context:
        raise ValueError(f"the window must be larger than its context on both sides: {size} against 2 * {context}")
    return Model(
        f"with_windows({layer.name})",
        forward,
        init=init,
        layers=[layer],
        dims={"nI": layer.maybe_get_dim("nI"), "nO": layer.maybe_get_dim("nO")},
        attrs={"size": size, "context": context},
    )


def init(model: Encode, X: list[Floats2d] | None = None, Y: list[Floats2d] | None = None) -> None:
    layer: EncodePadded = model.layers[0]
    if X:
        model.set_dim("nI", X[0].shape[1], force=True)
    elif Y and model.has_dim("nO") is None:
        model.set_dim("nO", Y[0].shape[1])
    for dim in ("nI", "nO"):
        if model.has_dim(dim):
            layer.set_dim(dim, model.get_dim(dim), force=True)
    layer.initialize()


def forward(
    model: Encode, X: list[Floats2d], is_train: bool
) -> tuple[list[Floats2d], Callable[[list[Floats2d]], list[Floats2d]]]:
    layer: EncodePadded = model.layers[0]
    nO = model.get_dim("nO")
    rows = rows_of(X)
    lengths = [len(x) for x in rows]
    windows = cut_windows(lengths, size=model.attrs["size"], context=model.attrs["context"])
    Y = alloc_vectors(model.ops, lengths, nO)
    backprops = []

    def encode(batch: list[Window]) -> None:
        Yp, backprop_batch = layer(pad(model, rows, batch), is_train)
        for y, w in zip(Yp, batch, strict=True):
            Y[w.sequence][w.core_start : w.core_end] = y[w.core_start - w.start : w.core_end - w.start]
        if is_train:
            backprops.append((batch, backprop_batch))

    batches = list(batch_windows(windows, max_padded_tokens=most_tokens(model.get_dim("nI"))))
    if is_train:
        for batch in batches:
            encode(batch)
    else:
        for_each(batches, encode)

    def backprop(dY: list[Floats2d]) -> list[Floats2d]:
        dX = [model.ops.alloc2f(length, model.get_dim("nI")) for length in lengths]
        for batch, backprop_batch in backprops:
            dYp = model.ops.alloc3f(len(batch), batch[0].end - batch[0].start, nO)
            for dy, w in zip(dYp, batch, strict=True):
                dy[w.core_start - w.start : w.core_end - w.start] = dY[w.sequence][w.core_start : w.core_end]
            for dx, w in zip(backprop_batch(dYp)[0], batch, strict=True):
                dX[w.sequence][w.start : w.end] += dx[: w.end - w.start]
        return dX

    return Y, backprop


def alloc_vectors(ops: Ops, lengths: Sequence[int], width: int) -> list[Floats2d]:
    """Arrays to write vectors into: parts of one, which the system hands out many times as fast as many.

    Args:
        ops: Of the arrays.
        lengths: Number of vectors of each array.
        width: Of the vectors.
    """
    return by_document(ops.alloc2f(sum(lengths), width, zeros=False), lengths)


def by_document(values: ArrayTypes, lengths: Iterable[int]) -> list[ArrayTypes]:
    """Parts of an array that has the tokens of documents end to end, as Thinc's ``unflatten``, which takes as long as a
    small layer.

    Args:
        values: The array, along whose first axis the tokens are.
        lengths: Number of tokens of each document.
    """
    return [values[start:end] for start, end in pairwise(accumulate(lengths, initial=0))]


def pad(model: Encode, X: Sequence[Rows], batch: list[Window]) -> PaddedBatch:
    Xp: Floats3d = model.ops.alloc3f(len(batch), batch[0].end - batch[0].start, model.get_dim("nI"))
    for xp, w in zip(Xp, batch, strict=True):
        write_rows(X[w.sequence], slice(w.start, w.end), xp[: w.end - w.start])
    return Xp, model.ops.asarray1i([w.end - w.start for w in batch])


def with_tokens(layer: Model[Floats2d, Floats2d]) -> Encode:
    """Apply a layer that looks at each token on its own to a list of sequences, as Thinc's ``with_array`` does, but
    predict in bounded memory.

    Args:
        layer: The layer.
    """
    return Model(
        f"with_tokens({layer.name})",
        forward_tokens,
        init=init_array,
        layers=[layer],
        dims={"nI": layer.maybe_get_dim("nI"), "nO": layer.maybe_get_dim("nO")},
        attrs={"pad": 0},
    )


def forward_tokens(
    model: Encode, X: list[Floats2d], is_train: bool
) -> tuple[list[Floats2d], Callable[[list[Floats2d]], list[Floats2d]]]:
    layer: Model[Floats2d, Floats2d] = model.layers[0]
    rows = rows_of(X)
    lengths = [len(x) for x in rows]
    if is_train or not any(lengths):
        output: tuple[list[Floats2d], Callable[[list[Floats2d]], list[Floats2d]]] = forward_array(
            model, list(X), is_train
        )
        return output
    Y = model.ops.alloc2f(sum(lengths), model.get_dim("nO"), zeros=False)
    start = 0
    for part in parts_of(rows, lengths, most=most_tokens(max(x.shape[1] for x in rows))):
        x = part[0] if len(part) == 1 else model.ops.xp.concatenate(part)
        Y[start : start + len(x)] = layer.predict(x)
        start += len(x)
    return by_document(Y, lengths), lambda dY: []


def parts_of(rows: Sequence[Rows], lengths: Sequence[int], *, most: int) -> Iterator[list[Floats2d]]:
    """The vectors of documents in their order, no more at once than may be."""
    part: list[Floats2d] = []
    room = most
    for w in cut_windows(lengths, size=most, context=0):
        n_tokens = w.core_end - w.core_start
        if n_tokens > room:
            yield part
            part, room = [], most
        part.append(rows[w.sequence][w.core_start : w.core_end])
        room -= n_tokens
    yield part
