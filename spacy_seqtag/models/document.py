"""Context from the whole document: what is known of a word elsewhere."""

from collections.abc import Callable
from typing import Any

import numpy as np
from spacy.attrs import LOWER
from spacy.tokens import Doc
from thinc.api import Model, Ops
from thinc.types import Floats2d

from .empty import skip_empty
from .lazy import LazyRows, LazyVectors, Rows, rows_at, rows_of, side_by_side
from .types import Tok2Vec
from .windows import most_tokens


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
        model.set_dim("nO", 2 * rows_of(tok2vec.predict(X))[0].shape[1], force=True)


@skip_empty
def forward(
    model: Tok2Vec, docs: list[Doc], is_train: bool
) -> tuple[list[Floats2d], Callable[[list[Floats2d]], list[Doc]]]:
    outputs, backprop_tok2vec = model.layers[0](docs, is_train)
    words = [Words(model.ops, doc) for doc in docs]
    vectors = LazyVectors(
        [side_by_side(model.ops, [x, w.mean(x)]) for x, w in zip(rows_of(outputs), words, strict=True)]
    )
    if not is_train:
        return vectors, lambda d_output: docs

    def backprop(d_output: list[Floats2d]) -> list[Doc]:
        halves = [model.ops.xp.hsplit(d, 2) for d in d_output]
        backprop_tok2vec(
            [d + w.mean(model.ops.as_contig(d_mean))[:] for (d, d_mean), w in zip(halves, words, strict=True)]
        )
        return docs

    return list(vectors), backprop


class Words:
    """Which tokens of a document are the same word, capitals or not.

    Args:
        ops: Of the arrays.
        doc: The document.
    """

    def __init__(self, ops: Ops, doc: Doc) -> None:
        self.ops = ops
        _, numbers, counts = np.unique(doc.to_array(LOWER), return_inverse=True, return_counts=True)
        self.of_token = ops.asarray1i(numbers)
        self.counts = ops.asarray2f(counts[:, None])

    def mean(self, x: Rows) -> LazyRows:
        """The mean over the tokens of a word, at each of them. Its own transpose, so also the gradient of itself.

        Args:
            x: The vectors of the document's tokens.
        """
        means = self.ops.alloc2f(len(self.counts), x.shape[1])
        step = most_tokens(x.shape[1])
        for start in range(0, len(x), step):
            part = slice(start, start + step)
            self.ops.scatter_add(means, self.of_token[part], x[part])
        means /= self.counts
        return rows_at(self.ops, means, self.of_token)
