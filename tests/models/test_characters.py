"""Vectors of words from their characters."""

import numpy as np
import pytest
import spacy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc
from thinc.api import Adam, fix_random_seed

from spacy_seqtag.models import batches
from spacy_seqtag.models.characters import MAX_CHARACTERS, build_char_cnn, build_char_lstm
from spacy_seqtag.models.pytorch import CharCNN, CharLSTM
from spacy_seqtag.models.shim import module_shim

NLP = spacy.blank("en")
BUILDS = [build_char_cnn, build_char_lstm]
MODULES = [
    CharCNN(rows=9, width=6, embedding_width=4, kernel_size=3, dropout=0.0),
    CharLSTM(rows=9, width=6, embedding_width=4, dropout=0.0),
]


def make_docs(*texts):
    return [Doc(NLP.vocab, words=words) for words in texts]


@pytest.fixture(params=BUILDS, ids=["cnn", "lstm"])
def model(request):
    fix_random_seed(0)
    model = request.param(width=6)
    model.initialize(X=make_docs(["a"]))
    return model


@pytest.mark.parametrize("module", MODULES, ids=["cnn", "lstm"])
def test_padding_changes_nothing(module):
    words = [[3, 1, 4], [1], [5, 8, 2, 6, 5]]
    padded = torch.zeros(3, 7, dtype=torch.int64)
    for row, word in zip(padded, words, strict=True):
        row[: len(word)] = torch.tensor(word)
    together = module(padded)
    for vector, word in zip(together, words, strict=True):
        torch.testing.assert_close(module(torch.tensor([word]))[0], vector)


def test_the_cnn_is_the_highest_value_of_each_filter():
    module = MODULES[0]
    x = module.embedding.weight[torch.tensor([3, 1, 4])]
    x = torch.cat([torch.zeros(1, 4), x, torch.zeros(1, 4)])
    filters, bias = module.convolution.weight, module.convolution.bias
    at = [torch.einsum("fek,ke->f", filters, x[i : i + 3]) + bias for i in range(3)]
    torch.testing.assert_close(module(torch.tensor([[3, 1, 4, 0]]))[0], torch.stack(at).amax(dim=0))


def test_the_lstm_is_the_last_state_of_each_direction():
    module = MODULES[1]
    x = module.embedding.weight[torch.tensor([3, 1, 4])]
    expected = torch.cat([module.from_start(x)[1][0][0], module.from_end(x.flip(0))[1][0][0]])
    torch.testing.assert_close(module(torch.tensor([[3, 1, 4, 0]]))[0], expected)


def test_a_word_has_one_vector_wherever_it_stands(model, monkeypatch):
    docs = make_docs(["unbelievable", "a", "cat"], [], ["cat", "sat", "unbelievable"])
    first, empty, second = model.predict(docs)
    assert [len(vectors) for vectors in (first, empty, second)] == [3, 0, 3]
    np.testing.assert_allclose(first[[0, 2]], second[[2, 0]], atol=1e-6)
    assert not np.allclose(first[0], first[2], atol=1e-3)
    monkeypatch.setattr(batches, "MAX_PADDED_TOKENS", 8)
    np.testing.assert_allclose(model.predict(docs)[0], first, atol=1e-5)


def test_each_distinct_word_is_computed_once(model):
    seen = []
    module_shim(model.layers[0]).module.register_forward_hook(lambda module, args, output: seen.append(args[0].shape))
    model.predict(make_docs(["cat", "sat", "cat"] * 50))
    assert seen == [(2, 3)]


def test_gradients_of_all_tokens_of_a_word_add_up(model):
    def gradients(words, d_vectors):
        _, backprop = model.begin_update(make_docs(words))
        backprop([np.asarray(d_vectors, dtype="float32")])
        module = module_shim(model.layers[0]).module
        found = {name: p.grad.clone() for name, p in module.named_parameters()}
        module.zero_grad()
        return found

    d = np.random.default_rng(0).normal(size=(3, 6))
    apart, added = gradients(["cat", "sat", "cat"], d), gradients(["cat", "sat"], [d[0] + d[2], d[1]])
    for name, gradient in apart.items():
        torch.testing.assert_close(gradient, added[name])
        assert gradient.abs().sum() > 0


def test_spelling_can_be_learnt(model):
    docs = make_docs(["walking", "talking", "sing", "king", "walked", "talked", "sang", "Ring", "rang"])
    gold = np.asarray([[0.5] * 6 if word.text.endswith("ing") else [-0.5] * 6 for word in docs[0]], dtype="float32")
    optimizer = Adam(0.02)
    for _ in range(200):
        vectors, backprop = model.begin_update(docs)
        backprop([vectors[0] - gold])
        model.finish_update(optimizer)
    # A single filter can end in a local optimum; most do not.
    assert ((model.predict(docs)[0].mean(axis=1) > 0) == (gold[:, 0] > 0)).all()
    assert model.predict(make_docs(["jumping"]))[0].mean() > 0


@settings(deadline=None)
@given(words=st.lists(st.text(min_size=1, max_size=80), max_size=5))
def test_any_text_has_vectors(words):
    for build in BUILDS:
        model = build(width=4, rows=64)
        model.initialize()
        (vectors,) = model.predict(make_docs(words))
        assert vectors.shape == (len(words), 4)
        assert np.isfinite(vectors).all()


def test_of_a_long_word_the_affixes_are_read(model):
    long = "un" + "x" * 10_000 + "able"
    docs = make_docs([long, long[: MAX_CHARACTERS // 2] + long[-MAX_CHARACTERS // 2 :], long + "s"])
    vectors = model.predict(docs)[0]
    np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-6)
    assert not np.allclose(vectors[0], vectors[2], atol=1e-4)


@pytest.mark.parametrize("load", [lambda m, build: build(width=6).from_bytes(m.to_bytes()), lambda m, build: m.copy()])
@pytest.mark.parametrize("build", BUILDS)
def test_saved_and_copied_models_predict_the_same(build, load):
    model = build(width=6)
    model.initialize()
    docs = make_docs(["spelling", "matters"])
    np.testing.assert_array_equal(load(model, build).predict(docs)[0], model.predict(docs)[0])


def test_bad_sizes_are_refused():
    with pytest.raises(ValueError, match="odd; got 4"):
        build_char_cnn(width=6, kernel_size=4).initialize()
    with pytest.raises(ValueError, match="even, half for each direction; got 7"):
        build_char_lstm(width=7).initialize()
