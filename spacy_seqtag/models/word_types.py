"""Embeddings of words, computed once for each word type of a batch."""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from spacy.attrs import NORM, ORTH
from spacy.tokens import Doc
from spacy.vocab import Vocab
from thinc.api import Model
from thinc.types import Floats2d

from .empty import skip_empty
from .lazy import LazyVectors, rows_at
from .types import Embed

MIX = np.uint64(0x9E3779B97F4A7C15)
"""An odd number, by which one of two hashes is multiplied before they are added."""


def build_word_types(embed: Embed) -> Embed:
    """Embed each distinct word of a batch once, where nothing is trained. In training, where dropout is drawn for each
    token, this is the embedding alone.

    Args:
        embed: An embedding of what a token's form and its ``NORM`` decide: these two, and what spaCy's vocabulary has
            of words, like their prefix, suffix, shape and static vector. It looks at no context, and at nothing that
            earlier components set.
    """
    return Model("word_types", forward, init=init, layers=[embed], dims={"nO": embed.maybe_get_dim("nO")})


def init(model: Embed, X: list[Doc] | None = None, Y: Any = None) -> None:
    embed: Embed = model.layers[0]
    embed.initialize(X, Y)
    if X:
        model.set_dim("nO", embed.predict(X)[0].shape[1], force=True)


@skip_empty
def forward(
    model: Embed, docs: list[Doc], is_train: bool
) -> tuple[list[Floats2d], Callable[[list[Floats2d]], list[Doc]]]:
    embed: Embed = model.layers[0]
    if is_train:
        return embed(docs, is_train)
    tokens = np.concatenate([doc.to_array([ORTH, NORM]) for doc in docs])
    _, first, types = np.unique(tokens[:, 0] + MIX * tokens[:, 1], return_index=True, return_inverse=True)
    (vectors,) = embed.predict([doc_of(docs[0].vocab, tokens[first])])
    of_docs = np.split(types, np.cumsum([len(doc) for doc in docs])[:-1])
    rows = [rows_at(model.ops, vectors, model.ops.asarray1i(cast(Any, types))) for types in of_docs]
    return LazyVectors(rows), lambda d_output: docs


def doc_of(vocab: Vocab, words: NDArray[np.uint64]) -> Doc:
    """A document of words.

    Args:
        vocab: Their vocabulary.
        words: Their forms and norms, which tokenizers set for some words. *Shape:* ``(words, 2)``.
    """
    doc = Doc(vocab, words=[vocab.strings[form] for form in words[:, 0].tolist()])
    doc.from_array([NORM], cast(Any, words[:, 1:]))
    return doc
