"""Layers for documents of any length, which they read as batches of windows."""

from collections.abc import Callable, Iterator

from thinc.api import Model
from thinc.layers.with_array import forward as forward_array
from thinc.layers.with_array import init as init_array
from thinc.types import Floats2d

from .batches import Indices, Windows, batches, by_document, cut_windows, most_tokens, padded
from .lazy import lazy
from .threads import for_each, tokens_for_threads
from .types import Encode, EncodePadded


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
    if any(lengths) and vectors.width != nI:
        raise ValueError(f"the vectors have {vectors.width} dimensions, the layer that reads them wants {nI}")
    if len(lengths) == 1 and 0 < lengths[0] <= model.attrs["size"] and not is_train:
        x = vectors.read_consecutive(slice(0, lengths[0]))
        y = layer.predict((model.ops.reshape3f(x, 1, -1, nI), lengths))[0]
        return [model.ops.as_contig(y)], lambda dY: []
    windows = cut_windows(lengths, size=model.attrs["size"], context=model.attrs["context"])
    # Of each window: its first token, counted over all sequences, and how many it has; how many of these are before
    # those that it answers for, and how many it answers for.
    first = vectors.first
    starts, sizes = first[windows.sequence] + windows.start, windows.end - windows.start
    skipped, answered = windows.core_start - windows.start, windows.core_end - windows.core_start
    Y = model.ops.alloc2f(sum(lengths), nO, zeros=False)
    backprops = []

    def answers(batch: Indices) -> Iterator[tuple[int, int, int]]:
        return zip(*(values[batch].tolist() for values in (starts, skipped, answered)), strict=True)

    def encode(batch: Indices) -> None:
        places = padded(Windows(*(values[batch] for values in windows)), first)
        Xp = model.ops.reshape3f(vectors.read(places), len(batch), -1, nI)
        Yp, backprop_batch = layer((Xp, sizes[batch].tolist()), is_train)
        for y, (start, skip, size) in zip(Yp, answers(batch), strict=True):
            Y[start + skip : start + skip + size] = y[skip : skip + size]
        if is_train:
            backprops.append((batch, backprop_batch))

    most = most_tokens(nI)
    if is_train:
        for batch in batches(sizes, max_padded_tokens=most):
            encode(batch)
    else:
        most = tokens_for_threads(sum(lengths), most)
        for_each(list(batches(sizes, max_padded_tokens=most)), encode)

    def backprop(d_output: list[Floats2d]) -> list[Floats2d]:
        dY, dX = model.ops.flatten(d_output), model.ops.alloc2f(sum(lengths), nI)
        for batch, backprop_batch in backprops:
            dYp = model.ops.alloc3f(len(batch), int(sizes[batch[0]]), nO)
            for dy, (start, skip, size) in zip(dYp, answers(batch), strict=True):
                dy[skip : skip + size] = dY[start + skip : start + skip + size]
            for dx, start, size in zip(
                backprop_batch(dYp)[0], starts[batch].tolist(), sizes[batch].tolist(), strict=True
            ):
                dX[start : start + size] += dx[:size]
        return by_document(dX, lengths)

    return by_document(Y, lengths), backprop


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
