"""Layers for documents of any length, which they read as batches of windows."""

from collections.abc import Callable

from thinc.api import Model
from thinc.layers.with_array import forward as forward_array
from thinc.layers.with_array import init as init_array
from thinc.types import Floats2d

from .batches import Window, batch_windows, by_document, cut_windows, most_tokens, padded
from .lazy import LazyVectors, lazy
from .threads import for_each, tokens_for_threads
from .types import Encode, EncodePadded, PaddedBatch


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
    nI, nO = model.get_dim("nI"), model.get_dim("nO")
    vectors = lazy(model.ops, X)
    lengths = vectors.lengths
    windows = cut_windows(lengths, size=model.attrs["size"], context=model.attrs["context"])
    if windows and vectors.width != nI:
        raise ValueError(f"the vectors have {vectors.width} dimensions, the layer that reads them wants {nI}")
    Y = by_document(model.ops.alloc2f(sum(lengths), nO, zeros=False), lengths)
    backprops = []

    def encode(batch: list[Window]) -> None:
        Yp, backprop_batch = layer(pad(vectors, batch), is_train)
        for y, w in zip(Yp, batch, strict=True):
            Y[w.sequence][w.core_start : w.core_end] = y[w.core_start - w.start : w.core_end - w.start]
        if is_train:
            backprops.append((batch, backprop_batch))

    most = most_tokens(nI)
    if is_train:
        for batch in batch_windows(windows, max_padded_tokens=most):
            encode(batch)
    else:
        most = tokens_for_threads(sum(lengths), most)
        for_each(list(batch_windows(windows, max_padded_tokens=most)), encode)

    def backprop(dY: list[Floats2d]) -> list[Floats2d]:
        dX = [model.ops.alloc2f(length, nI) for length in lengths]
        for batch, backprop_batch in backprops:
            dYp = model.ops.alloc3f(len(batch), batch[0].end - batch[0].start, nO)
            for dy, w in zip(dYp, batch, strict=True):
                dy[w.core_start - w.start : w.core_end - w.start] = dY[w.sequence][w.core_start : w.core_end]
            for dx, w in zip(backprop_batch(dYp)[0], batch, strict=True):
                dX[w.sequence][w.start : w.end] += dx[: w.end - w.start]
        return dX

    return Y, backprop


def pad(vectors: LazyVectors, batch: list[Window]) -> PaddedBatch:
    """The vectors of windows as a padded batch.

    Args:
        vectors: Those of the documents.
        batch: The windows, the longest first.
    """
    ops = vectors.ops
    sizes = [w.end - w.start for w in batch]
    Xp = ops.reshape3f(vectors.read(padded(batch, vectors.first)), len(batch), sizes[0], vectors.width)
    for x, size in zip(Xp, sizes, strict=True):
        if size < sizes[0]:
            x[size:] = 0
    return Xp, ops.asarray1i(sizes)


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
    vectors = lazy(model.ops, X)
    if is_train or not any(vectors.lengths):
        output: tuple[list[Floats2d], Callable[[list[Floats2d]], list[Floats2d]]] = forward_array(
            model, list(X), is_train
        )
        return output
    if vectors.computed is not None:
        return by_document(layer.predict(vectors.computed), vectors.lengths), lambda dY: []
    Y = model.ops.alloc2f(sum(vectors.lengths), model.get_dim("nO"), zeros=False)
    for tokens, part in vectors.parts():
        Y[tokens] = layer.predict(part)
    return by_document(Y, vectors.lengths), lambda dY: []
