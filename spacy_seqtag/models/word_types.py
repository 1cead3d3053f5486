"""Embeddings of words, computed once for each word type."""

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from spacy.attrs import FLAG63, ID, LANG, LENGTH, LOWER, NORM, ORTH, PREFIX, SHAPE, SUFFIX, intify_attr
from spacy.tokens import Doc
from spacy.vocab import Vocab
from thinc.api import Model, NumpyOps, Shim
from thinc.types import Floats2d

from .batches import by_document
from .empty import skip_empty
from .hashing import hash_pairs
from .kept import KeptRows, of_word_types
from .lazy import vectors_at
from .types import Embed

LEXICAL = frozenset({*range(FLAG63 + 1), ID, LANG, LENGTH, LOWER, NORM, ORTH, PREFIX, SHAPE, SUFFIX})
"""The attributes of words; the flags, of which there are 63, are all such."""


def build_word_types(embed: Embed) -> Embed:
    """Embed each distinct word once, where nothing is trained: of a large batch, and on CPU, where looking up is fast,
    also of the batches before, until weights change. In training, where dropout is drawn for each token, this is the
    embedding alone.

    Args:
        embed: An embedding of what a token's form and its ``NORM`` decide: these two, and what spaCy's vocabulary has
            of words, like their prefix, suffix, shape and static vector. It looks at no context, and at nothing that
            earlier components set. What the vocabulary has of a word, but its static vector, must stay as it is; see
            :class:`~spacy_seqtag.models.kept.KeptRows`.

    Raises:
        ValueError: If the embedding reads an attribute of tokens that is not one of words.
    """
    for node in embed.walk():
        if node.name == "extract_features":
            check_attributes(node.attrs["columns"])
    # The vectors of the vocabulary may change without notice.
    shims: list[Shim] = [] if any(node.name == "static_vectors" for node in embed.walk()) else [KeptRows()]
    dims = {"nO": embed.maybe_get_dim("nO")}
    return Model("word_types", forward, init=init, layers=[embed], dims=dims, shims=shims)


def check_attributes(attributes: Sequence[int | str]) -> None:
    """Check that attributes are those of words.

    Raises:
        ValueError: If one is not.
    """
    for attribute in attributes:
        if intify_attr(attribute) not in LEXICAL:
            raise ValueError(
                f"WordTypes embeds each distinct word once, and {attribute} may differ between tokens of the same "
                "form: embed it apart, beside WordTypes in a Concatenate"
            )


def init(model: Embed, X: list[Doc] | None = None, Y: Any = None) -> None:
    embed: Embed = model.layers[0]
    for shim in model.shims:
        cast(KeptRows, shim).forget()
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
    ops, vocab = model.ops, docs[0].vocab
    lengths = [len(doc) for doc in docs]
    kept = cast(KeptRows, model.shims[0]) if model.shims and isinstance(ops, NumpyOps) else None
    if any(doc.vocab is not vocab for doc in docs):  # in which the same word may have other attributes
        return embed(docs, is_train)
    tokens = np.concatenate([doc.to_array([ORTH, NORM]) for doc in docs])

    def embed_words(words: Any) -> Any:
        (vectors,) = embed.predict([doc_of(vocab, tokens[words])])
        return vectors

    found, types = of_word_types(vocab, hash_pairs(*tokens.T), embed_words, kept)
    vectors = cast(Floats2d, found)
    if types is None:
        return by_document(vectors, lengths), lambda d_output: docs
    return vectors_at(ops, vectors, ops.asarray1i(cast(Any, types)), lengths), lambda d_output: docs


def doc_of(vocab: Vocab, words: NDArray[np.uint64]) -> Doc:
    """A document of words.

    Args:
        vocab: Their vocabulary.
        words: Their forms and norms, which tokenizers set for some words. *Shape:* ``(words, 2)``.
    """
    doc = Doc(vocab, words=[vocab.strings[form] for form in words[:, 0].tolist()])
    doc.from_array([NORM], cast(Any, words[:, 1:]))
    return doc
