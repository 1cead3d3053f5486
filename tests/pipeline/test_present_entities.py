"""Entities that a document has already: kept, and what is found fits around them; or replaced."""

import pytest
import spacy
from spacy.tokens import Span

from .toy import TEXTS


def found(doc):
    return [(ent.text, ent.label_) for ent in doc.ents]


@pytest.fixture
def doc(trained):
    doc = trained.make_doc(TEXTS[0])  # Anna Lee lives in New York .
    doc.ents = [Span(doc, 2, 3, label="VERB"), Span(doc, 5, 7, label="NOVEL")]
    return doc


def test_they_are_kept(trained, doc):
    new_york = ("York .", "NOVEL")
    assert found(trained(doc))[:2] == [("Anna Lee", "PER"), ("lives", "VERB")]
    assert found(doc)[-1] == new_york
    assert all(ent.start >= 5 or ent.end <= 5 for ent in doc.ents)


def test_a_mark_on_a_token_alone_is_no_entity(trained):
    doc = trained.make_doc(TEXTS[0])
    doc[0].ent_type_ = "HINT"
    assert found(trained(doc)) == [("Anna Lee", "PER"), ("New York", "LOC")]


@pytest.mark.parametrize("overwrite", [False, True])
def test_ids_stay_with_entities_that_are_kept(trained, monkeypatch, overwrite):
    monkeypatch.setattr(trained.get_pipe("ner"), "overwrite", overwrite)
    doc = trained.make_doc(TEXTS[0])
    doc.ents = [Span(doc, 0, 1, label="NAME", kb_id="Q1", span_id="here")]
    first = trained(doc)[0]
    assert (first.ent_kb_id_, first.ent_id_) == (("", "") if overwrite else ("Q1", "here"))


def test_or_replaced(trained, doc, monkeypatch):
    monkeypatch.setattr(trained.get_pipe("ner"), "overwrite", True)
    assert found(trained(doc)) == [("Anna Lee", "PER"), ("New York", "LOC")]


def test_blocked_tokens_stay_blocked_when_entities_are_replaced(trained, monkeypatch):
    monkeypatch.setattr(trained.get_pipe("ner"), "overwrite", True)
    doc = trained.make_doc(TEXTS[0])
    doc.set_ents([Span(doc, 5, 6, label="NOVEL")], blocked=[doc[0:2]])
    assert found(trained(doc)) == [("New York", "LOC")]
    assert [token.ent_iob_ for token in doc[0:2]] == ["B", "B"]


def test_no_entity_goes_on_over_blocked_whitespace(trained):
    doc = trained.make_doc("Anna Lee lives in New \n\n York .")
    (space,) = (token.i for token in doc if token.is_space)
    doc.set_ents([], blocked=[doc[space : space + 1]])
    doc = trained(doc)
    assert doc[space].ent_iob_ == "B"
    assert all(space not in range(ent.start, ent.end) for ent in doc.ents)


def test_it_is_a_setting_of_the_component():
    assert spacy.blank("en").add_pipe("seqtag_ner", config={"overwrite": True}).overwrite
    assert not spacy.blank("en").add_pipe("seqtag_ner").overwrite
