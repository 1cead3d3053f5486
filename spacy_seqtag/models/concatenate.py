"""Token vectors side by side."""

from collections.abc import Callable
from itertools import accumulate, pairwise
from typing import Any

from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d

from .empty import skip_empty
from .lazy import lazy, side_by_side
from .types import Tok2Vec


def build_concatenate(*layers: Tok2Vec, dropout: float = 0.0) -> Tok2Vec:
    """Concatenate the vectors of embeddings, ``tok2vec`` layers and listeners.

    So what a pretrained transformer does not see, like the case of letters where its word pieces have none, stands
    beside what it knows.

    Args:
        layers: The layers.
        dropout: Dropout on the vectors; as in all layers of this package the rate is the config's own, whatever
            ``[training] dropout`` says.

    Raises:
        ValueError: If there are no layers.
    """
    if not layers:
        raise ValueError("Concatenate needs layers: [... .embed.*.NAME] sections of the config")
    return Model("concatenate", forward, init=init, layers=list(layers), dims={"nO": None}, attrs={"dropout": dropout})


def init(model: Tok2Vec, X: list[Doc] | None = None, Y: Any = None) -> None:
    for layer in model.layers:
        layer.initialize(X)
    if X:
        model.set_dim("nO", sum(lazy(model.ops, layer.predict(X)).width for layer in model.layers), force=True)


@skip_empty
def forward(
    model: Tok2Vec, docs: list[Doc], is_train: bool
) -> tuple[list[Floats2d], Callable[[list[Floats2d]], list[Doc]]]:
    ops = model.ops
    if is_train:
        outputs, backprops = zip(*(layer(docs, is_train) for layer in model.layers), strict=True)
    else:  # what layers keep for a backward pass can go before the next one predicts
        outputs = tuple(layer.predict(docs) for layer in model.layers)
    layers = [lazy(ops, output) for output in outputs]
    side = side_by_side(ops, layers)
    if not is_train:
        return side, lambda d_output: docs
    bounds = list(pairwise(accumulate((layer.width for layer in layers), initial=0)))
    vectors: list[Any] = list(side)
    masks = [ops.get_dropout_mask(x.shape, model.attrs["dropout"]) for x in vectors]
    for x, mask in zip(vectors, masks, strict=True):
        x *= mask

    def backprop(d_output: list[Floats2d]) -> list[Doc]:
        d_vectors = [d * mask for d, mask in zip(d_output, masks, strict=True)]
        for (start, end), backprop_layer in zip(bounds, backprops, strict=True):
            backprop_layer([ops.as_contig(d[:, start:end]) for d in d_vectors])
        return docs

    return vectors, backprop
