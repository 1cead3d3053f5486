"""The registered character embeddings: a vector for each token from its characters, computed once for each distinct
word of a batch."""

from collections.abc import Callable
from functools import partial
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from spacy.attrs import ORTH
from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import ArgsKwargs, Floats2d, Ints2d

from . import pytorch
from .batches import batches, by_document, most_tokens
from .empty import skip_empty
from .shim import construct, to_tensor, wrap_module
from .types import Embed

MAX_CHARACTERS = 32
"""Most characters that are read of a word; of a longer one the first and the last, which have the affixes."""

EmbedWords = Model[Ints2d, Floats2d]


def build_char_cnn(
    width: int, embedding_width: int = 32, kernel_size: int = 3, rows: int = 1024, dropout: float = 0.0
) -> Embed:
    """Embed words by convolutions along their characters; see :class:`~spacy_seqtag.models.pytorch.CharCNN`.

    Args:
        width: Width of the vectors.
        embedding_width: Width of the characters' vectors.
        kernel_size: Characters under a filter, odd.
        rows: Number of characters told apart; those with higher code points share rows.
        dropout: Dropout on the characters' vectors.
    """
    build = partial(pytorch.CharCNN, embedding_width=embedding_width, kernel_size=kernel_size, dropout=dropout)
    return char_embed("char_cnn", build, width, rows)


def build_char_lstm(width: int, embedding_width: int = 32, rows: int = 1024, dropout: float = 0.0) -> Embed:
    """Embed words by a bidirectional LSTM along their characters; see :class:`~spacy_seqtag.models.pytorch.CharLSTM`.

    Args:
        width: Width of the vectors, even.
        embedding_width: Width of the characters' vectors.
        rows: Number of characters told apart; those with higher code points share rows.
        dropout: Dropout on the characters' vectors.
    """
    build = partial(pytorch.CharLSTM, embedding_width=embedding_width, dropout=dropout)
    return char_embed("char_lstm", build, width, rows)


def char_embed(name: str, build: Callable[..., torch.nn.Module], width: int, rows: int) -> Embed:
    """Make a Thinc embedding of a PyTorch module that embeds words by their characters.

    Args:
        name: Name of the layer.
        build: Returns the module, called with ``rows`` and ``width``.
        width: Width of the vectors.
        rows: Rows of the characters, that of the padding not counted.
    """
    layer: EmbedWords = wrap_module(name, build, init=init_layer, convert_inputs=convert_inputs, nI=rows + 1, nO=width)
    return Model(f"{name}_embed", forward, init=init, layers=[layer], dims={"nO": width}, attrs={"rows": rows})


def init(model: Embed, X: Any = None, Y: Any = None) -> None:
    model.layers[0].initialize()


@skip_empty
def forward(
    model: Embed, docs: list[Doc], is_train: bool
) -> tuple[list[Floats2d], Callable[[list[Floats2d]], list[Doc]]]:
    ops = model.ops
    layer: EmbedWords = model.layers[0]
    words, tokens = distinct_words(docs)
    characters, lengths = look_up(model, words)
    vectors: Any = ops.alloc2f(len(words), model.get_dim("nO"))
    backprops = []
    for rows in batches(lengths, max_padded_tokens=most_tokens(model.get_dim("nO"))):
        longest = lengths[rows[0]]
        vectors[rows], backprop_layer = layer(ops.asarray2i(cast(Any, characters[rows, :longest])), is_train)
        if is_train:
            backprops.append((rows, backprop_layer))
    token_words = ops.asarray1i(cast(Any, tokens))

    def backprop(d_output: list[Floats2d]) -> list[Doc]:
        d_vectors: Any = ops.alloc2f(*vectors.shape)
        ops.scatter_add(d_vectors, token_words, ops.flatten(d_output))
        for rows, backprop_layer in backprops:
            backprop_layer(d_vectors[rows])
        return docs

    return by_document(vectors[token_words], map(len, docs)), backprop


def distinct_words(docs: list[Doc]) -> tuple[list[str], NDArray[np.int64]]:
    """The distinct words of documents, and which of them each token is. *Shape:* ``(tokens,)``."""
    forms = np.concatenate([doc.to_array(ORTH) for doc in docs])
    words, first, tokens = np.unique(forms, return_index=True, return_inverse=True)
    # A document knows the strings of its own words.
    of_doc = np.searchsorted(np.cumsum([len(doc) for doc in docs]), first, side="right")
    return [docs[i].vocab.strings[word] for i, word in zip(of_doc.tolist(), words.tolist(), strict=True)], tokens


def code_points(words: list[str]) -> NDArray[np.uint32]:
    """The characters of words, one word after the other. *Shape:* ``(characters,)``."""
    return np.frombuffer("".join(words).encode("utf-32-le", "surrogatepass"), dtype="uint32")


def look_up(model: Embed, words: list[str]) -> tuple[NDArray[np.int64], list[int]]:
    """Rows of the characters of words, padded on the right, and how many each word has."""
    half = MAX_CHARACTERS // 2
    words = [word if len(word) <= MAX_CHARACTERS else word[:half] + word[-half:] for word in words]
    lengths = [len(word) for word in words]
    rows = np.full((len(words), max(lengths, default=0)), pytorch.PAD_CHARACTER, dtype="int64")
    rows[np.arange(rows.shape[1]) < np.asarray(lengths)[:, None]] = code_points(words) % model.attrs["rows"] + 1
    return rows, lengths


def init_layer(model: EmbedWords, X: Any = None, Y: Any = None) -> None:
    construct(model, rows=model.get_dim("nI"), width=model.get_dim("nO"))


def convert_inputs(model: EmbedWords, ids: Ints2d, is_train: bool) -> tuple[ArgsKwargs, Callable[[ArgsKwargs], None]]:
    return ArgsKwargs(args=(cast(Any, to_tensor(model, ids)),), kwargs={}), lambda d_inputs: None
