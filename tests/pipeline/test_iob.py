"""IOB2 classes, and that what is predicted is always valid IOB2."""

from functools import cache
from itertools import pairwise, product

import numpy as np
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from spacy.tokens import Span
from spacy.training import iob_to_biluo
from spacy.training.iob_utils import tags_to_entities
from spacy.util import filter_spans

from spacy_seqtag.pipeline.iob import begin, inside, iob_classes, is_valid, iter_entities

TYPES = ("LOC", "PER")
CLASSES = iob_classes(TYPES)
NLP = spacy.blank("en")


@pytest.fixture(scope="module")
def ner():
    component = NLP.add_pipe("seqtag_ner")
    for label in TYPES:
        component.add_label(label)
    return component


def valid(tags):
    """IOB2 in words: I-X stands only after B-X or I-X."""
    return all(tag[0] != "I" or (before[1:] == tag[1:] and before != "O") for before, tag in pairwise(["O", *tags]))


@cache
def valid_sequences(length):
    return [path for path in product(range(len(CLASSES)), repeat=length) if valid([CLASSES[c] for c in path])]


def test_classes():
    assert CLASSES == ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
    assert [CLASSES[begin(i)] for i in range(2)] == ["B-LOC", "B-PER"]
    assert [CLASSES[inside(i)] for i in range(2)] == ["I-LOC", "I-PER"]


@pytest.mark.parametrize("length", range(5))
def test_is_valid(length):
    paths = product(range(len(CLASSES)), repeat=length)
    assert [path for path in paths if is_valid(np.asarray(path, dtype="int64"))] == valid_sequences(length)


@pytest.mark.parametrize("length", range(5))
def test_entities_are_those_that_spacy_reads(length):
    for path in valid_sequences(length):
        tags = iob_to_biluo([CLASSES[c] for c in path])
        expected = [(start, end + 1, TYPES.index(label)) for label, start, end in tags_to_entities(tags)]
        assert list(iter_entities(np.asarray(path, dtype="int64"))) == expected


@given(scores=st.lists(st.integers(0, 4).flatmap(lambda n: arrays("float32", (n, 5), elements=st.integers(-9, 9)))))
def test_the_best_valid_sequence_is_decoded(ner, scores):
    docs = [spacy.tokens.Doc(ner.vocab, words=["x"] * len(doc_scores)) for doc_scores in scores]
    for path, doc_scores in zip(ner.decode(docs, scores), scores, strict=True):
        assert tuple(path) in valid_sequences(len(doc_scores))
        steps = np.arange(len(doc_scores))
        best = max(doc_scores[steps, list(candidate)].sum() for candidate in valid_sequences(len(doc_scores)))
        assert doc_scores[steps, path].sum() == best


TEXT = st.text(st.one_of(st.sampled_from(" \n\t\u00a0Aab.,'-"), st.characters(exclude_categories=["Cs"])), max_size=40)


@given(text=TEXT, data=st.data())
def test_any_scores_make_entities_that_spacy_takes(ner, text, data):
    doc = NLP.make_doc(text)
    token = st.integers(0, max(0, len(doc) - 1))
    bounds = data.draw(st.lists(st.tuples(token, token), max_size=2)) if len(doc) else []
    present = filter_spans([Span(doc, start, end + 1, label="OLD") for start, end in bounds if start <= end])
    doc.ents = present
    scores = data.draw(arrays("float32", (len(doc), len(CLASSES)), elements=st.floats(-100, 100, width=32)))
    ner.set_annotations([doc], ner.decode([doc], [scores]))
    assert [ent for ent in doc.ents if ent.label_ == "OLD"] == sorted(present)
    for ent in doc.ents:
        if ent.label_ != "OLD":
            assert not ent[0].is_space
            assert not ent[-1].is_space
    assert all(token.ent_iob_ for token in doc)
    assert valid([f"{token.ent_iob_}-{token.ent_type_}" if token.ent_type_ else "O" for token in doc])
