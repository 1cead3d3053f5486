"""The documents that pipelines are timed on: the words of a corpus, as they are or cut to other lengths."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, cycle, islice
from pathlib import Path
from typing import NamedTuple

from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

SENTENCE = 100
"""Words of a sentence, where the corpus does not say where sentences end."""


class Text(NamedTuple):
    """A document without annotation but its words.

    Args:
        words: The words.
        spaces: Whether a space follows each.
        sentences: Number of words of each sentence.
    """

    words: list[str]
    spaces: list[bool]
    sentences: list[int]


def read_texts(path: Path) -> list[Text]:
    """The documents of a DocBin that have words.

    Args:
        path: The DocBin.

    Raises:
        ValueError: If the file is no DocBin, or its documents have no words.
    """
    try:
        docs = [doc for doc in DocBin().from_disk(path).get_docs(Vocab()) if len(doc)]
    except Exception as err:
        raise ValueError(f"{path} is no DocBin: make one with `python -m spacy_seqtag convert`") from err
    if not docs:
        raise ValueError(f"{path} has no words")
    return [Text([t.text for t in doc], [bool(t.whitespace_) for t in doc], sentence_lengths(doc)) for doc in docs]


def sentence_lengths(doc: Doc) -> list[int]:
    if doc.has_annotation("SENT_START"):
        return [len(sentence) for sentence in doc.sents]
    return [min(SENTENCE, len(doc) - start) for start in range(0, len(doc), SENTENCE)]


def sentences(texts: Iterable[Text]) -> list[list[str]]:
    """The words of each sentence."""
    found = []
    for text in texts:
        words = iter(text.words)
        found += [list(islice(words, length)) for length in text.sentences]
    return found


def cut(texts: Sequence[Text], *, length: int, n_words: int) -> Iterator[Text]:
    """Documents of equal length, cut from the words of a corpus, which starts again where it ends.

    Args:
        texts: The corpus.
        length: Words of a document.
        n_words: Words of all documents; the last may be shorter.
    """
    words = cycle(list(chain.from_iterable(zip(text.words, text.spaces, strict=True) for text in texts)))
    for start in range(0, n_words, length):
        part = list(islice(words, min(length, n_words - start)))
        yield Text([word for word, _ in part], [space for _, space in part], [len(part)])


def repeat(texts: Sequence[Text], *, n_words: int) -> Iterator[Text]:
    """The documents of a corpus, again and again; the last is cut.

    Args:
        texts: The corpus.
        n_words: Words of all documents.
    """
    for text in cycle(texts):
        if n_words <= 0:
            return
        yield Text(text.words[:n_words], text.spaces[:n_words], text.sentences)
        n_words -= len(text.words)


def make_docs(vocab: Vocab, texts: Iterable[Text]) -> Iterator[Doc]:
    """New documents without annotation."""
    return (Doc(vocab, words=text.words, spaces=text.spaces) for text in texts)
