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
from .hashing import hash_pairs
from .lazy import LazyVectors, lazy, side_by_side, vectors_at
from .types import Tok2Vec


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
        model.set_dim("nO", 3 * lazy(model.ops, tok2vec.predict(X)).width, force=True)


@skip_empty
def forward(
    model: Tok2Vec, docs: list[Doc], is_train: bool
) -> tuple[list[Floats2d], Callable[[list[Floats2d]], list[Doc]]]:
    outputs, backprop_tok2vec = model.layers[0](docs, is_train)
    lengths = [len(doc) for doc in docs]
    document = np.repeat(np.arange(len(docs)), lengths)
    words, documents = (Groups(model.ops, lengths, group) for group in (same_words(docs, document), document))
    own = lazy(model.ops, outputs)
    vectors = side_by_side(model.ops, [own, words.means(own), documents.means(own)])
    if not is_train:
        return vectors, lambda d_output: docs

    def backprop(d_output: list[Floats2d]) -> list[Doc]:
        d_own, d_words, d_documents = zip(*(model.ops.xp.hsplit(d, 3) for d in d_output), strict=True)
        d_means = (group.means(lazy(model.ops, list(d))) for group, d in ((words, d_words), (documents, d_documents)))
        backprop_tok2vec([d + word + document for d, word, document in zip(d_own, *d_means, strict=True)])
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
    _, words = np.unique(hash_pairs(lower, document.astype("uint64")), return_inverse=True)
    return words


class Groups:
    """Groups of tokens, each within a document.

    Args:
        ops: Of the arrays.
        lengths: Number of tokens of each document.
        of_tokens: The group of each token, counted from zero. *Shape:* ``(tokens,)``.
    """

    def __init__(self, ops: Ops, lengths: list[int], of_tokens: NDArray[np.int64]) -> None:
        self.ops = ops
        self.lengths = lengths
        self.sizes = ops.asarray2f(cast(Any, np.maximum(np.bincount(of_tokens), 1)[:, None]))
        self.of_tokens = ops.asarray1i(cast(Any, of_tokens))

    def means(self, vectors: LazyVectors) -> LazyVectors:
        """The mean over a group, at each of its tokens. Its own transpose, so also the gradient of itself.

        Args:
            vectors: Those of the documents' tokens.
        """
        means = self.ops.alloc2f(len(self.sizes), vectors.width)
        for tokens, part in vectors.parts():
            self.ops.scatter_add(means, self.of_tokens[tokens], part)
        means /= self.sizes
        return vectors_at(self.ops, means, self.of_tokens, self.lengths)
