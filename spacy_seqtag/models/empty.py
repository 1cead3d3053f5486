"""Batches without a token."""

from collections.abc import Callable
from functools import wraps
from typing import TypeAlias

from spacy.tokens import Doc
from thinc.types import Floats2d

from .types import Tok2Vec

Forward: TypeAlias = Callable[[Tok2Vec, list[Doc], bool], tuple[list[Floats2d], Callable[[list[Floats2d]], list[Doc]]]]


def skip_empty(forward: Forward) -> Forward:
    """Let the forward pass of a layer be called only for batches that have tokens. Listeners, which are among a layer's
    layers, get nothing for another."""

    @wraps(forward)
    def skipping(
        model: Tok2Vec, docs: list[Doc], is_train: bool
    ) -> tuple[list[Floats2d], Callable[[list[Floats2d]], list[Doc]]]:
        if any(map(len, docs)):
            return forward(model, docs, is_train)
        return [model.ops.alloc2f(0, model.get_dim("nO")) for _ in docs], lambda d_output: docs

    return skipping
