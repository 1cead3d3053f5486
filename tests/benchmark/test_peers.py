"""Hugging Face's own classification on the transformer of a pipeline."""

import pytest
import spacy
import torch

from spacy_seqtag.benchmark import peers
from spacy_seqtag.benchmark.documents import read_texts, sentences
from spacy_seqtag.benchmark.layers import layers

from ..conftest import transformer_config


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


def test_without_a_transformer_there_are_none(built_in, corpus):
    assert peers.peers(built_in, read_texts(corpus)) == {}
