"""The documents that pipelines are timed on."""

from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from spacy_seqtag.benchmark.documents import SENTENCE, Text, cut, make_docs, read_texts, repeat, sentences

from ..pipeline import toy

LETTERS = [Text(list("abc"), [True, False, True], [2, 1]), Text(list("de"), [False, False], [2])]


def test_documents_have_the_words_of_the_corpus_and_no_annotation(corpus):
    texts = read_texts(corpus)
    docs = list(make_docs(Vocab(), texts))
    assert [doc.text.strip() for doc in docs] == [f"{toy.TEXTS[0]} {toy.TEXTS[1]}", *toy.TEXTS[2:]]
    assert not any(doc.has_annotation(name) for doc in docs for name in ("TAG", "ENT_IOB", "SENT_START"))


def test_sentences(tmp_path):
    vocab = Vocab()
    bounded = Doc(vocab, words=list("abc"), sent_starts=[True, False, True])
    unbounded = Doc(vocab, words=["word"] * (SENTENCE + 1))
    DocBin(docs=[bounded, unbounded]).to_disk(tmp_path / "dev.spacy")
    texts = read_texts(tmp_path / "dev.spacy")
    assert sentences(texts) == [["a", "b"], ["c"], ["word"] * SENTENCE, ["word"]]


@given(st.integers(1, 9), st.integers(0, 30))
def test_cut(length, n_words):
    documents = list(cut(LETTERS, length=length, n_words=n_words))
    words = list(chain.from_iterable(document.words for document in documents))
    assert "".join(words) == ("abcde" * 6)[:n_words]
    assert all(len(document.words) == length for document in documents[:-1])
    for document in documents:
        assert 0 < len(document.words) == len(document.spaces) == sum(document.sentences) <= length


@given(st.integers(0, 30))
def test_repeat(n_words):
    documents = list(repeat(LETTERS, n_words=n_words))
    assert "".join(chain.from_iterable(document.words for document in documents)) == ("abcde" * 6)[:n_words]
    assert all(document.words == LETTERS[i % 2].words for i, document in enumerate(documents[:-1]))
    assert len(list(make_docs(Vocab(), documents))) == len(documents)


@pytest.mark.parametrize(("content", "message"), [(b"words", "is no DocBin"), (None, "has no words")])
def test_a_file_without_words(content, message, tmp_path):
    path = tmp_path / "dev.spacy"
    if content is None:
        DocBin(docs=[Doc(Vocab())]).to_disk(path)
    else:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_texts(path)
