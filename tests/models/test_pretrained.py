"""The pretrained transformer: batches of windows, and documents of any length."""

import mmap
from pathlib import Path

import numpy as np
import pytest
import spacy
import torch
from spacy.tokens import Doc
from spacy_transformers import Transformer
from spacy_transformers.architectures import create_TransformerModel_v3, transformer_listener_tok2vec_v1
from spacy_transformers.span_getters import configure_strided_spans
from thinc.api import Config, NumpyOps, reduce_first, reduce_max, reduce_mean

from spacy_seqtag.models import batches, hf
from spacy_seqtag.models.lazy import LazyVectors
from spacy_seqtag.models.pretrained import build_transformer_listener, build_transformer_model

from ..conftest import transformer_config

WORDS = ["a", "window", "of", "rather", "unequal", "words", ",", "1997"]


def build(make, folder, **tokenizer_config):
    spans = configure_strided_spans(window=16, stride=12)
    model = make(str(folder), spans, {"use_fast": True, **tokenizer_config}, {}, False, {})
    model.initialize()
    return model


@pytest.fixture
def docs():
    rng = np.random.default_rng(0)
    nlp = spacy.blank("en")
    return [nlp(" ".join(rng.choice(WORDS, size=length))) for length in (1, 200, 0, 30, 7)]


@pytest.mark.parametrize("side", ["right", "left"])
def test_predictions_equal_those_of_spacy_transformers(docs, tiny_bert, monkeypatch, side):
    expected = build(create_TransformerModel_v3, tiny_bert, padding_side=side).predict(docs)
    ours = build(build_transformer_model, tiny_bert, padding_side=side)
    monkeypatch.setattr(hf, "MAX_PADDED_PIECES", 100)
    seen = []
    transformer = ours.transformer
    transformer.register_forward_hook(lambda module, args, output: seen.append(output.last_hidden_state.shape))
    predicted = ours.predict(docs)
    assert len(seen) > 3
    assert all(n == 1 or n * length <= 100 for n, length, _ in seen)
    mask = expected.wordpieces.attention_mask.astype(bool)
    if side == "left":  # BERT counts positions from the padding, so only rows of full length are comparable.
        mask &= mask.all(axis=1, keepdims=True)
        assert mask.any()
    np.testing.assert_allclose(
        predicted.model_output.last_hidden_state.numpy()[mask],
        expected.model_output.last_hidden_state.numpy()[mask],
        atol=1e-5,
    )
    np.testing.assert_array_equal(predicted.align.dataXd, expected.align.dataXd)


@pytest.mark.parametrize("side", ["right", "left"])
def test_states_do_not_depend_on_the_other_windows(docs, tiny_bert, side):
    ours = build(build_transformer_model, tiny_bert, padding_side=side)
    short = docs[-1]
    alone = ours.predict([short])
    beside = ours.predict([short, spacy.blank("en")(" ".join(WORDS[:1] * 12))])
    own = [x.model_output.last_hidden_state.numpy()[0][x.wordpieces.attention_mask[0] == 1] for x in (alone, beside)]
    np.testing.assert_allclose(*own, atol=1e-5)


@pytest.mark.parametrize("pooling", [reduce_mean, reduce_first, reduce_max])
def test_a_listener_reads_long_documents_in_parts(docs, tiny_bert, monkeypatch, pooling):
    monkeypatch.setattr(hf, "MAX_PADDED_TOKENS", 8)
    monkeypatch.setattr(hf, "MAX_PADDED_PIECES", 100)
    if pooling is reduce_mean:  # others take no words without a word piece
        docs.append(Doc(docs[0].vocab, words=["a", "\u200b", "\n", *["\u200b"] * 40, "window"]))
        docs.append(Doc(docs[0].vocab, words=["\n"] * 20))
    transformer = Transformer(docs[0].vocab, build(build_transformer_model, tiny_bert))
    transformer.set_annotations(docs, transformer.predict(docs))
    models = transformer_listener_tok2vec_v1(pooling()), build_transformer_listener(pooling())
    for model in models:
        model.get_ref("listener").set_dim("nO", 32)
    expected, lazy = (model.predict(docs) for model in models)
    assert isinstance(lazy, LazyVectors)
    assert [*map(len, lazy)] == [*map(len, expected)] == [*map(len, docs)]
    for whole, vectors in zip(lazy, expected, strict=True):
        if len(vectors):
            np.testing.assert_array_equal(whole, vectors)
    flat = np.concatenate([vectors for vectors in expected if len(vectors)])
    windows = batches.cut_windows(lazy.lengths, size=16, context=0)
    alloc = NumpyOps.alloc2f
    monkeypatch.setattr(NumpyOps, "alloc2f", lambda *args, zeros=True: alloc(*args) if zeros else alloc(*args) * np.nan)
    assert np.isfinite(lazy.read(batches.padded(windows, lazy.first))).all()
    monkeypatch.undo()
    monkeypatch.setattr(batches, "MAX_PADDED_TOKENS", 5)
    for tokens, part in lazy.parts():
        np.testing.assert_array_equal(part, flat[tokens])


