"""Sentence boundaries, which nothing here needs: set or not, right or wrong, the annotations are the same."""

import pytest
from spacy.tokens import Doc

from . import toy

SENTENCES = [text.split(" ") for text in toy.TEXTS]
WORDS = [word for words in SENTENCES for word in words]
STARTS = {
    "unknown": None,
    "right": [i == 0 for words in SENTENCES for i in range(len(words))],
    "everywhere": [True] * len(WORDS),
    "none": [i == 0 for i in range(len(WORDS))],
    "in names": [word in ("Anna", "Lee", "York") for word in WORDS],
}


@pytest.mark.parametrize("starts", [name for name in STARTS if name != "unknown"])
def test_sentence_starts(trained, starts):
    docs = {name: Doc(trained.vocab, words=WORDS, sent_starts=STARTS[name]) for name in ("unknown", starts)}
    assert not docs["unknown"].has_annotation("SENT_START")
    annotated = toy.annotations(trained.pipe(docs.values()))
    assert len({ent.text for ent in docs["unknown"].ents}) > 3
    assert annotated[0] == annotated[1]


@pytest.mark.parametrize("position", ["first", "last"])
def test_a_component_that_sets_them(nlp, position):
    text = " ".join(WORDS)
    (expected,) = toy.annotations([nlp(text)])
    nlp.add_pipe("sentencizer", **{position: True})
    doc = nlp(text)
    assert len(list(doc.sents)) == len(SENTENCES)
    assert toy.annotations([doc]) == [expected]
