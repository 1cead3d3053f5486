"""Probabilities of what is predicted: right by enumeration, kept where spaCy users look, and calibrated."""

from itertools import product

import numpy as np
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.cli.find_threshold import find_threshold
from spacy.tokens import Doc, DocBin, Span, Token
from spacy.training import Example

from spacy_seqtag.models.types import Transitions
from spacy_seqtag.pipeline.calibration import calibrate, expected_calibration_error

from .test_schemes import CLASSES, NLP, TYPES, total, valid_sequences
from .toy import TEXTS, scoring, toy_examples

TAGS = ("NN", "VB")


@st.composite
def chains(draw, n):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scores = [rng.normal(size=(draw(st.integers(0, 4)), n)).astype("float32") * 2 for _ in range(2)]
    transitions = Transitions(*(rng.normal(size=shape).astype("float32") for shape in ((n, n), n, n)))
    return scores, draw(st.sampled_from([None, transitions]))


def shares(paths, scores, transitions, temperature):
    """The probability of each path."""
    n = scores.shape[1]
    zeros = Transitions(np.zeros((n, n)), np.zeros(n), np.zeros(n))
    totals = np.asarray([total(path, scores, transitions or zeros) for path in paths]) / temperature
    return np.exp(totals - np.logaddexp.reduce(totals))


@pytest.fixture(scope="module", params=CLASSES)
def ner(request):
    config = {"scheme": request.param, "spans_key": "ents"}
    component = spacy.blank("en").add_pipe("seqtag_ner", config=config)
    for label in TYPES:
        component.add_label(label)
    return component


@pytest.fixture(scope="module")
def tagger():
    component = spacy.blank("en").add_pipe("seqtag_tagger", config={"spans_key": "tags"})
    for label in TAGS:
        component.add_label(label)
    return component


def annotated(component, scores, transitions, temperature):
    component.model = scoring(scores, transitions)
    component.cfg["temperature"] = temperature
    return list(component.pipe([Doc(NLP.vocab, words=["a"] * len(s)) for s in scores]))


def entities(path, classes):
    """The entities of a valid path, as sets of (start, end, type)."""
    found = []
    for i, c in enumerate(path):
        if classes[c][0] in "BU":
            found.append((i, i + 1, classes[c][2:]))
        elif classes[c][0] in "IL":
            found[-1] = (found[-1][0], i + 1, found[-1][2])
    return set(found)


@given(data=st.data(), temperature=st.sampled_from([1.0, 0.5, 3.0]))
def test_an_entity_has_the_share_of_the_valid_sequences_in_which_it_is(ner, data, temperature):
    classes = ner.classes
    scores, transitions = data.draw(chains(len(classes)))
    scheme = next(name for name in CLASSES if CLASSES[name] == classes)
    for doc, doc_scores in zip(annotated(ner, scores, transitions, temperature), scores, strict=True):
        paths = valid_sequences(scheme, len(doc_scores))
        p = shares(paths, doc_scores, transitions, temperature)
        group = doc.spans["ents"]
        assert [*group] == [*doc.ents]
        for ent, score in zip(group, group.attrs["scores"], strict=True):
            has_it = [(ent.start, ent.end, ent.label_) in entities(path, classes) for path in paths]
            assert score == pytest.approx(p[has_it].sum(), rel=1e-4)
            assert all(token._.ent_score == score for token in ent)
        assert all(token._.ent_score is None for token in doc if not token.ent_type)


@given(data=st.data(), temperature=st.sampled_from([1.0, 2.0]))
def test_a_tag_has_the_share_of_the_sequences_in_which_it_is(tagger, data, temperature):
    scores, transitions = data.draw(chains(len(TAGS)))
    for doc, doc_scores in zip(annotated(tagger, scores, transitions, temperature), scores, strict=True):
        paths = np.asarray([*product(range(len(TAGS)), repeat=len(doc_scores))])
        p = shares(paths, doc_scores, transitions, temperature)
        for token in doc:
            expected = p[paths[:, token.i] == TAGS.index(token.tag_)].sum()
            assert token._.tag_score == pytest.approx(expected, rel=1e-4)
        assert [(span.start, span.label_) for span in doc.spans["tags"]] == [(t.i, t.tag_) for t in doc]


