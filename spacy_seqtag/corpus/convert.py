"""Writes a corpus for training: DocBins, labels, the dictionaries and statistics."""

import contextlib
import hashlib
import os
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import srsly
from spacy.language import Language
from spacy.tokens import Doc, DocBin

from ..about import __version__
from .annotation import Corpus, CorpusError, Document
from .spacing import spaces

DICTIONARY = "dictionary.json"
TAG_DICTIONARY = "tag_dictionary.json"
STATS = "stats.json"
LABELS = {"tagger": "labels/tagger.json", "ner": "labels/ner.json"}
OUTPUTS = ("train.spacy", "dev.spacy", "test.spacy", *LABELS.values(), DICTIONARY, TAG_DICTIONARY, STATS)
"""All that a conversion may write."""
FORMAT = 3
"""Counts the changes to what is written of the same corpus, so that an earlier conversion is replaced."""
ATTRS = ("ORTH", "SPACY", "TAG", "ENT_IOB", "ENT_TYPE", "SENT_START")

Progress = Callable[[str, list[Document]], Iterable[Document]]


def convert(
    corpus: Corpus, out: Path, nlp: Language, *, source: str, force: bool = False, progress: Progress | None = None
) -> dict[str, Any]:
    """Write a corpus into a folder: a DocBin for each split, label files for ``[initialize]``, the words of the
    training data, their tags and statistics. A folder that already holds just this conversion is left as it is.

    Everything is written aside first and moved at the end, so a failed conversion leaves the folder as it was.

    Args:
        corpus: The corpus.
        out: The folder.
        nlp: Pipeline whose vocabulary is used.
        source: Where the corpus comes from, for the statistics.
        force: Whether to replace an earlier conversion.
        progress: Wraps the documents of each split while they are converted.

    Returns:
        The statistics.

    Raises:
        CorpusError: If the folder holds a conversion and ``force`` is not set, or is a file.
    """
    check_output(out, force=force)
    content = repr((__version__, FORMAT, nlp.lang, source, corpus))
    digest = hashlib.sha256(content.encode("utf8", "surrogatepass")).hexdigest()
    stats: dict[str, Any]
    with contextlib.suppress(ValueError, KeyError, TypeError):  # no statistics, or a file that is not ours
        stats = srsly.read_json(out / STATS)
        if stats["digest"] == digest and all((out / name).exists() for name in stats["files"]):
            return stats
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as folder:
        aside = Path(folder)
        (aside / "labels").mkdir()
        stats = {"source": source, "lang": nlp.lang, "digest": digest, "files": [], "splits": {}}
        for split, documents in corpus.splits.items():
            docs = (to_doc(document, nlp) for document in (progress(split, documents) if progress else documents))
            DocBin(attrs=ATTRS, docs=docs).to_disk(aside / f"{split}.spacy")
            stats["splits"][split] = statistics(documents)
        train = stats["splits"]["train"]
        entity_labels = corpus.entity_labels or sorted(train["entities_by_label"])
        tag_labels = corpus.tag_labels or sorted(train["tags_by_label"])
        if entity_labels:
            srsly.write_json(aside / LABELS["ner"], entity_labels)
        if tag_labels:
            srsly.write_json(aside / LABELS["tagger"], tag_labels)
        words = Counter(word for document in corpus.splits["train"] for sentence in document for word in sentence.words)
        srsly.write_json(aside / DICTIONARY, dict(words.most_common()))
        srsly.write_json(aside / TAG_DICTIONARY, tag_dictionary(corpus.splits["train"]))
        stats["files"] = [name for name in OUTPUTS if (aside / name).exists()]
        srsly.write_json(aside / STATS, stats)
        move(aside, out)
    return stats


def tag_dictionary(documents: list[Document]) -> dict[str, Counter[str]]:
    """How often documents have each word with each tag."""
    words: dict[str, Counter[str]] = defaultdict(Counter)
    for sentence in (sentence for document in documents for sentence in document):
        for word, tag in zip(sentence.words, sentence.tags or [], strict=False):
            words[word][tag] += 1
    return words


def check_output(out: Path, *, force: bool) -> None:
    """Check that a conversion may be written to a folder.

    Raises:
        CorpusError: If not.
    """
    for folder in (*reversed(out.parents), out, out / "labels"):
        if folder.exists() and not folder.is_dir():
            raise CorpusError(f"{folder} is a file; give a folder to write to")
    for name in OUTPUTS:
        if (out / name).is_dir():
            raise CorpusError(f"{out / name} is a folder where a file is to be written; move it away")
    present = [name for name in OUTPUTS if (out / name).exists()]
    if present and not force:
        raise CorpusError(f"{out} already holds a conversion ({', '.join(present)}); use --force to replace it")


def move(aside: Path, out: Path) -> None:
    """Move the files of a conversion to their place, and remove those of an earlier one that it does not replace."""
    (out / "labels").mkdir(parents=True, exist_ok=True)
    (out / STATS).unlink(missing_ok=True)  # moved last, it says that all is there
    for name in OUTPUTS:
        if (aside / name).exists():
            os.replace(aside / name, out / name)
        else:
            (out / name).unlink(missing_ok=True)


def to_doc(document: Document, nlp: Language) -> Doc:
    """The spaCy document of a document, with its annotation and sentence starts; in English also with its spaces, which
    in other languages stay unknown."""
    return Doc(
        nlp.vocab,
        words=[word for sentence in document for word in sentence.words],
        spaces=spaces([sentence.words for sentence in document]) if nlp.lang == "en" else None,
        tags=[tag for sentence in document for tag in sentence.tags or []] or None,
        ents=[tag for sentence in document for tag in sentence.entities],
        sent_starts=[i == 0 for sentence in document for i in range(len(sentence.words))],
    )


def statistics(documents: list[Document]) -> dict[str, Any]:
    """Counts of a split: documents, sentences, tokens, tokens of the longest sentence, entities and tags by label."""
    sentences = [sentence for document in documents for sentence in document]
    entities = Counter(tag[2:] for sentence in sentences for tag in sentence.entities if tag.startswith("B-"))
    tags = Counter(tag for sentence in sentences for tag in sentence.tags or [])
    return {
        "documents": len(documents),
        "sentences": len(sentences),
        "tokens": sum(len(sentence.words) for sentence in sentences),
        "longest_sentence": max(len(sentence.words) for sentence in sentences),
        "entities": entities.total(),
        "entities_by_label": dict(entities.most_common()),
        "tags_by_label": dict(tags.most_common()),
    }
