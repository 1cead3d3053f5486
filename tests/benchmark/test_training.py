"""How fast pipelines are trained, and that it is what spaCy would train."""

import copy
import io
import time
from itertools import islice

import pytest
from spacy.training.loop import train
from thinc.api import fix_random_seed

from spacy_seqtag.benchmark import training
from spacy_seqtag.benchmark.documents import read_texts
from spacy_seqtag.benchmark.training import training_run, training_steps

from ..pipeline import toy

SETTINGS = {
    "training": {
        "dropout": 0.3,
        "accumulate_gradient": 2,
        "max_steps": 5,
        "frozen_components": ["tagger"],
        "annotating_components": ["tagger"],
        "batcher": {"size": 12},
        "optimizer": {"learn_rate": 0.01},
    },
    "corpora": {"train": {"gold_preproc": True}},
}


def make_nlp(settings, **paths):
    nlp = toy.initialize(toy.make_nlp("own"))
    nlp.config = nlp.config.merge(settings).merge({"paths": paths})
    return nlp


def test_a_pipeline_learns_what_spacy_would_teach_it(corpus):
    expected = make_nlp(SETTINGS, train=str(corpus), dev=str(corpus))
    train(expected, stdout=io.StringIO())
    nlp = make_nlp(SETTINGS)
    before = {name: toy.weights(nlp, name) for name in nlp.pipe_names}
    fix_random_seed(0)  # that of the config
    for _ in islice(training_steps(nlp, corpus), 6):  # spaCy counts from zero
        pass
    for name in nlp.pipe_names:
        assert not toy.changed(nlp, name, toy.weights(expected, name))
        assert toy.changed(nlp, name, before[name]) == (name == "ner")


def test_batches_have_their_final_size(corpus):
    n_words = sum(len(text.words) for text in read_texts(corpus))

    def growing(stop):
        size = {"@schedules": "compounding.v1", "start": 1, "stop": stop, "compound": 1.001}
        return make_nlp({"training": {"batcher": {"size": size}}})

    nlp = growing(n_words)
    config = copy.deepcopy(nlp.config)
    assert list(islice(training_steps(nlp, corpus), 3)) == [n_words] * 3  # an epoch each
    assert nlp.config == config
    assert max(islice(training_steps(growing(8), corpus), 9)) < n_words


def test_a_round(monkeypatch):
    ticks = iter([1.0, 4.0, 5.0, 7.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(ticks))
    monkeypatch.setattr(training, "WORDS", 20)
    run = training_run(iter([10, 10, 15, 15, 99]))
    assert run() == {"pipeline": 3}
    assert run() == {"pipeline": pytest.approx(2 * 20 / 30)}
