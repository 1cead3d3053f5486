"""Hugging Face's own classification on the transformer of a pipeline."""

from itertools import chain, islice

import pytest
import spacy
import torch

from spacy_seqtag.benchmark import peers
from spacy_seqtag.benchmark.documents import read_texts, sentences
from spacy_seqtag.benchmark.layers import layers

from ..conftest import transformer_config
from ..pipeline import toy


@pytest.fixture(scope="module")
def nlp(tiny_bert):
    config = {"nlp": {"lang": "en", "pipeline": ["transformer"]}}
    nlp = spacy.util.load_model_from_config(
        {**config, "components": {"transformer": transformer_config(tiny_bert)}}, auto_fill=True
    )
    nlp.initialize()
    return nlp


def test_a_class_for_each_word(nlp, corpus, monkeypatch):
    monkeypatch.setattr(peers, "BATCH", 2)
    transformer = next(layer for layer in layers(nlp) if "set_transformer" in layer.attrs)
    words = sentences(read_texts(corpus))
    seen = []

    class Classifier:
        """The word piece itself is its class."""

        device = torch.device("cpu")

        def __call__(self, input_ids, attention_mask, **further):
            seen.append(input_ids.shape)
            scores = torch.nn.functional.one_hot(input_ids)
            return type("Output", (), {"logits": scores})

    found = peers.loop(Classifier(), transformer.tokenizer, words)
    pieces = [[transformer.tokenizer(word, add_special_tokens=False)["input_ids"][0] for word in s] for s in words]
    assert found == pieces
    assert [shape[0] for shape in seen] == [2, 2, 1]
    assert [shape[1] for shape in seen] == sorted(shape[1] for shape in seen)


def test_peers_have_the_weights_of_the_pipeline(nlp, corpus, monkeypatch):
    classifiers = []
    monkeypatch.setattr(peers, "loop", lambda classifier, *_: classifiers.append(classifier))
    runs = peers.peers(nlp, read_texts(corpus))
    assert all(run()["pipeline"] > 0 for run in runs.values())
    weights = next(layer for layer in layers(nlp) if "set_transformer" in layer.attrs).transformer.state_dict()
    (classifier,) = classifiers
    assert len(runs) == 2
    for name, value in classifier.base_model.state_dict().items():
        torch.testing.assert_close(value, weights[name], rtol=0, atol=0)


def test_fine_tuning_sees_each_sentence_once_an_epoch(nlp, corpus, monkeypatch):
    monkeypatch.setattr(peers, "BATCH", 2)
    transformer = next(layer for layer in layers(nlp) if "set_transformer" in layer.attrs)
    words = sentences(read_texts(corpus))
    first = [[transformer.tokenizer(word, add_special_tokens=False)["input_ids"][0] for word in s] for s in words]
    seen = []

    class Classifier(torch.nn.Module):
        device = torch.device("cpu")

        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(1))

        def forward(self, input_ids, attention_mask, labels, **further):
            known = labels != peers.IGNORE
            assert ((labels[known] >= 0) & (labels[known] < peers.N_CLASSES)).all()
            seen.append([row[is_first].tolist() for row, is_first in zip(input_ids, known, strict=True)])
            return type("Output", (), {"loss": self.weight.sum()})

    classifier = Classifier()
    steps = peers.fine_tune(classifier, transformer.tokenizer, words)
    n_words = list(islice(steps, 6))
    assert [len(batch) for batch in seen] == [2, 2, 1] * 2
    assert n_words == [sum(map(len, batch)) for batch in seen]
    for epoch in (seen[:3], seen[3:]):
        assert sorted(chain.from_iterable(epoch)) == sorted(first)
    assert classifier.training
    assert classifier.weight.item() < 1


def test_fine_tuning_leaves_the_pipeline_as_it_is(nlp, corpus):
    transformer = next(layer for layer in layers(nlp) if "set_transformer" in layer.attrs).transformer
    before = {name: value.clone() for name, value in transformer.state_dict().items()}
    (steps,) = peers.training_peers(nlp, read_texts(corpus)).values()
    assert next(steps) == sum(len(text.split()) for text in toy.TEXTS)
    for name, value in transformer.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)


def test_without_a_transformer_there_are_none(built_in, corpus):
    assert peers.peers(built_in, read_texts(corpus)) == peers.training_peers(built_in, read_texts(corpus)) == {}
