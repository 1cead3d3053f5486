"""What a corpus is, whatever it was read from."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeAlias


class CorpusError(ValueError):
    """A corpus cannot be read or written; the message names the place and says what to do."""


@dataclass(frozen=True)
class Sentence:
    """A sentence, its annotation token by token.

    Attributes:
        words: The tokens.
        entities: Their IOB2 tags.
        tags: Their part-of-speech tags, None where the corpus has none.
    """

    words: list[str]
    entities: list[str]
    tags: list[str] | None = None


Document: TypeAlias = list[Sentence]


@dataclass
class Corpus:
    """A corpus in splits.

    Attributes:
        splits: The documents of ``train``, ``dev`` and, if there is one, ``test``.
        tag_labels: All part-of-speech tags in the order of the source, None where it does not list them.
        entity_labels: All entity types in the order of the source, None where it does not list them.
        warnings: What was repaired.
    """

    splits: dict[str, list[Document]]
    tag_labels: list[str] | None = None
    entity_labels: list[str] | None = None
    warnings: list[str] = field(default_factory=list)


def split_documents(sentences: Document, starts: Iterable[int]) -> list[Document]:
    """Make documents of sentences, for a source that marks where documents start.

    Args:
        sentences: All sentences.
        starts: Index of the first sentence after each mark.
    """
    return [sentences[start:end] for start, end in pairwise(sorted({0, *starts, len(sentences)}))]


def group_sentences(sentences: Document, size: int) -> list[Document]:
    """Make documents of consecutive sentences, for a source that has no documents.

    Args:
        sentences: All sentences.
        size: Sentences of a document.
    """
    return [sentences[i : i + size] for i in range(0, len(sentences), size)]
