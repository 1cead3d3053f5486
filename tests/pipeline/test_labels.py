"""Where labels come from, and how new ones are added."""

import numpy as np
import pytest
import spacy
import srsly
from spacy.tokens import Span
from thinc.api import Config

from .toy import (
    KINDS,
    PREFIXES,
    TAGS,
    TEXTS,
    TYPES,
    annotations,
    changed,
    config_text,
    initialize,
    make_example,
    make_nlp,
    toy_examples,
    train,
    weights,
)

LABELS = {"tagger": TAGS, "ner": TYPES}


def test_labels_come_from_all_of_the_data_in_alphabetical_order(kind, name):
    nlp = make_nlp(kind)
    examples = toy_examples(nlp) * 3 + [make_example(nlp, "Zeus|ZZ|B-GOD")]  # Thinc itself looks at ten.
    nlp.initialize(lambda: examples)
    expected = {"tagger": (*TAGS, "ZZ"), "ner": ("GOD", *TYPES)}[name]
    assert nlp.get_pipe(name).labels == expected
    assert nlp.get_pipe(name).label_data == expected


def test_whitespace_and_missing_tags_are_no_labels(kind):
    nlp = make_nlp(kind)
    nlp.initialize(lambda: [make_example(nlp, "a|DT|O b||O \u00a0|_SP|O c|NN|B-X")])
    assert nlp.get_pipe("tagger").labels == ("DT", "NN")


def test_labels_from_file_keep_their_order_and_those_without_data(kind, name, tmp_path):
    labels = ["unseen", *reversed(LABELS[name])]
    srsly.write_json(tmp_path / "labels.json", labels)
    nlp = make_nlp(kind)
    nlp.config["initialize"]["components"][name] = {
        "labels": {"@readers": "spacy.read_labels.v1", "path": str(tmp_path / "labels.json"), "require": True}
    }
    initialize(nlp)
    assert nlp.get_pipe(name).labels == tuple(labels)
    train(nlp, toy_examples(nlp))
    assert nlp.evaluate(toy_examples(nlp))[{"tagger": "tag_acc", "ner": "ents_f"}[name]] == 1.0


def test_labels_are_collected_where_an_optional_file_is_missing(kind, name, tmp_path):
    nlp = make_nlp(kind)
    nlp.config["initialize"]["components"][name] = {
        "labels": {"@readers": "spacy.read_labels.v1", "path": str(tmp_path / "none.json"), "require": False}
    }
    assert initialize(nlp).get_pipe(name).labels == LABELS[name]


def test_data_without_annotation_is_an_error(kind, name):
    nlp = make_nlp(kind)
    line = {"tagger": "Anna||B-PER", "ner": "Anna|NNP|"}[name]
    with pytest.raises(ValueError, match=f"'{name}' has no labels: the training data has no"):
        nlp.initialize(lambda: [make_example(nlp, line)])


@pytest.mark.parametrize("kind", [*KINDS, "direct"], indirect=True, scope="session")
def test_labels_can_be_added_before_initialize(kind, name):
    nlp = make_nlp(kind)
    pipe = nlp.get_pipe(name)
    assert [pipe.add_label("B"), pipe.add_label("A"), pipe.add_label("B")] == [1, 1, 0]
    assert pipe.labels == ("B", "A")
    assert initialize(nlp).get_pipe(name).labels == ("B", "A", *LABELS[name])
    nlp(TEXTS[0])


@pytest.mark.parametrize("kind", [*KINDS, "direct"], indirect=True, scope="session")
def test_the_config_may_give_the_number_of_classes(kind):
    config = Config().from_str(config_text(kind), interpolate=False)
    for name, n_classes in {"tagger": len(TAGS), "ner": 1 + len(PREFIXES[kind]) * len(TYPES)}.items():
        model = config["components"][name]["model"]
        model.update({"nO": n_classes} if kind != "direct" else {"encode": {**model["encode"], "width": n_classes}})
    nlp = spacy.util.load_model_from_config(config, auto_fill=True)
    nlp.vocab.lookups = make_nlp(kind).vocab.lookups
    initialize(nlp)
    assert nlp.get_pipe("tagger").labels == TAGS
    assert nlp(TEXTS[0])[0].tag_ in TAGS


@pytest.mark.parametrize("label", [None, 3, "", ("A",)])
def test_a_label_must_be_a_string(trained, name, label):
    with pytest.raises(ValueError, match=f"a label of '{name}' must be a non-empty string"):
        trained.get_pipe(name).add_label(label)


def transitions(nlp, name):
    """The parameters of a component's CRF, if it has one."""
    layers = [node for node in nlp.get_pipe(name).model.walk() if node.name == "crf"]
    return [layer.get_param(param) for layer in layers for param in layer.param_names]


