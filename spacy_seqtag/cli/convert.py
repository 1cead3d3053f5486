"""`convert`: a corpus to spaCy's binary format."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from wasabi import msg

from ..corpus import Corpus, CorpusError, Document, convert, read_dataset, read_folder
from ..corpus.conll import is_column_folder
from ..corpus.convert import check_output
from ..corpus.hub import is_saved_dataset

SAMPLE = "sample"
SAMPLE_FOLDER = Path("assets") / "sample"


def convert_command(
    source: Annotated[
        str,
        typer.Argument(
            help="'sample'; a folder with train.txt and valid.txt in the format of CoNLL-2003; a dataset on the "
            "Hugging Face Hub, as 'conll2003'; or a folder with a saved dataset"
        ),
    ],
    out: Annotated[Path, typer.Argument(help="Folder to write to")],
    lang: Annotated[str, typer.Option(help="Language code of the corpus")] = "en",
    group_size: Annotated[
        int, typer.Option(min=1, help="Sentences of a document, where the source does not mark documents")
    ] = 10,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse invalid IOB2 instead of repairing it")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier conversion")] = False,
) -> None:
    """Convert a corpus: DocBins, label files, the dictionary and statistics."""
    import spacy

    try:
        check_output(out, force=force)
        corpus = read(source, group_size=group_size, strict=strict)
        for warning in corpus.warnings:
            msg.warn(warning)
        stats = convert(corpus, out, spacy.blank(lang), source=source, force=force, progress=progress_bar)
    except (CorpusError, ImportError, OSError) as err:
        msg.fail(f"Cannot convert {source!r}", str(err), exits=1)
    header = ("", "documents", "sentences", "tokens", "longest", "entities", "tags")
    rows = [
        (
            split,
            s["documents"],
            s["sentences"],
            s["tokens"],
            s["longest_sentence"],
            s["entities"],
            len(s["tags_by_label"]),
        )
        for split, s in stats["splits"].items()
    ]
    msg.table(rows, header=header, divider=True, aligns=("l", *"rrrrrr"))
    msg.good(f"Converted {source!r} to {out}")
    if source == SAMPLE:
        demonstration_note()


def demonstration_note() -> None:
    """Say what the sample is not."""
    msg.info(
        "This is a small demonstration corpus: enough to see every step work, too small for good scores on other text."
    )


def read(source: str, *, group_size: int, strict: bool) -> Corpus:
    """Read a corpus from wherever a source stands for.

    Raises:
        CorpusError: If it cannot be read.
    """
    folder = Path(source)
    if source == SAMPLE:
        if not SAMPLE_FOLDER.is_dir():
            raise CorpusError(f"no folder {SAMPLE_FOLDER} here: run the command in the project's own folder")
        folder = SAMPLE_FOLDER
    if folder.exists() and (is_column_folder(folder) or not is_saved_dataset(folder)):
        return read_folder(folder, group_size=group_size, strict=strict)
    if not folder.exists() and (source.startswith((".", "/", "~")) or source.count("/") > 1):
        raise CorpusError(f"no such folder: {source}")
    return read_dataset(source, group_size=group_size, strict=strict)


def progress_bar(split: str, documents: list[Document]) -> Iterable[Document]:
    """A progress bar over the documents of a split."""
    from tqdm import tqdm

    bar: Iterable[Document] = tqdm(documents, desc=split, unit="doc", file=sys.stderr)
    return bar
