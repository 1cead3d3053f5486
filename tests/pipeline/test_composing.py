"""Components taken from one pipeline into another, and listeners made independent of what they listen to."""

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc

from spacy_seqtag.pipeline.token_classifier import Prediction

from .toy import PIPES, PREFIXES, TEXTS, annotations, changed, make_example, make_nlp, toy_examples, train, weights

KIND = {
    kind: pytest.mark.parametrize("kind", [kind, f"{kind} crf"], indirect=True, scope="session")
    for kind in ("shared", "own")
}


def tags(docs):
    return [[token.tag_ for token in doc] for doc in docs]


def entities(docs):
    return [[(ent.text, ent.label_) for ent in doc.ents] for doc in docs]


@pytest.fixture
def replaced(nlp):
    nlp.replace_listeners("tok2vec", "ner", ["model.tok2vec"])
    return nlp


@KIND["shared"]
def test_predictions_are_the_same_after_listeners_are_replaced(replaced, trained, tmp_path):
    assert annotations(replaced.pipe(TEXTS)) == annotations(trained.pipe(TEXTS))
    replaced.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    assert annotations(loaded.pipe(TEXTS)) == annotations(trained.pipe(TEXTS))
    assert loaded.get_pipe("tok2vec").listening_components == ["tagger"]


@KIND["shared"]
@pytest.mark.parametrize("frozen", [["tok2vec", "tagger"], ["ner"], []])
def test_replaced_listeners_are_trained_apart(replaced, frozen):
    before = {name: weights(replaced, name) for name in replaced.pipe_names}
    new = make_example(replaced, "Snow|JJ|B-ORG falls|NNS|O .|.|O")
    examples = [*toy_examples(replaced), new]
    with replaced.select_pipes(disable=frozen):
        train(replaced, examples)
    for name in replaced.pipe_names:
        assert changed(replaced, name, before[name]) is (name not in frozen)
    learnt = [*TEXTS, new.text]
    expected = [eg.reference for eg in examples]
    if "tagger" not in frozen:
        assert tags(replaced.pipe(learnt)) == tags(expected)
    if "ner" not in frozen:
        assert entities(replaced.pipe(learnt)) == entities(expected)


@pytest.mark.parametrize("lang", ["en", "xx"])
def test_a_sourced_component_predicts_the_same(nlp, kind, name, lang, trained):
    other = spacy.blank(lang)
    if "tok2vec" in PIPES[kind]:
        other.add_pipe("tok2vec", source=nlp)
    other.add_pipe(name, source=nlp)
    words = [[token.text for token in doc] for doc in trained.pipe(TEXTS)] + [["Anna", " ", "Lee", "\n"]]
    docs = list(other.pipe(Doc(other.vocab, words=w) for w in words))
    expected = list(trained.pipe(Doc(trained.vocab, words=w) for w in words))
    read = {"tagger": tags, "ner": entities}[name]
    assert read(docs) == read(expected)
    # A document does not depend on the pipeline that the component came from.
    assert read([Doc(other.vocab).from_bytes(doc.to_bytes()) for doc in docs]) == read(expected)


def test_a_pipeline_of_sourced_components_is_saved_and_trained(nlp, kind, trained, tmp_path):
    nlp.to_disk(tmp_path / "source")
    names = list(nlp.pipe_names)
    config = {
        "nlp": {"lang": "en", "pipeline": names},
        "components": {name: {"source": str(tmp_path / "source")} for name in names},
    }
    other = spacy.util.load_model_from_config(config, auto_fill=True)
    assert annotations(other.pipe(TEXTS)) == annotations(trained.pipe(TEXTS))
    other.to_disk(tmp_path / "other")
    assert annotations(spacy.load(tmp_path / "other").pipe(TEXTS)) == annotations(trained.pipe(TEXTS))
    new = make_example(other, "Eve|NNP|B-PER hired|VBD|O Bob|NNP|B-PER .|.|O")
    train(other, [*toy_examples(other), new])
    assert [ent.text for ent in other(new.text).ents] == ["Eve", "Bob"]


@KIND["shared"]
def test_a_listener_is_sourced_with_its_own_copy(nlp, trained):
    nlp.replace_listeners("tok2vec", "ner", ["model.tok2vec"])
    other = spacy.blank("en")
    other.add_pipe("ner", source=nlp)
    assert entities(other.pipe(TEXTS)) == entities(trained.pipe(TEXTS))


@KIND["own"]
def test_components_join_a_pipeline_of_other_components(kind, trained):
    other = spacy.blank("en")
    other.add_pipe("sentencizer")
    ruler = other.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "BRAND", "pattern": "Acme"}])
    for name in ("tagger", "ner"):
        other.add_pipe(name, source=make_nlp(kind).from_bytes(trained.to_bytes()))
    doc = other(TEXTS[3])
    assert [(ent.text, ent.label_) for ent in doc.ents] == [("Acme", "BRAND"), ("Anna Lee", "PER"), ("Rome", "LOC")]
    assert [token.tag_ for token in doc] == tags([trained(TEXTS[3])])[0]
    assert len(list(doc.sents)) == 1


def test_a_sourced_component_can_grow(nlp, kind, name):
    other = spacy.blank("en")
    pipe = other.add_pipe(name, source=nlp)
    pipe.add_label("NEWLABEL")
    new = {"tagger": "NEWLABEL", "ner": "U-NEWLABEL" if "U" in PREFIXES[kind] else "B-NEWLABEL"}[name]
    doc = Doc(spacy.blank("de").vocab, words=["Anna"])
    pipe.set_annotations([doc], Prediction(np.asarray([pipe.classes.index(new)]), None, pipe.present([doc])))
    assert (doc[0].tag_ if name == "tagger" else doc[0].ent_type_) == "NEWLABEL"
