"""What a pipeline that knows the toy corpus sets on documents."""

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc, Span
from spacy.training import Example

from .toy import MODELS, TEXTS, TYPES, annotations, make_nlp, scoring, toy_examples

ALL_KINDS = pytest.mark.parametrize("kind", MODELS, indirect=True, scope="session")


@ALL_KINDS
def test_text_gets_the_gold_annotation(trained):
    expected = annotations(eg.reference for eg in toy_examples(trained))
    assert annotations(map(trained, TEXTS)) == expected
    assert annotations(trained.pipe(TEXTS)) == expected
    assert annotations(trained.pipe(TEXTS, batch_size=2)) == expected


@ALL_KINDS
def test_scores_are_perfect(trained):
    scores = trained.evaluate(toy_examples(trained))
    assert {key: scores[key] for key in ("tag_acc", "ents_p", "ents_r", "ents_f")} == {
        "tag_acc": 1.0,
        "ents_p": 1.0,
        "ents_r": 1.0,
        "ents_f": 1.0,
    }
    assert scores["ents_per_type"] == {label: {"p": 1.0, "r": 1.0, "f": 1.0} for label in TYPES}


def test_scores_fall_with_wrong_annotation(trained):
    examples = toy_examples(trained)
    for eg in examples:
        eg.reference.ents = [Span(eg.reference, e.start, e.end, label="LOC") for e in eg.reference.ents]
    scores = trained.evaluate(examples)
    assert scores["tag_acc"] == 1.0
    assert scores["ents_p"] == scores["ents_r"] == scores["ents_f"] == 4 / 9
    assert scores["ents_per_type"]["PER"] == {"p": 0.0, "r": 0.0, "f": 0.0}


@ALL_KINDS
def test_empty_docs(trained):
    assert len(trained("")) == 0
    assert annotations(trained.pipe(["", ""])) == [[], []]
    assert annotations(trained.pipe(["", TEXTS[0], ""])) == [[], *annotations([trained(TEXTS[0])]), []]
    scores = trained.evaluate([Example(trained.make_doc(""), trained.make_doc(""))])
    assert scores["tag_acc"] is None
    assert scores["ents_f"] is None


@pytest.mark.parametrize("text", [" ", "\n\n", " \t ", "\u00a0", " \n "])
def test_whitespace_only_docs(trained, text):
    doc = trained(text)
    assert len(doc)
    assert {token.tag_ for token in doc} == {"_SP"}
    assert doc.ents == ()


def test_whitespace_gets_its_own_tag_and_bounds_no_entity(trained, monkeypatch):
    words = [" ", "Anna", "\n", "Lee", "\n\n", "visits", "New", "\t", "York", " "]
    ner = trained.get_pipe("ner")
    index = ner.scheme.encode(ner.labels)
    gold = ["B-PER", "B-PER", "U-LOC", "L-PER", "L-PER", "O", "B-LOC", "O", "L-LOC", "U-ORG"]
    scores = np.eye(len(ner.classes), dtype="float32")[[index[tag] for tag in gold]]
    monkeypatch.setattr(ner, "model", scoring([scores * 9]))
    doc = ner(trained.get_pipe("tagger")(trained.get_pipe(trained.pipe_names[0])(Doc(trained.vocab, words=words))))
    assert [token.tag_ == "_SP" for token in doc] == [word.isspace() for word in words]
    assert [(ent.start, ent.end, ent.label_) for ent in doc.ents] == [(1, 4, "PER"), (6, 9, "LOC")]
    assert doc.has_annotation("ENT_IOB")


@pytest.mark.parametrize("overwrite", [False, True])
def test_overwrite_decides_on_present_tags(nlp, overwrite):
    nlp.get_pipe("tagger").overwrite = overwrite
    doc = nlp.make_doc(TEXTS[1])
    doc[0].tag_ = "FW"
    doc = nlp(doc)
    assert [token.tag_ for token in doc] == ["NNP" if overwrite else "FW", "VBZ", "NNP", "."]


def test_overwrite_is_a_setting_that_is_saved(nlp, kind, tmp_path):
    nlp.remove_pipe("tagger")
    nlp.add_pipe("seqtag_tagger", name="tagger", config={"overwrite": True}, last=True)
    nlp.initialize(lambda: toy_examples(nlp))
    nlp.to_disk(tmp_path)
    assert spacy.load(tmp_path).get_pipe("tagger").overwrite is True
    assert make_nlp(kind).get_pipe("tagger").overwrite is False


def test_predict_modifies_no_doc(trained, name):
    doc = trained.make_doc(TEXTS[0])
    assert trained.get_pipe(name).predict([doc]).classes.shape == (len(doc),)
    assert not doc.has_annotation("TAG")
    assert not doc.has_annotation("ENT_IOB")


def test_blocked_tokens_get_no_entity(trained):
    doc = trained.make_doc(TEXTS[0])
    doc.set_ents([], blocked=[doc[0:2]], default="unmodified")
    doc = trained(doc)
    assert [(ent.text, ent.label_) for ent in doc.ents] == [("New York", "LOC")]
    assert [token.ent_iob_ for token in doc[0:2]] == ["B", "B"]
    assert [token.ent_type_ for token in doc[0:2]] == ["", ""]


def test_a_prediction_is_set_in_its_own_documents(trained, name):
    pipe = trained.get_pipe(name)
    docs = [trained.make_doc(text) for text in TEXTS[:2]]
    for _, other in trained.pipeline:
        if other is not pipe:
            docs = list(other.pipe(docs))
    prediction = pipe.predict(docs)
    with docs[0].retokenize() as retokenizer:
        retokenizer.merge(docs[0][:2])
    for some in (docs, docs[1:], []):
        before = [doc.to_bytes() for doc in some]
        with pytest.raises(ValueError, match=f"'{name}' predicted .* call predict\\(\\) again"):
            pipe.set_annotations(some, prediction)
        assert [doc.to_bytes() for doc in some] == before
    nothing = pipe.predict([])
    pipe.set_annotations([], nothing)
