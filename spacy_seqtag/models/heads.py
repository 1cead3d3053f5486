"""The models of the components: token vectors in context in, a score for each class out."""

from collections.abc import Callable
from functools import partial
from typing import Any, cast

import torch
from thinc.api import Model, chain
from thinc.types import ArgsKwargs, Floats2d

from .crf import CRF, crf, reset, resized
from .shim import construct, module_shim, to_floats, to_tensor, wrap_module
from .types import Embed, Encode, Scorer, Tok2Vec
from .windows import with_tokens

Linear = Model[Floats2d, Floats2d]


def build_linear_head(tok2vec: Tok2Vec, nO: int | None = None, grad_factor: float = 1.0) -> Scorer:
    """A linear layer that scores each token's classes on its own, on vectors from a ``tok2vec`` or a listener to one.

    Args:
        tok2vec: The token vectors.
        nO: Number of classes; None to take it from the component's labels.
        grad_factor: Factor of the gradients that ``tok2vec`` gets from this head. Where several components share token
            vectors, it balances what these are made for.
    """
    return linear_head(tok2vec, nO, grad_factor)


def build_crf_head(tok2vec: Tok2Vec, nO: int | None = None, grad_factor: float = 1.0) -> Scorer:
    """A linear layer and a linear-chain CRF over it (Huang et al. 2015, "Bidirectional LSTM-CRF Models for Sequence
    Tagging"): the classes of a document are scored together.

    Args:
        tok2vec: The token vectors.
        nO: Number of classes; None to take it from the component's labels.
        grad_factor: Factor of the gradients that ``tok2vec`` gets from this head.
    """
    return linear_head(tok2vec, nO, grad_factor, crf())


def linear_head(tok2vec: Tok2Vec, nO: int | None, grad_factor: float, *further: CRF) -> Scorer:
    """A linear layer on token vectors, and perhaps a CRF on its scores."""
    width = tok2vec.maybe_get_dim("nO")
    convert = partial(convert_inputs, grad_factor)
    linear: Linear = wrap_module("linear", build_linear, init=init_linear, convert_inputs=convert, nI=width, nO=nO)
    model: Scorer = chain(tok2vec, with_tokens(linear), *further)
    model.set_ref("tok2vec", tok2vec)
    model.set_ref("output_layer", linear)
    model.init = init_linear_head
    model.attrs["resize_output"] = resize_linear_head
    return model


def init_linear_head(model: Scorer, X: Any = None, Y: Any = None) -> None:
    tok2vec, _, *further = model.layers
    linear: Linear = model.get_ref("output_layer")
    tok2vec.initialize(X)
    if X:
        linear.set_dim("nI", tok2vec.predict(X)[0].shape[1], force=True)
    if Y:
        set_width(model, Y[0].shape[1])
    linear.initialize()
    for layer in further:
        reset(layer, linear.get_dim("nO"))


def set_width(model: Scorer, nO: int) -> None:
    """Set the number of classes wherever the layers of a linear head hold it."""
    for layer in (model, model.layers[1], model.get_ref("output_layer")):
        layer.set_dim("nO", nO, force=True)


def resize_linear_head(model: Scorer, nO: int) -> Scorer:
    """Add classes after the present ones, whose weights stay as they are."""
    linear: Linear = model.get_ref("output_layer")
    shim = module_shim(linear)
    old = shim.module
    set_width(model, nO)
    shim.construct({"nI": linear.get_dim("nI"), "nO": nO})
    with torch.no_grad():
        for name, parameter in shim.module.named_parameters():
            kept = old.get_parameter(name)
            parameter[: len(kept)] = kept
    model.layers[2:] = [resized(layer, nO) for layer in model.layers[2:]]
    return model


def build_linear(*, nI: int, nO: int) -> torch.nn.Linear:
    return torch.nn.Linear(nI, nO)


def init_linear(model: Linear, X: Any = None, Y: Any = None) -> None:
    construct(model, nI=model.get_dim("nI"), nO=model.get_dim("nO"))


def convert_inputs(
    grad_factor: float, model: Linear, X: Floats2d, is_train: bool
) -> tuple[ArgsKwargs, Callable[[ArgsKwargs], Floats2d]]:
    x = to_tensor(model, X, requires_grad=is_train)

    def to_thinc(d_inputs: ArgsKwargs) -> Floats2d:
        d_X: Floats2d = grad_factor * to_floats(d_inputs.args[0])
        return d_X

    return ArgsKwargs(args=(cast(Any, x),), kwargs={}), to_thinc


def build_direct_head(embed: Embed, encode: Encode) -> Scorer:
    """An encoder whose output width is the number of classes: its output is the scores, with no linear layer.

    Args:
        embed: The token vectors; one whose width is None is made as wide as there are classes.
        encode: The encoder, its width None.
    """
    model: Scorer = chain(embed, encode)
    model.set_ref("embed", embed)
    model.set_ref("output_layer", encode)
    model.attrs["embed_classes"] = embed.has_dim("nO") is None
    model.init = init_direct_head
    return model


def init_direct_head(model: Scorer, X: Any = None, Y: Any = None) -> None:
    embed: Embed = model.get_ref("embed")
    encode: Encode = model.get_ref("output_layer")
    if Y:
        for layer in (model, encode):
            layer.set_dim("nO", Y[0].shape[1], force=True)
    embed.initialize(X, Y if model.attrs["embed_classes"] else None)
    encode.initialize(embed.predict(X) if X else None)
