"""Embeddings of words, computed once for each word type of a batch."""

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from spacy.attrs import FLAG63, ID, LANG, LENGTH, LOWER, NORM, ORTH, PREFIX, SHAPE, SUFFIX, intify_attr
from spacy.tokens import Doc
from spacy.vocab import Vocab
from thinc.api import Model
from thinc.types import Floats2d

from .empty import skip_empty
from .hashing import hash_pairs
from .lazy import vectors_at
from .types import Embed

LEXICAL = frozenset({*range(FLAG63 + 1), ID, LANG, LENGTH, LOWER, NORM, ORTH, PREFIX, SHAPE, SUFFIX})
"""The attributes of words; the flags, of which there are 63, are all such."""
FEW = 128
"""Tokens for which it takes longer to find the distinct words than to embed them all."""


def build_word_types(embed: Embed) -> Embed:
    """Embed each distinct word of a large batch once, where nothing is trained. In training, where dropout is drawn for
    each token, this is the embedding alone.

    Args:
        embed: An embedding of what a token's form and its ``NORM`` decide: these two, and what spaCy's vocabulary has
            of words, like their prefix, suffix, shape and static vector. It looks at no context, and at nothing that
            earlier components set.

    Raises:
        ValueError: If the embedding reads an attribute of tokens that is not one of words.
    """
    for node in embed.walk():
        if node.name == "extract_features":
            check_attributes(node.attrs["columns"])
    return Model("word_types", forward, init=init, layers=[embed], dims={"nO": embed.maybe_get_dim("nO")})


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
    embed.initialize(X, Y)
    if X:
        model.set_dim("nO", embed.predict(X)[0].shape[1], force=True)


@skip_empty
def forward(
    model: Embed, docs: list[Doc], is_train: bool
) -> tuple[list[Floats2d], Callable[[list[Floats2d]], list[Doc]]]:
    embed: Embed = model.layers[0]
    vocab = docs[0].vocab
    one_vocab = all(doc.vocab is vocab for doc in docs)  # what a word is like differs between vocabularies
    if is_train or not one_vocab or sum(map(len, docs)) < FEW:
        return embed(docs, is_train)
    tokens = np.concatenate([doc.to_array([ORTH, NORM]) for doc in docs])
    _, first, types = np.unique(hash_pairs(*tokens.T), return_index=True, return_inverse=True)
    (vectors,) = embed.predict([doc_of(vocab, tokens[first])])
    ops = model.ops
    of_tokens = ops.asarray1i(cast(Any, types))
    return vectors_at(ops, vectors, of_tokens, [len(doc) for doc in docs]), lambda d_output: docs


def doc_of(vocab: Vocab, words: NDArray[np.uint64]) -> Doc:
    """A document of words.

    Args:
        vocab: Their vocabulary.
        words: Their forms and norms, which tokenizers set for some words. *Shape:* ``(words, 2)``.
    """
    doc = Doc(vocab, words=[vocab.strings[form] for form in words[:, 0].tolist()])
    doc.from_array([NORM], cast(Any, words[:, 1:]))
    return doc