def with_confidence(trained, **settings):
    changes = {"tagger": {"spans_key": "tags"}, "ner": {"spans_key": "ents", **settings}}
    return type(trained).from_config(trained.config.merge({"components": changes})).from_bytes(trained.to_bytes())


def test_probabilities_are_saved_with_documents(trained):
    doc = with_confidence(trained)("  Anna Lee lives\nin New York .")
    (loaded,) = DocBin().from_bytes(DocBin(docs=[doc]).to_bytes()).get_docs(spacy.blank("en").vocab)
    for key in ("tags", "ents"):
        np.testing.assert_array_equal(loaded.spans[key].attrs["scores"], doc.spans[key].attrs["scores"])
        assert loaded.spans[key].attrs["scores"].min() > 0.5
        assert [str(span) for span in loaded.spans[key]] == [str(span) for span in doc.spans[key]]
    assert [t._.tag_score for t in loaded] == [t._.tag_score for t in doc]
    assert [t._.tag_score is None for t in doc] == [t.is_space for t in doc]
    assert [t._.ent_score is None for t in doc] == [not t.ent_type_ for t in doc]


def test_nothing_is_kept_unless_it_is_asked_for(trained):
    assert not trained(TEXTS[0]).spans


@pytest.mark.parametrize("tag", ["FW", "NNP"])
def test_what_was_there_before_gets_no_probability(trained, tag):
    nlp = with_confidence(trained)
    doc = nlp.make_doc(TEXTS[0])
    doc[0].tag_ = tag
    doc.ents = [Span(doc, 0, 1, label="OLD")]
    doc = nlp(doc)
    assert doc[0]._.tag_score is None
    assert doc[0]._.ent_score is None
    assert len(doc.spans["tags"]) == len(doc) - 1


def test_tokens_that_were_merged_have_no_probability(trained):
    doc = with_confidence(trained)(TEXTS[0])
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[0:2])
    assert [token._.tag_score for token in doc] == [None] * len(doc)


def test_spans_that_were_added_to_the_group_make_its_scores_useless(trained):
    doc = with_confidence(trained)("Anna Lee lives in New York .")
    assert any(token._.ent_score is not None for token in doc)
    doc.spans["ents"].append(doc[0:1])
    assert all(token._.ent_score is None for token in doc)


def test_the_extension_of_the_user_stays(trained):
    Token.set_extension("ent_score", default="mine", force=True)
    try:
        assert with_confidence(trained)(TEXTS[0])[0]._.ent_score == "mine"
    finally:
        Token.remove_extension("ent_score")


def test_entities_under_the_threshold_are_not_set(trained):
    nlp = with_confidence(trained)
    doc = nlp(TEXTS[3])
    probabilities = doc.spans["ents"].attrs["scores"]
    assert len({*probabilities}) == len(probabilities) > 1
    threshold = float(np.sort(probabilities)[:2].mean())
    stricter = with_confidence(trained, threshold=threshold)
    expected = [str(ent) for ent, p in zip(doc.ents, probabilities, strict=True) if p >= threshold]
    found = stricter(TEXTS[3])
    assert len(expected) == len(probabilities) - 1
    assert [str(ent) for ent in found.ents] == [str(span) for span in found.spans["ents"]] == expected


@pytest.mark.parametrize("threshold", [-0.1, 1.1])
def test_a_threshold_is_a_probability(threshold):
    with pytest.raises(ValueError, match=f"threshold of 'seqtag_ner' is {threshold}"):
        spacy.blank("en").add_pipe("seqtag_ner", config={"threshold": threshold})


def test_spacy_finds_thresholds(trained, tmp_path):
    trained.to_disk(tmp_path / "pipeline")
    DocBin(docs=[eg.reference for eg in toy_examples(trained)]).to_disk(tmp_path / "dev.spacy")
    _, best, scores = find_threshold(
        tmp_path / "pipeline", tmp_path / "dev.spacy", "ner", "threshold", "ents_f", n_trials=3
    )
    assert best == scores[0.0] == 1.0
    assert scores[1.0] < 1.0


