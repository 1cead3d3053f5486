"""Context from the whole document: what is known of a word elsewhere."""

from collections.abc import Callable
from typing import Any

import numpy as np
from spacy.attrs import LOWER
from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d

from .empty import skip_empty
from .types import Tok2Vec


def build_document_context(tok2vec: Tok2Vec) -> Tok2Vec:
    """Put beside each token's vector the mean of the vectors of all tokens of its document that are the same word,
    capitals or not.

    A name whose type is clear in one sentence is so recognized in the others, and a headline in capitals gets what the
    text below it says. Neural taggers have this from Akbik et al. (2019), "Pooled Contextualized Embeddings for Named
    Entity Recognition", and Luo et al. (2020), "Hierarchical Contextualized Representation for Named Entity
    Recognition"; here the mean is of the document's tokens only, and trained with the rest.

    Args:
        tok2vec: The token vectors, in context; the output is twice as wide.
    """
    return Model("document_context", forward, init=init, layers=[tok2vec], dims={"nO": None})


def init(model: Tok2Vec, X: list[Doc] | None = None, Y: Any = None) -> None:
    tok2vec: Tok2Vec = model.layers[0]
    tok2vec.initialize(X)
    if X:
        model.set_dim("nO", 2 * tok2vec.predict(X)[0].shape[1], force=True)


@skip_empty
def forward(
    model: Tok2Vec, docs: list[Doc], is_train: bool
) -> tuple[list[Floats2d], Callable[[list[Floats2d]], list[Doc]]]:
    outputs, backprop_tok2vec = model.layers[0](docs, is_train)
    words = [np.unique(doc.to_array(LOWER), return_inverse=True, return_counts=True)[1:] for doc in docs]

    def mean(x: Floats2d, numbers: Any, counts: Any) -> Floats2d:
        """The mean over the tokens of a word, at each of them. Its own transpose, so also the gradient of itself.

        Args:
            x: The vectors of a document's tokens.
            numbers: The number of each token's word.
            counts: How many tokens each word has.
        """
        of_token = model.ops.asarray1i(numbers)
        means = model.ops.alloc2f(len(counts), x.shape[1])
        model.ops.scatter_add(means, of_token, x)
        means /= model.ops.asarray2f(counts[:, None])
        return means[of_token]

    def backprop(d_output: list[Floats2d]) -> list[Doc]:
        halves = [model.ops.xp.hsplit(d, 2) for d in d_output]
        backprop_tok2vec(
            [d + mean(model.ops.as_contig(d_mean), *w) for (d, d_mean), w in zip(halves, words, strict=True)]
        )
        return docs

    return [model.ops.xp.hstack([x, mean(x, *w)]) for x, w in zip(outputs, words, strict=True)], backprop
