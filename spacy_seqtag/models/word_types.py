"""Embeddings of words, computed once for each word type."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
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
from .lazy import vectors_at
from .types import Embed

LEXICAL = frozenset({*range(FLAG63 + 1), ID, LANG, LENGTH, LOWER, NORM, ORTH, PREFIX, SHAPE, SUFFIX})
"""The attributes of words; the flags, of which there are 63, are all such."""
FEW = 128
"""Tokens for which it takes longer to find the distinct words than to look them all up."""
MOST_VALUES = 2**23
"""Most numbers in the vectors that are kept: 32 MiB in single precision."""


def build_word_types(embed: Embed) -> Embed:
    """Embed each distinct word once, where nothing is trained: of a large batch, and on CPU, where looking up is fast,
    also of the batches before, until weights change. In training, where dropout is drawn for each token, this is the
    embedding alone.

    Args:
        embed: An embedding of what a token's form and its ``NORM`` decide: these two, and what spaCy's vocabulary has
            of words, like their prefix, suffix, shape and static vector. It looks at no context, and at nothing that
            earlier components set. What the vocabulary has of a word, but its static vector, must stay as it is.

    Raises:
        ValueError: If the embedding reads an attribute of tokens that is not one of words.
    """
    for node in embed.walk():
        if node.name == "extract_features":
            check_attributes(node.attrs["columns"])
    # The vectors of the vocabulary may change without notice.
    shims: list[Shim] = [] if any(node.name == "static_vectors" for node in embed.walk()) else [KeptVectors()]
    dims = {"nO": embed.maybe_get_dim("nO")}
    return Model("word_types", forward, init=init, layers=[embed], dims=dims, shims=shims)


class KeptVectors(Shim):
    """The vectors of words that have been embedded. It is no layer, but among a layer's shims, which Thinc tells when
    weights change: then they are forgotten."""

    def __init__(self) -> None:
        super().__init__(None)
        self.forget()

    def forget(self) -> None:
        """Keep no vectors."""
        self.kept: tuple[Vocab | None, dict[int, Any]] = None, {}

    def look_up(self, vocab: Vocab, words: list[int], embed: Callable[[list[int]], Floats2d]) -> Floats2d:
        """The vectors of words, those that are not kept embedded. Threads may do so at once.

        Args:
            vocab: The vocabulary that the words are from.
            words: A hash for each.
            embed: Embeds some of the words, given by their indices. *Shape:* ``(indices, width)``.

        Returns:
            *Shape:* ``(words, width)``.
        """
        of_vocab, known = self.kept  # which another thread may replace
        if vocab is not of_vocab:
            known = {}
            self.kept = vocab, known
        new = [i for i, word in enumerate(words) if word not in known]
        if new:
            embedded = embed(new)
            if (len(known) + len(new)) * embedded.shape[1] > MOST_VALUES:
                known = {word: known[word] for word in words if word in known}
                self.kept = vocab, known
            known.update(zip([words[i] for i in new], embedded, strict=True))
        return cast(Floats2d, np.concatenate([known[word] for word in words]).reshape(len(words), -1))

    def finish_update(self, optimizer: Any) -> None:
        self.forget()

    @contextmanager
    def use_params(self, params: Any) -> Iterator[None]:
        self.forget()
        yield
        self.forget()

    def to_device(self, device_type: str, device_id: int) -> None:
        self.forget()

    def to_bytes(self) -> bytes:
        return b""

    def from_bytes(self, data: bytes) -> "KeptVectors":
        self.forget()
        return self

    def __deepcopy__(self, memo: Any) -> "KeptVectors":
        return KeptVectors()

    def __reduce__(self) -> Any:
        return KeptVectors, ()


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
    forget(model)
    embed.initialize(X, Y)
    if X:
        model.set_dim("nO", embed.predict(X)[0].shape[1], force=True)


def forget(model: Embed) -> None:
    """Keep no vectors of words."""
    for shim in model.shims:
        cast(KeptVectors, shim).forget()


@skip_empty
def forward(
    model: Embed, docs: list[Doc], is_train: bool
) -> tuple[list[Floats2d], Callable[[list[Floats2d]], list[Doc]]]:
    embed: Embed = model.layers[0]
    if is_train:
        forget(model)
        return embed(docs, is_train)
    ops, vocab = model.ops, docs[0].vocab
    lengths = [len(doc) for doc in docs]
    few, keeps = sum(lengths) < FEW, bool(model.shims) and isinstance(ops, NumpyOps)
    if any(doc.vocab is not vocab for doc in docs) or (few and not keeps):  # a word is not the same in two vocabularies
        return embed(docs, is_train)
    tokens = np.concatenate([doc.to_array([ORTH, NORM]) for doc in docs])
    words = hash_pairs(*tokens.T)
    first = types = np.arange(len(words))
    if not few:
        words, first, types = np.unique(words, return_index=True, return_inverse=True)

    def embed_words(indices: Any) -> Floats2d:
        (vectors,) = embed.predict([doc_of(vocab, tokens[first[indices]])])
        return vectors

    if keeps:
        vectors = cast(KeptVectors, model.shims[0]).look_up(vocab, words.tolist(), embed_words)
    else:
        vectors = embed_words(slice(None))
    if few:
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