def test_padding_of_long_documents_is_zero_and_takes_no_memory(tiny_bert):
    zeros = hf.sparse_zeros((1000, 1000, 10))
    assert zeros.dtype == torch.float32
    before = resident_bytes()
    zeros[:, :10] = 1.0
    if before is not None:
        assert resident_bytes() - before < 0.5 * zeros.nbytes
    assert zeros.sum() == 100_000
    part = zeros[1:2]
    del zeros
    assert part.sum() == 100


def resident_bytes():
    status = Path("/proc/self/statm")
    return int(status.read_text().split()[1]) * mmap.PAGESIZE if status.is_file() else None


def test_updates_reach_the_transformer(docs, tiny_bert):
    model = build(build_transformer_model, tiny_bert)
    output, backprop = model.begin_update(docs)
    gradients = [[np.ones_like(tensor) for tensor in data.tensors[:1]] for data in output.doc_data if data.tensors]
    backprop(output.unsplit_by_doc(gradients))
    assert all(layer.output.dense.weight.grad.abs().sum() > 0 for layer in model.transformer.encoder.layer)


CONFIG = """
[nlp]
lang = "en"
pipeline = ["transformer", "ner"]

[components]

[components.ner]
factory = "seqtag_ner"

[components.ner.model]
@architectures = "spacy-seqtag.Linear.v1"

[components.ner.model.tok2vec]
@architectures = "spacy-transformers.TransformerListener.v1"

[components.ner.model.tok2vec.pooling]
@layers = "reduce_mean.v1"
"""


def test_a_component_with_the_transformer_for_itself(docs, tiny_bert, tmp_path):
    config = Config().from_str(CONFIG).merge({"components": {"transformer": transformer_config(tiny_bert)}})
    nlp = spacy.util.load_model_from_config(config, auto_fill=True)
    nlp.get_pipe("ner").add_label("PER")
    nlp.initialize()
    expected = [[(ent.start, ent.end) for ent in doc.ents] for doc in nlp.pipe(copies(docs, nlp))]
    assert any(expected)
    nlp.replace_listeners("transformer", "ner", ["model.tok2vec"])
    nlp.to_disk(tmp_path / "pipeline")
    loaded = spacy.load(tmp_path / "pipeline", exclude=["transformer"])
    assert [[(ent.start, ent.end) for ent in doc.ents] for doc in loaded.pipe(copies(docs, loaded))] == expected
    layers = [node for node in loaded.get_pipe("ner").model.walk() if node.name == "hf-pytorch"]
    assert [node._func for node in layers] == [hf.forward_in_batches]


def copies(docs, nlp):
    return [Doc(nlp.vocab, words=[token.text for token in doc]) for doc in docs]


def test_half_precision_is_close_and_comes_back_single(docs, tiny_bert):
    spans = configure_strided_spans(window=16, stride=12)
    single, half = (build_transformer_model(str(tiny_bert), spans, {"use_fast": True}, {}, p) for p in (False, True))
    for model in (single, half):
        model.initialize()
    expected, output = (model.predict(docs).model_output.last_hidden_state for model in (single, half))
    assert output.dtype == expected.dtype
    assert not np.array_equal(output, expected)
    np.testing.assert_allclose(output, expected, atol=0.05)
    trained, backprop = half.begin_update(docs)
    gradients = [[np.ones_like(tensor) for tensor in data.tensors[:1]] for data in trained.doc_data if data.tensors]
    assert all(gradient.dtype == np.float32 for doc in gradients for gradient in doc)
    backprop(trained.unsplit_by_doc(gradients))
    assert all(p.grad.dtype == p.dtype for p in half.transformer.encoder.parameters())
