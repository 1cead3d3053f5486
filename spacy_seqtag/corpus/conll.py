"""Column files in the format of CoNLL-2003: a token a line, blank lines between sentences."""

import re
from collections.abc import Iterator
from pathlib import Path

from .annotation import Corpus, CorpusError, Document, Sentence, group_sentences, split_documents
from .iob import to_iob2

DOCSTART = "-DOCSTART-"
SUFFIXES = (".txt", ".conll", ".iob")
FILES = {
    "train": [*(f"train{suffix}" for suffix in SUFFIXES), "eng.train"],
    "dev": [*(f"{stem}{suffix}" for stem in ("valid", "dev") for suffix in SUFFIXES), "eng.testa"],
    "test": [*(f"test{suffix}" for suffix in SUFFIXES), "eng.testb"],
}
"""Names under which the file of each split is looked for."""
N_COLUMNS = (2, 4)
"""Columns: word and entity, or word, part of speech, chunk (not used) and entity."""


def is_column_folder(folder: Path) -> bool:
    """Whether a folder has a file of the train split."""
    return any((folder / name).exists() for name in FILES["train"])


def find_files(folder: Path) -> dict[str, Path]:
    """The file of each split of a corpus.

    Raises:
        CorpusError: If a split other than ``test`` is missing, or one has several files.
    """
    if not folder.is_dir():
        raise CorpusError(f"{folder} is no folder: give the one that holds train.txt and valid.txt")
    files = {}
    for split, names in FILES.items():
        found = [folder / name for name in names if (folder / name).exists()]
        if len(found) > 1:
            raise CorpusError(f"{folder} has several files for {split}: {', '.join(f.name for f in found)}. Keep one.")
        if found:
            files[split] = found[0]
        elif split != "test":
            raise CorpusError(f"{folder} has no {split} split: none of {', '.join(names)}")
    return files


def read_folder(folder: Path, *, group_size: int = 10, strict: bool = False) -> Corpus:
    """Read a folder of column files.

    Args:
        folder: Holds the files of the splits, see `FILES`.
        group_size: Sentences of a document where a file does not mark documents.
        strict: Whether to refuse invalid IOB2 instead of repairing it.

    Raises:
        CorpusError: If a file is missing or malformed; the message names file and line.
    """
    corpus = Corpus(splits={})
    files = find_files(folder)
    tagged = {}
    for split, path in files.items():
        corpus.splits[split], warnings = read_file(path, group_size=group_size, strict=strict)
        corpus.warnings += warnings
        tagged[split] = corpus.splits[split][0][0].tags is not None
        if tagged[split] != tagged["train"]:
            with_tags, without = (files[split], files["train"]) if tagged[split] else (files["train"], files[split])
            raise CorpusError(f"{with_tags} has four columns, {without} two: give all files the same")
    return corpus


def read_file(path: Path, *, group_size: int = 10, strict: bool = False) -> tuple[list[Document], list[str]]:
    """Read a column file.

    Args:
        path: The file, in UTF-8.
        group_size: Sentences of a document where the file does not mark documents with ``-DOCSTART-``.
        strict: Whether to refuse invalid IOB2 instead of repairing it.

    Returns:
        The documents, and warnings about what was repaired.

    Raises:
        CorpusError: If the file is missing or malformed; the message names file and line.
    """
    rows: list[list[list[str]]] = [[]]  # of each sentence
    line_numbers: list[list[int]] = [[]]
    document_starts: list[int] = []
    n_columns = 0
    for number, columns in iter_lines(path):
        if columns and columns[0] != DOCSTART:
            if not n_columns:
                if len(columns) not in N_COLUMNS:
                    raise CorpusError(
                        f"{path}:{number}: {len(columns)} columns; expected two (word, entity) or four (word, part of "
                        "speech, chunk, entity)"
                    )
                n_columns = len(columns)
            elif len(columns) != n_columns:
                raise CorpusError(f"{path}:{number}: {len(columns)} columns; the lines before have {n_columns}")
            rows[-1].append(columns)
            line_numbers[-1].append(number)
        elif rows[-1]:
            rows.append([])
            line_numbers.append([])
        if columns and columns[0] == DOCSTART:
            document_starts.append(len(rows) - 1)
    if not rows[-1]:
        del rows[-1]
    if not rows:
        raise CorpusError(f"{path} has no sentences: it is empty, or has only blank lines and document marks")
    entities, warnings = to_iob2(
        [[columns[-1] for columns in sentence] for sentence in rows],
        locate=lambda place: f"{path}:{line_numbers[place.sentence][place.token]}",
        strict=strict,
    )
    sentences = [
        Sentence(
            words=[columns[0] for columns in sentence],
            entities=sentence_entities,
            tags=[columns[1] for columns in sentence] if n_columns == max(N_COLUMNS) else None,
        )
        for sentence, sentence_entities in zip(rows, entities, strict=True)
    ]
    if not document_starts:
        return group_sentences(sentences, group_size), warnings
    return split_documents(sentences, document_starts), warnings


def iter_lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The number and the columns of each line; a blank line has no columns.

    Raises:
        CorpusError: If the file cannot be read or is not UTF-8.
    """
    if path.is_dir():
        raise CorpusError(f"{path} is a folder, expected a file")
    try:
        data = path.read_bytes()
    except OSError as err:
        raise CorpusError(f"cannot read {path}: {err.strerror}") from err
    # Only line feeds end a line: str.splitlines() would also break at characters that occur inside words.
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        try:
            text = line.decode("utf8").strip(" \t\r")
        except UnicodeDecodeError as err:
            raise CorpusError(
                f"{path}:{number}: not UTF-8 (byte 0x{line[err.start]:02x}); convert the file, e.g. with iconv"
            ) from None
        yield number, re.split("[ \t]+", text) if text else []
