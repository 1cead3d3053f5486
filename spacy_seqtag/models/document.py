"""Context from the whole document: what is known of a word elsewhere."""

from collections.abc import Callable
from typing import Any, cast

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
    ops = model.ops
    outputs, backprop_tok2vec = model.layers[0](docs, is_train)
    vectors = ops.flatten(outputs)
    lengths = ops.asarray1i([len(doc) for doc in docs])
    width = vectors.shape[1]
    words, counts = number_words(docs)
    of_token, shares = ops.asarray1i(cast(Any, words)), ops.asarray2f(cast(Any, 1 / counts[:, None]))

    def mean(x: Floats2d) -> Floats2d:
        """The mean over the tokens of a word, at each of them. Its own transpose, so also the gradient of itself."""
        means = ops.alloc2f(len(counts), width)
        ops.scatter_add(means, of_token, x)
        return (means * shares)[of_token]

    def backprop(d_output: list[Floats2d]) -> list[Doc]:
        d_flat = ops.flatten(d_output)
        d_vectors = d_flat[:, :width] + mean(ops.as_contig(d_flat[:, width:]))
        backprop_tok2vec(ops.unflatten(d_vectors, lengths))
        return docs

    return ops.unflatten(ops.xp.hstack([vectors, mean(vectors)]), lengths), backprop


def number_words(docs: list[Doc]) -> tuple[Any, Any]:
    """Number the words of each document, all documents together.

    Returns:
        The number of each token's word, of *Shape:* ``(tokens,)``, and how many tokens each word has, of
        *Shape:* ``(words,)``.
    """
    numbers, counts, n_words = [], [], 0
    for doc in docs:
        _, inverse, count = np.unique(doc.to_array(LOWER), return_inverse=True, return_counts=True)
        numbers.append(inverse + n_words)
        counts.append(count)
        n_words += len(count)
    return np.concatenate(numbers), np.concatenate(counts)
