"""Context from the whole document: what it says of a word elsewhere, and what it is about."""

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from spacy.attrs import LOWER
from spacy.tokens import Doc
from thinc.api import Model, Ops
from thinc.types import Floats2d

from .empty import skip_empty
from .lazy import LazyRows, LazyVectors, Rows, joined, rows_at, rows_of
from .types import Tok2Vec
from .windows import by_document, most_tokens
from .word_types import keys_of_pairs


def build_document_context(tok2vec: Tok2Vec) -> Tok2Vec:
    """Put beside each token's vector the mean of the vectors of all tokens of its document that are the same word,
    capitals or not, and the mean of those of all its tokens.

    A name whose type is clear in one sentence is so recognized in the others, a headline in capitals gets what the
    text below it says, and where the document is a list of football results, a city is a club. Neural taggers have
    the first mean from Akbik et al. (2019), "Pooled Contextualized Embeddings for Named Entity Recognition", and Luo
    et al. (2020), "Hierarchical Contextualized Representation for Named Entity Recognition"; here it is of the
    document's tokens only, and trained with the rest.

    Args:
        tok2vec: The token vectors, in context; the output is three times as wide.
    """
    return Model("document_context", forward, init=init, layers=[tok2vec], dims={"nO": None})


def init(model: Tok2Vec, X: list[Doc] | None = None, Y: Any = None) -> None:
    tok2vec: Tok2Vec = model.layers[0]
    tok2vec.initialize(X)
    if X:
        model.set_dim("nO", 3 * rows_of(tok2vec.predict(X))[0].shape[1], force=True)


@skip_empty
def forward(
    model: Tok2Vec, docs: list[Doc], is_train: bool
) -> tuple[list[Floats2d], Callable[[list[Floats2d]], list[Doc]]]:
    outputs, backprop_tok2vec = model.layers[0](docs, is_train)
    lengths = [len(doc) for doc in docs]
    document = np.repeat(np.arange(len(docs)), lengths)
    words, documents = (Groups(model.ops, lengths, group) for group in (same_words(docs, document), document))
    rows = rows_of(outputs)
    vectors = LazyVectors(joined(model.ops, [rows, words.means(rows), documents.means(rows)]))
    if not is_train:
        return vectors, lambda d_output: docs

    def backprop(d_output: list[Floats2d]) -> list[Doc]:
        d_parts = zip(*([*map(model.ops.as_contig, model.ops.xp.hsplit(d, 3))] for d in d_output), strict=True)
        d_vectors, d_words, d_documents = d_parts
        d_means = words.means(d_words), documents.means(d_documents)
        backprop_tok2vec([d + word[:] + document[:] for d, word, document in zip(d_vectors, *d_means, strict=True)])
        return docs

    return list(vectors), backprop


def same_words(docs: Sequence[Doc], document: NDArray[np.int64]) -> NDArray[np.int64]:
    """A number for each token, the same for those of a document that are the same word, capitals or not.

    Args:
        docs: The documents.
        document: The number of each token's document. *Shape:* ``(tokens,)``.

    Returns:
        *Shape:* ``(tokens,)``.
    """
    lower = np.concatenate([doc.to_array(LOWER) for doc in docs])
    words: NDArray[np.int64]
    _, words = np.unique(keys_of_pairs(lower, document.astype("uint64")), return_inverse=True)
    return words


class Groups:
    """Groups of tokens, each within a document.

    Args:
        ops: Of the arrays.
        lengths: Number of tokens of each document.
        of_tokens: The group of each token, counted from zero. *Shape:* ``(tokens,)``.
    """

    def __init__(self, ops: Ops, lengths: Sequence[int], of_tokens: NDArray[np.int64]) -> None:
        self.ops = ops
        self.sizes = ops.asarray2f(cast(Any, np.maximum(np.bincount(of_tokens), 1)[:, None]))
        self.of_tokens = by_document(ops.asarray1i(cast(Any, of_tokens)), lengths)

    def means(self, vectors: Sequence[Rows]) -> list[LazyRows]:
        """The mean over a group, at each of its tokens. Its own transpose, so also the gradient of itself.

        Args:
            vectors: Those of the documents' tokens.
        """
        width = max(x.shape[1] for x in vectors)
        means = self.ops.alloc2f(len(self.sizes), width)
        step = most_tokens(width)
        for x, of_tokens in zip(vectors, self.of_tokens, strict=True):
            for start in range(0, len(x), step):
                part = slice(start, start + step)
                self.ops.scatter_add(means, of_tokens[part], x[part])
        means /= self.sizes
        return [rows_at(self.ops, means, of_tokens) for of_tokens in self.of_tokens]
