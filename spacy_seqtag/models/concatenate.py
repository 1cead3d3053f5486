"""Token vectors side by side."""

from collections.abc import Callable
from itertools import accumulate, pairwise
from typing import Any

from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d

from .empty import skip_empty
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
        model.set_dim("nO", sum(layer.predict(X)[0].shape[1] for layer in model.layers), force=True)


@skip_empty
def forward(
    model: Tok2Vec, docs: list[Doc], is_train: bool
) -> tuple[list[Floats2d], Callable[[list[Floats2d]], list[Doc]]]:
    ops = model.ops
    outputs, backprops = zip(*(layer(docs, is_train) for layer in model.layers), strict=True)
    arrays = [ops.flatten(output) for output in outputs]
    bounds = list(pairwise(accumulate((array.shape[1] for array in arrays), initial=0)))
    lengths = ops.asarray1i([len(doc) for doc in docs])
    vectors: Floats2d = ops.xp.hstack(arrays)
    mask: Any = 1.0
    if is_train:
        mask = ops.get_dropout_mask(vectors.shape, model.attrs["dropout"])
        vectors *= mask

    def backprop(d_output: list[Floats2d]) -> list[Doc]:
        d_vectors = ops.flatten(d_output) * mask
        for (start, end), backprop_layer in zip(bounds, backprops, strict=True):
            backprop_layer(ops.unflatten(ops.as_contig(d_vectors[:, start:end]), lengths))
        return docs

    return ops.unflatten(vectors, lengths), backprop
