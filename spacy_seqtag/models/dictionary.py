"""A dictionary of the training data's words, and the embedding that looks words up in it."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import srsly
from numpy.typing import NDArray
from spacy.attrs import ORTH
from spacy.lookups import Lookups
from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import ArgsKwargs, Floats1d, Floats2d, Ints1d

from . import pytorch
from .batches import by_document
from .hashing import find
from .lazy import vectors_at
from .shim import construct, module_shim, to_floats, to_tensor, wrap_module
from .types import Embed

TABLE = "seqtag_dictionary"
"""Name of the lookups table: words and how often the training data has them, in the order of their rows."""
TAG_TABLE = "seqtag_tag_dictionary"
"""Name of the lookups table of words and how often the training data has them with each tag."""
N_SPECIAL = 2
"""Rows before the first word's: [UNK] and [PAD]."""

EmbedIds = Model[tuple[Ints1d, Floats1d], Floats2d]


def read_dictionary(path: Path, tags: Path | None = None) -> Lookups:
    """Read a dictionary for ``[initialize.lookups]``.

    Args:
        path: JSON file that maps each word to how often the training data has it, as ``convert`` writes it.
        tags: JSON file that maps each word to how often the training data has it with each tag; None for none.

    Raises:
        ValueError: If a file is missing or not such a mapping.
    """
    lookups = Lookups()
    counts = read_counts(path)
    if not is_counts(counts):
        raise ValueError(f"{path} is no dictionary: it must map each word to a positive count")
    lookups.add_table(TABLE, counts)
    if tags is not None:
        of_words = read_counts(tags)
        if not isinstance(of_words, dict) or not all(map(is_counts, of_words.values())):
            raise ValueError(
                f"{tags} is no tag dictionary: it must map each word to its tags and their positive counts"
            )
        lookups.add_table(TAG_TABLE, of_words)
    return lookups


def read_counts(path: Path) -> Any:
    """What a JSON file of the training data's counts has.

    Raises:
        ValueError: If there is no such file, or it is no JSON.
    """
    if not Path(path).is_file():
        raise ValueError(f"no dictionary at {path}: `python -m spacy_seqtag convert` writes one beside train.spacy")
    try:
        return srsly.read_json(path)
    except ValueError as error:
        raise ValueError(f"{path} is no JSON ({error}): `python -m spacy_seqtag convert` writes it anew") from error


def is_counts(counts: Any) -> bool:
    """Whether something is a mapping to positive counts."""
    return isinstance(counts, dict) and all(isinstance(count, int) and count > 0 for count in counts.values())


def build_dictionary_embed(width: int | None = None, unk_alpha: float = 0.25, dropout: float = 0.0) -> Embed:
    """Embed words by their row in the dictionary of the training data: row 0 is [UNK], row 1 [PAD].

    The dictionary comes from ``nlp.vocab.lookups`` (see :func:`read_dictionary`) and is saved with the layer. In
    training a word that occurs ``count`` times is read as [UNK] with probability ``unk_alpha / (unk_alpha + count)``.

    Args:
        width: Width of the vectors; None where the number of classes decides it.
        unk_alpha: Strength of the word dropout.
        dropout: Dropout on the vectors.
    """
    layer: EmbedIds = wrap_module(
        "word_embedding",
        partial(pytorch.WordEmbedding, dropout=dropout),
        init=init_embed_ids,
        convert_inputs=convert_inputs,
        nO=width,
    )
    # Word forms are kept as spaCy's 64-bit hashes, sorted, to look up whole batches at once.
    attrs = {
        "hashes": np.zeros(0, dtype="uint64"),
        "rows": np.zeros(0, dtype="int64"),
        "unk_prob": np.zeros(0, dtype="float32"),
        "unk_alpha": unk_alpha,
    }
    return Model("dictionary_embed", forward, init=init, layers=[layer], dims={"nO": width}, attrs=attrs)


def init(model: Embed, X: list[Doc] | None = None, Y: list[Floats2d] | None = None) -> None:
    if X:
        lookups = X[0].vocab.lookups
        if not lookups.has_table(TABLE):
            raise ValueError(
                "DictionaryEmbed found no dictionary of the training data. Add to the config:\n"
                '[initialize.lookups]\n@misc = "spacy-seqtag.Dictionary.v1"\npath = "corpus/dictionary.json"'
            )
        table = lookups.get_table(TABLE)
        hashes = np.fromiter(table.keys(), dtype="uint64", count=len(table))
        counts = np.fromiter(table.values(), dtype="float32", count=len(table))
        order = np.argsort(hashes)
        alpha = model.attrs["unk_alpha"]
        model.attrs["hashes"] = hashes[order]
        model.attrs["rows"] = order + N_SPECIAL
        model.attrs["unk_prob"] = (alpha / (alpha + counts[order])).astype("float32")
    layer: EmbedIds = model.layers[0]
    if Y:
        model.set_dim("nO", Y[0].shape[1], force=True)
    layer.set_dim("nO", model.get_dim("nO"), force=True)
    layer.set_dim("nI", len(model.attrs["hashes"]) + N_SPECIAL, force=True)
    layer.initialize()


def forward(
    model: Embed, docs: list[Doc], is_train: bool
) -> tuple[list[Floats2d], Callable[[list[Floats2d]], list[Doc]]]:
    layer: EmbedIds = model.layers[0]
    rows, unk_prob = look_up(model, docs)
    if not is_train:  # the vectors are looked up where they are read
        (table,) = map(to_floats, module_shim(layer).module.parameters())
        return vectors_at(model.ops, table, rows, [len(doc) for doc in docs]), lambda d_vectors: docs
    vectors, backprop_layer = layer((rows, unk_prob), is_train)

    def backprop(d_vectors: list[Floats2d]) -> list[Doc]:
        backprop_layer(model.ops.flatten(d_vectors))
        return docs

    return by_document(vectors, map(len, docs)), backprop


def look_up(model: Embed, docs: list[Doc]) -> tuple[Ints1d, Floats1d]:
    """Rows of all tokens, one document after the other, and the probability of each to be read as [UNK]."""
    words = np.concatenate([doc.to_array(ORTH) for doc in docs]).astype("uint64")
    position, known = find(words, model.attrs["hashes"])
    rows = np.full(len(words), pytorch.UNK, dtype="int64")
    rows[known] = model.attrs["rows"][position[known]]
    unk_prob = np.zeros(len(words), dtype="float32")
    unk_prob[known] = model.attrs["unk_prob"][position[known]]
    return to_device(model, rows), to_device(model, unk_prob)


def to_device(model: Embed, x: NDArray[Any]) -> Any:
    """A NumPy array as an array of the device in use."""
    return model.ops.asarray(cast(Any, x))


def init_embed_ids(model: EmbedIds, X: Any = None, Y: Any = None) -> None:
    construct(model, rows=model.get_dim("nI"), width=model.get_dim("nO"))


def convert_inputs(
    model: EmbedIds, inputs: tuple[Ints1d, Floats1d], is_train: bool
) -> tuple[ArgsKwargs, Callable[[ArgsKwargs], None]]:
    args = tuple(to_tensor(model, x) for x in inputs)
    return ArgsKwargs(args=cast(Any, args), kwargs={}), lambda d_inputs: None
