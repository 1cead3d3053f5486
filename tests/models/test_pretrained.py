"""The pretrained transformer: batches of windows, and documents of any length."""

import numpy as np
import pytest
import spacy
from spacy_transformers.architectures import create_TransformerModel_v3
from spacy_transformers.span_getters import configure_strided_spans

from spacy_seqtag.models import pretrained
from spacy_seqtag.models.pretrained import build_transformer_model

WORDS = ["a", "window", "of", "rather", "unequal", "words", ",", "1997"]


def build(make, folder):
    model = make(str(folder), configure_strided_spans(window=16, stride=12), {"use_fast": True}, {}, False, {})
    model.initialize()
    return model


@pytest.fixture
def docs():
    rng = np.random.default_rng(0)
    nlp = spacy.blank("en")
    return [nlp(" ".join(rng.choice(WORDS, size=length))) for length in (1, 200, 0, 30, 7)]


def test_predictions_equal_those_of_spacy_transformers(docs, tiny_bert, monkeypatch):
    expected = build(create_TransformerModel_v3, tiny_bert).predict(docs)
    ours = build(build_transformer_model, tiny_bert)
    monkeypatch.setattr(pretrained, "MAX_PADDED_PIECES", 100)
    seen = []
    transformer = ours.transformer
    transformer.register_forward_hook(lambda module, args, output: seen.append(output.last_hidden_state.shape))
    predicted = ours.predict(docs)
    assert len(seen) > 3
    assert all(n == 1 or n * length <= 100 for n, length, _ in seen)
    mask = expected.wordpieces.attention_mask.astype(bool)
    np.testing.assert_allclose(
        predicted.model_output.last_hidden_state.numpy()[mask],
        expected.model_output.last_hidden_state.numpy()[mask],
        atol=1e-5,
    )
    np.testing.assert_array_equal(predicted.align.dataXd, expected.align.dataXd)


def test_updates_reach_the_transformer(docs, tiny_bert):
    model = build(build_transformer_model, tiny_bert)
    output, backprop = model.begin_update(docs)
    gradients = [[np.ones_like(tensor) for tensor in data.tensors[:1]] for data in output.doc_data if data.tensors]
    backprop(output.unsplit_by_doc(gradients))
    assert all(layer.output.dense.weight.grad.abs().sum() > 0 for layer in model.transformer.encoder.layer)
