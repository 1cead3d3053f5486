"""The registered encoders: token vectors in, token vectors in context out."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from thinc.types import ArgsKwargs, Floats3d

from . import pytorch
from .pytorch.rnn import Cell
from .shim import construct, module_shim, to_floats, to_tensor, wrap_module
from .types import Encode, EncodePadded, MixedPrecision, PaddedBatch
from .windows import with_windows

WINDOW = 128
"""Most tokens that an encoder reads at once, unless it is told otherwise."""
CONTEXT = 8
"""Tokens that a recurrent network or a Transformer reads on each side of those for which it answers."""


def build_mlp(width: int | None = None, depth: int = 1, dropout: float = 0.0) -> Encode:
    """Linear layers with ReLU, the same at every token.

    Args:
        width: Width of each layer and of the output; None where the number of classes decides it.
        depth: Number of layers.
        dropout: Dropout after each layer.
    """
    return encoder("mlp", partial(pytorch.MLP, depth=depth, dropout=dropout), width, window=WINDOW, context=0)


def build_cnn(
    width: int | None = None,
    kernel_size: int = 3,
    depth: int = 1,
    dropout: float = 0.0,
    mixed_precision: MixedPrecision = False,
) -> Encode:
    """Convolutions along the document.

    Args:
        width: Number of filters and output width; None where the number of classes decides it.
        kernel_size: Tokens under a filter, odd.
        depth: Number of layers.
        dropout: Dropout after each layer.
        mixed_precision: Whether to compute in half precision: in float16 on GPU, in bfloat16 on a CPU that has it;
            "prediction" to train in single precision all the same.
    """
    build = partial(pytorch.CNN, kernel_size=kernel_size, depth=depth, dropout=dropout)
    context = depth * (kernel_size // 2)
    window = max(WINDOW, 4 * context)
    return encoder("cnn", build, width, window=window, context=context, mixed_precision=mixed_precision)


def build_rnn(
    width: int | None = None,
    cell: Cell = "lstm",
    depth: int = 1,
    bidirectional: bool = True,
    dropout: float = 0.0,
    window: int = WINDOW,
    context: int = CONTEXT,
    mixed_precision: MixedPrecision = False,
) -> Encode:
    """A recurrent network along the document.

    Args:
        width: Output width, both directions together; None where the number of classes decides it.
        cell: "rnn", "lstm" or "gru".
        depth: Number of layers.
        bidirectional: Whether to read from both ends.
        dropout: Dropout after each layer.
        window: Most tokens that are read at once.
        context: Tokens on each side that a token's result rests on, where a document is longer than that.
        mixed_precision: Whether to compute in half precision: in float16 on GPU, in bfloat16 on a CPU that has it;
            "prediction" to train in single precision all the same.
    """
    build = partial(pytorch.RNN, cell=cell, depth=depth, bidirectional=bidirectional, dropout=dropout)
    return encoder(cell, build, width, window=window, context=context, mixed_precision=mixed_precision)


def build_transformer(
    width: int | None = None,
    depth: int = 1,
    n_heads: int = 1,
    feed_forward_width: int = 256,
    dropout: float = 0.0,
    window: int = WINDOW,
    context: int = CONTEXT,
    mixed_precision: MixedPrecision = False,
) -> Encode:
    """Transformer blocks, with positions, trained from scratch.

    Args:
        width: Width of the blocks and of the output; None where the number of classes decides it.
        depth: Number of blocks.
        n_heads: Number of attention heads; divides the width.
        feed_forward_width: Width inside the feed-forward layers.
        dropout: Dropout inside the blocks.
        window: Most tokens that are read at once.
        context: Tokens on each side that a token's result rests on, where a document is longer than that.
        mixed_precision: Whether to compute in half precision: in float16 on GPU, in bfloat16 on a CPU that has it;
            "prediction" to train in single precision all the same.
    """
    build = partial(
        pytorch.Transformer, depth=depth, n_heads=n_heads, feed_forward_width=feed_forward_width, dropout=dropout
    )
    return encoder("transformer", build, width, window=window, context=context, mixed_precision=mixed_precision)


def encoder(
    name: str,
    build: Callable[..., torch.nn.Module],
    width: int | None,
    *,
    window: int,
    context: int,
    mixed_precision: MixedPrecision = False,
) -> Encode:
    """Make a Thinc encoder of a PyTorch one.

    Args:
        name: Name of the layer.
        build: Returns the module, called with ``input_width`` and ``width``.
        width: Output width, if known.
        window: As ``size``, see :func:`~spacy_seqtag.models.windows.with_windows`.
        context: See :func:`~spacy_seqtag.models.windows.with_windows`.
        mixed_precision: See :data:`~spacy_seqtag.models.types.MixedPrecision`.
    """
    layer: EncodePadded = wrap_module(name, build, init=init, convert_inputs=convert_inputs, nO=width)
    module_shim(layer).mixed_precision = mixed_precision
    return with_windows(layer, size=window, context=context)


def init(model: EncodePadded, X: Any = None, Y: Any = None) -> None:
    construct(model, input_width=model.get_dim("nI"), width=model.get_dim("nO"))


def convert_inputs(
    model: EncodePadded, batch: PaddedBatch, is_train: bool
) -> tuple[ArgsKwargs, Callable[[ArgsKwargs], tuple[Floats3d]]]:
    Xp, lengths = batch
    x = to_tensor(model, Xp, requires_grad=is_train)
    mask = None
    if min(lengths) < x.shape[1]:
        mask = torch.arange(x.shape[1], device=x.device) < torch.tensor(lengths, device=x.device).unsqueeze(1)

    def to_thinc(d_inputs: ArgsKwargs) -> tuple[Floats3d]:
        return (to_floats(d_inputs.args[0]),)

    return ArgsKwargs(args=(x, mask), kwargs={}), to_thinc
