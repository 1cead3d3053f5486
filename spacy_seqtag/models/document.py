"""Context from the whole document: what is known of a word elsewhere."""

from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise
from typing import Any, cast

import numpy as np
from spacy.attrs import LOWER
from spacy.tokens import Doc
from thinc.api import Model, Ops
from thinc.types import Floats2d

from .empty import skip_empty
from .lazy import LazyRows, LazyVectors, Rows, rows_at, rows_of, side_by_side
from .types import Tok2Vec
from .windows import most_tokens
from .word_types import keys_of_pairs


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
    words = Words(model.ops, docs)
    rows = rows_of(outputs)
    vectors = LazyVectors([side_by_side(model.ops, pair) for pair in zip(rows, words.means(rows), strict=True)])
    if not is_train:
        return vectors, lambda d_output: docs

    def backprop(d_output: list[Floats2d]) -> list[Doc]:
        d_vectors, d_means = zip(*(model.ops.xp.hsplit(d, 2) for d in d_output), strict=True)
        d_same = words.means([model.ops.as_contig(d) for d in d_means])
        backprop_tok2vec([d + same[:] for d, same in zip(d_vectors, d_same, strict=True)])
        return docs

    return list(vectors), backprop


class Words:
    """Which tokens of a document are the same word, capitals or not.

    Args:
        ops: Of the arrays.
        docs: The documents.
    """

    def __init__(self, ops: Ops, docs: Sequence[Doc]) -> None:
        self.ops = ops
        lengths = [len(doc) for doc in docs]
        lower = np.concatenate([doc.to_array(LOWER) for doc in docs])
        keys = keys_of_pairs(lower, np.repeat(np.arange(len(docs), dtype="uint64"), lengths))
        _, words, counts = np.unique(keys, return_inverse=True, return_counts=True)
        self.counts = ops.asarray2f(cast(Any, counts[:, None]))
        bounds = pairwise(accumulate(lengths, initial=0))
        self.of_tokens = [ops.asarray1i(cast(Any, words[start:end])) for start, end in bounds]

    def means(self, vectors: Sequence[Rows]) -> list[LazyRows]:
        """The mean over the tokens of a word, at each of them. Its own transpose, so also the gradient of itself.

        Args:
            vectors: Those of the documents' tokens.
        """
        width = max(x.shape[1] for x in vectors)
        means = self.ops.alloc2f(len(self.counts), width)
        step = most_tokens(width)
        for x, words in zip(vectors, self.of_tokens, strict=True):
            for start in range(0, len(x), step):
                part = slice(start, start + step)
                self.ops.scatter_add(means, words[part], x[part])
        means /= self.counts
        return [rows_at(self.ops, means, words) for words in self.of_tokens]
