"""Token classification datasets, from the Hugging Face Hub or saved locally."""

from __future__ import annotations

from bisect import bisect
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .annotation import Corpus, CorpusError, Document, Sentence, group_sentences, split_documents
from .conll import DOCSTART
from .iob import split_tag, to_iob2

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

ALIASES = {"conll2003": "lhoestq/conll2003"}
SPLITS = {"train": ("train",), "dev": ("validation", "valid", "dev"), "test": ("test",)}
"""Names under which each split is looked for."""
TOKENS, ENTITIES, TAGS = "tokens", "ner_tags", "pos_tags"


def is_saved_dataset(folder: Path) -> bool:
    """Whether a folder is a dataset: one that `datasets` saved, or Parquet or JSON lines files."""
    return (folder / "dataset_dict.json").is_file() or any(
        path.suffix in (".parquet", ".jsonl") for pattern in ("*", "data/*") for path in folder.glob(pattern)
    )


def read_dataset(name: str, *, group_size: int = 10, strict: bool = False) -> Corpus:
    """Read a dataset with the columns ``tokens``, ``ner_tags`` and, if it has them, ``pos_tags``.

    Args:
        name: Name on the Hub, or a local folder.
        group_size: Sentences of a document where no row is a ``-DOCSTART-`` mark.
        strict: Whether to refuse invalid IOB2 instead of repairing it.

    Raises:
        CorpusError: If the dataset cannot be loaded, or lacks a split or a column.
    """
    dataset = load(ALIASES.get(name, name))
    corpus = Corpus(splits={})
    for split, names in SPLITS.items():
        found = [n for n in names if n in dataset]
        if found:
            place = f"{name}, split {found[0]}"
            corpus.splits[split], warnings = read_split(dataset[found[0]], place, group_size=group_size, strict=strict)
            corpus.warnings += warnings
        elif split != "test":
            raise CorpusError(f"{name} has no {split} split: none of {', '.join(names)}, only {', '.join(dataset)}")
    features = dataset["train"].features
    if TAGS in features:
        corpus.tag_labels = class_names(features[TAGS])
    entity_tags = class_names(features[ENTITIES])
    if entity_tags is not None:
        try:
            corpus.entity_labels = list(dict.fromkeys(split_tag(tag)[1] for tag in entity_tags if tag != "O"))
        except ValueError as err:
            raise CorpusError(f"{name}, class labels of {ENTITIES}: {err}") from None
    return corpus


def load(name: str) -> DatasetDict:
    """Load a dataset from a local folder or the Hub.

    Raises:
        CorpusError: If it cannot be had.
    """
    try:
        import datasets
    except ImportError:
        raise CorpusError("datasets are read with a further package: pip install 'spacy-seqtag[datasets]'") from None
    try:
        if (Path(name) / "dataset_dict.json").is_file():
            return datasets.DatasetDict.load_from_disk(name)
        return datasets.load_dataset(name)
    except Exception as err:  # what it raises depends on the network library and on the file format
        raise CorpusError(
            f"cannot load the dataset {name!r}: {type(err).__name__}: {str(err).splitlines()[0] if str(err) else ''}\n"
            "If the Hugging Face Hub cannot be reached, use local files: "
            "`python -m spacy_seqtag convert FOLDER OUT`, where FOLDER holds train.txt and valid.txt in the format of "
            "CoNLL-2003, or a dataset saved with `save_to_disk`."
        ) from err


def class_names(feature: Any) -> list[str] | None:
    """The class labels of a column, None where it holds strings."""
    names = getattr(getattr(feature, "feature", feature), "names", None)
    return list(names) if names is not None else None


def read_split(split: Dataset, place: str, *, group_size: int, strict: bool) -> tuple[list[Document], list[str]]:
    """The documents of a split, and warnings about what was repaired."""
    missing = [column for column in (TOKENS, ENTITIES) if column not in split.features]
    if missing:
        raise CorpusError(
            f"{place}: no column {' or '.join(missing)}; it has {', '.join(split.features)}. "
            f"Rename its columns to {TOKENS}, {ENTITIES} and, for parts of speech, {TAGS}."
        )
    columns = {}
    for column in (ENTITIES, TAGS):
        if column in split.features:
            names = class_names(split.features[column])
            columns[column] = [
                [
                    value if isinstance(value, str) else label(value, names, f"{place}, row {i}, {column}")
                    for value in row
                ]
                for i, row in enumerate(lists(split, column, place))
            ]
    words = lists(split, TOKENS, place)
    for i, row in enumerate(words):
        for column, values in columns.items():
            if len(values[i]) != len(row):
                raise CorpusError(f"{place}, row {i}: {len(row)} tokens, but {len(values[i])} {column}")
        if not all(isinstance(word, str) and word for word in row):
            raise CorpusError(f"{place}, row {i}: a token that is empty or no string: {row}")
    marks = [i for i, row in enumerate(words) if row[:1] == [DOCSTART]]
    kept = [i for i, row in enumerate(words) if row and row[0] != DOCSTART]
    if not kept:
        raise CorpusError(f"{place} has no sentences")
    entities, warnings = to_iob2(
        [columns[ENTITIES][i] for i in kept],
        locate=lambda p: f"{place}, row {kept[p.sentence]}, token {p.token}",
        strict=strict,
    )
    sentences = [
        Sentence(words=words[i], entities=tags, tags=columns[TAGS][i] if TAGS in columns else None)
        for i, tags in zip(kept, entities, strict=True)
    ]
    if not marks:
        return group_sentences(sentences, group_size), warnings
    return split_documents(sentences, (bisect(kept, mark) for mark in marks)), warnings


def lists(split: Dataset, column: str, place: str) -> list[list[Any]]:
    """The rows of a column of lists.

    Raises:
        CorpusError: If a row is no list.
    """
    rows = list(split.with_format(None)[column])
    for i, row in enumerate(rows):
        if not isinstance(row, list):
            raise CorpusError(f"{place}, row {i}, {column}: expected a list, one value a token, found {row!r}")
    return rows


def label(value: Any, names: list[str] | None, place: str) -> str:
    """The name of a class.

    Raises:
        CorpusError: If it has none.
    """
    if names is None or not isinstance(value, int) or not 0 <= value < len(names):
        raise CorpusError(f"{place}: {value!r} is no class label; the column must hold class labels or strings")
    return names[value]