def test_settings_can_be_changed_when_a_pipeline_is_loaded(trained, tmp_path):
    trained.to_disk(tmp_path)
    config = {"components": {"ner": {"spans_key": "mine", "threshold": 0.1}, "tagger": {"overwrite": True}}}
    nlp = spacy.load(tmp_path, config=config)
    assert len(nlp(TEXTS[0]).spans["mine"]) == 2
    assert nlp.get_pipe("tagger").overwrite


def read(nlp, examples):
    """Let the predicted documents pass through what comes before the taggers."""
    if nlp.pipe_names[0] == "tok2vec":
        for example in examples:
            nlp.get_pipe("tok2vec")(example.predicted)


def overconfident(component, factor):
    """Scores whose probabilities are right at a temperature of `factor`, and examples with annotation drawn so."""
    rng = np.random.default_rng(0)
    n = len(component.classes)
    scores = rng.normal(size=(6000, n)).astype("float32")
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    gold = (p.cumsum(axis=1) < rng.random(len(p))[:, None]).sum(axis=1).clip(max=n - 1)
    words = ["a"] * len(gold)
    reference = Doc(NLP.vocab, words=words, tags=[component.classes[c] for c in gold])
    component.model = scoring([scores * np.float32(factor)])
    return [Example(Doc(NLP.vocab, words=words), reference)], gold


@pytest.mark.parametrize("factor", [0.5, 1.0, 4.0])
def test_calibration_finds_the_temperature(tagger, factor):
    examples, gold = overconfident(tagger, factor)
    done = calibrate(tagger, examples)
    assert done.temperature == pytest.approx(factor, rel=0.1)
    assert done.annotations == len(gold)
    assert done.error < 0.03
    assert factor == 1.0 or done.error < done.error_before
    assert abs(done.confidence - done.accuracy) < 0.02
    assert tagger.cfg["temperature"] == done.temperature


def test_calibration_counts_what_is_right_as_precision_does(trained):
    nlp = with_confidence(trained)
    examples = toy_examples(nlp)
    for i, example in enumerate(examples):
        if i % 2:
            reference = example.reference
            reference.ents = [Span(reference, e.start, e.end, label="LOC") for e in reference.ents]
    read(nlp, examples)
    done = calibrate(nlp.get_pipe("ner"), examples)
    scores = nlp.evaluate([Example(nlp.make_doc(eg.reference.text), eg.reference) for eg in examples])
    assert done.accuracy == pytest.approx(scores["ents_p"])
    assert done.annotations == 9


def test_calibration_leaves_out_what_the_documents_had(trained):
    nlp = with_confidence(trained)
    examples = toy_examples(nlp)
    read(nlp, examples)
    expected = calibrate(nlp.get_pipe("ner"), examples)
    examples[0].predicted.ents = [Span(examples[0].predicted, 0, 2, label="PER")]
    assert calibrate(nlp.get_pipe("ner"), examples).annotations == expected.annotations - 1


def test_a_temperature_is_saved(trained, tmp_path):
    nlp = with_confidence(trained)
    nlp.get_pipe("ner").cfg["temperature"] = 2.5
    nlp.to_disk(tmp_path)
    assert spacy.load(tmp_path).get_pipe("ner").cfg["temperature"] == 2.5


def test_nothing_to_calibrate_on(trained):
    empty = [Example(trained.make_doc(text), trained.make_doc(text)) for text in ("", "Anna lives .")]
    read(trained, empty)
    with pytest.raises(ValueError, match="'tagger' predicts nothing on these documents that has gold tag annotation"):
        calibrate(trained.get_pipe("tagger"), empty)


def test_calibration_error_by_hand():
    confidences = np.asarray([0.95, 0.95, 0.62, 1.0])
    is_right = np.asarray([1.0, 0.0, 1.0, 1.0])
    # Bins of a fifteenth: three of the four are in the last one, 0.62 is alone.
    assert expected_calibration_error(confidences, is_right) == pytest.approx((abs(2.9 - 2) + abs(0.62 - 1)) / 4)