def test_a_trained_model_keeps_what_it_knows_and_learns_the_new_label(nlp, kind, trained, name):
    pipe = nlp.get_pipe(name)
    assert pipe.add_label("NEW") == 1
    assert pipe.labels == (*LABELS[name], "NEW")
    assert annotations(nlp.pipe(TEXTS)) == annotations(trained.pipe(TEXTS))
    old = dict(trained.get_pipe(name).model.get_ref("output_layer").shims[0].module.named_parameters())
    for key, parameter in pipe.model.get_ref("output_layer").shims[0].module.named_parameters():
        assert (parameter[: len(old[key])] == old[key]).all()
        assert len(parameter) == len(pipe.classes) == len(old[key]) + {"tagger": 1, "ner": len(PREFIXES[kind])}[name]
    for old, new in zip(transitions(trained, name), transitions(nlp, name), strict=True):
        assert new.shape == (len(pipe.classes),) * new.ndim
        kept = tuple(map(slice, old.shape))
        assert (new[kept] == old).all()
        assert old.any()
        new = new.copy()
        new[kept] = 0
        assert not new.any()

    new = {"tagger": "Snow|NEW|O falls|VBZ|O .|.|O", "ner": "Snow|NNP|B-NEW Day|NNP|I-NEW ends|VBZ|O .|.|O"}[name]
    examples = [*toy_examples(nlp), make_example(nlp, new)]
    train(nlp, examples)
    expected = annotations(eg.reference for eg in examples)
    for pipeline in (nlp, make_nlp(kind).from_bytes(nlp.to_bytes())):
        assert annotations(pipeline.pipe(eg.text for eg in examples)) == expected


@pytest.mark.parametrize("kind", ["own", "shared crf", "pooled"], indirect=True, scope="session")
def test_a_label_can_be_added_in_the_process_that_trains(kind, name):
    nlp = initialize(make_nlp(kind))
    train(nlp, toy_examples(nlp), steps=3)
    nlp.get_pipe(name).add_label("NEW")
    examples = toy_examples(nlp)
    for eg in examples:
        if name == "tagger":
            eg.reference[0].tag_ = "NEW"
        else:
            eg.reference.ents = [Span(eg.reference, 0, 1, label="NEW")]
    train(nlp, examples, steps=30)
    assert annotations(nlp.pipe(TEXTS)) == annotations(eg.reference for eg in examples)


@pytest.mark.parametrize("make_optimizer", ["Adam.v1", "spacy-seqtag.Adam.v1"])
@pytest.mark.parametrize("kind", ["own", "shared crf", "pooled"], indirect=True, scope="session")
def test_an_optimizer_goes_on_after_a_label_is_added(kind, name, make_optimizer):
    nlp = initialize(make_nlp(kind))
    optimizer = spacy.registry.optimizers.get(make_optimizer)(0.01)
    examples = toy_examples(nlp)
    for added in range(5):
        losses = {}
        for _ in range(3):
            nlp.update(examples, sgd=optimizer, losses=losses)
        assert np.isfinite(losses[name])
        assert nlp.get_pipe(name).add_label(f"NEW{added}") == 1
    assert all(np.isfinite(scores).all() for scores in token_scores(nlp, name))


def token_scores(nlp, name):
    scores = nlp.get_pipe(name).model.predict([nlp.make_doc(text) for text in TEXTS])
    return getattr(scores, "tokens", scores)


@pytest.mark.parametrize("kind", ["direct"], indirect=True, scope="session")
def test_a_trained_model_whose_width_is_the_classes_refuses_new_labels(trained, name):
    pipe = trained.get_pipe(name)
    assert pipe.add_label(LABELS[name][0]) == 0
    with pytest.raises(ValueError, match=f"cannot add the label 'NEW' to '{name}'"):
        pipe.add_label("NEW")
    assert pipe.labels == LABELS[name]


def test_a_gold_label_that_is_not_among_the_labels_is_an_error(trained, name):
    eg = make_example(trained, "Anna|XX|B-XX Lee|NNP|I-PER")
    what = {"tagger": "tag", "ner": "entity"}[name]
    with (
        trained.select_pipes(disable=[other for other in LABELS if other != name]),
        pytest.raises(ValueError, match=f"the {what} 'XX' in the training data is not among the labels of '{name}'"),
    ):
        trained.update([eg])


@pytest.mark.parametrize("kind", [*KINDS, "direct"], indirect=True, scope="session")
def test_initialize_starts_anew_and_takes_new_labels(kind, trained):
    nlp = make_nlp(kind).from_bytes(trained.to_bytes())
    before = weights(nlp, "tagger")
    line = "Anna|XX|B-NEW sings|NNP|O"
    nlp.initialize(lambda: [make_example(nlp, line)])
    assert changed(nlp, "tagger", before)
    assert nlp.get_pipe("tagger").labels == (*TAGS, "XX")
    assert nlp.get_pipe("ner").labels == (*TYPES, "NEW")
    train(nlp, [make_example(nlp, line)])
    assert annotations([nlp("Anna sings")]) == [[("XX", "B", "NEW"), ("NNP", "O", "")]]


@pytest.mark.parametrize("kind", [*KINDS, "direct"], indirect=True, scope="session")
def test_initialize_with_the_same_labels_forgets_what_was_learnt(kind, trained):
    nlp = make_nlp(kind).from_bytes(trained.to_bytes())
    initialize(nlp)
    fresh = initialize(make_nlp(kind))
    for name in ("tagger", "ner"):
        assert not changed(nlp, name, weights(fresh, name))
