"""Scores for classes: with a linear layer, and without."""

from copy import deepcopy

import numpy as np
import pytest
from thinc.api import Adam, Linear, fix_random_seed, with_array

from spacy_seqtag.models.encoders import build_rnn, build_transformer
from spacy_seqtag.models.heads import build_crf_head, build_direct_head, build_linear_head
from spacy_seqtag.models.shim import module_shim
from spacy_seqtag.models.types import ChainScores, Transitions

X = [np.ones((3, 5), dtype="float32"), np.zeros((2, 5), dtype="float32")]
Y = [np.zeros((3, 9), dtype="float32"), np.zeros((2, 9), dtype="float32")]


def test_a_linear_head_can_grow():
    model = build_linear_head(build_rnn(6))
    model.initialize(X=X, Y=Y)
    before = model.predict(X)
    model.attrs["resize_output"](model, 11)
    after = model.predict(X)
    assert after[0].shape == (3, 11)
    for old, new in zip(before, after, strict=True):
        np.testing.assert_allclose(new[:, :9], old, atol=1e-6)
    loaded = build_linear_head(build_rnn(6)).from_bytes(model.to_bytes())
    np.testing.assert_array_equal(loaded.predict(X)[0], after[0])


@pytest.mark.parametrize("build", [build_linear_head, build_crf_head])
def test_the_gradient_factor_is_that_of_what_is_below_the_head(build):
    def gradients(grad_factor):
        fix_random_seed(0)
        encoder = build_rnn(6, cell="rnn", bidirectional=False)
        model = build(encoder, grad_factor=grad_factor)
        model.initialize(X=X, Y=Y)
        scores, backprop = model.begin_update(X)
        ones = [np.ones((len(x), 9), "float32") for x in X]
        transitions = Transitions(np.ones((9, 9), "float32"), np.ones(9, "float32"), np.ones(9, "float32"))
        backprop(ChainScores(ones, transitions) if isinstance(scores, ChainScores) else ones)
        parts = encoder.layers[0], model.get_ref("output_layer")
        return [[p.grad.numpy() for p in module_shim(part).module.parameters()] for part in parts]

    for whole, part, factor in zip(gradients(1.0), gradients(0.25), (0.25, 1.0), strict=True):
        for expected, found in zip(whole, part, strict=True):
            assert np.abs(expected).max() > 1e-3
            np.testing.assert_allclose(found, factor * expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("build", [build_linear_head, build_crf_head])
def test_weights_load_whatever_the_gradient_factor(build):
    saved, loaded = (build(build_rnn(6), grad_factor=grad_factor) for grad_factor in (0.25, 1.0))
    saved.initialize(X=X, Y=Y)
    loaded.from_bytes(saved.to_bytes())
    for part, expected in zip(loaded.predict(X), saved.predict(X), strict=True):
        for found, wanted in zip(part, expected, strict=True):
            np.testing.assert_array_equal(found, wanted)


def step(model, width):
    """An update with random gradients."""
    scores, backprop = model.begin_update(X)
    rng = np.random.default_rng(width)
    gradient = [[rng.normal(size=x.shape).astype("float32") for x in part] for part in scores]
    backprop(ChainScores(gradient[0], Transitions(*gradient[1])))
    model.finish_update(Adam(0.1))


def test_a_crf_head_can_grow():
    model = build_crf_head(build_rnn(6))
    model.initialize(X=X, Y=Y)
    assert model.get_dim("nO") == 9
    step(model, 9)
    before = deepcopy(model.predict(X))
    assert [t.shape for t in before.transitions] == [(9, 9), (9,), (9,)]
    assert all(t.all() for t in before.transitions)
    assert model.attrs["resize_output"](model, 11) is model
    assert model.get_dim("nO") == 11
    after = deepcopy(model.predict(X))
    for old, new in zip(before.tokens, after.tokens, strict=True):
        assert new.shape == (len(old), 11)
        np.testing.assert_allclose(new[:, :9], old, atol=1e-6)
    for old, new in zip(before.transitions, after.transitions, strict=True):
        np.testing.assert_array_equal(new, np.pad(old, (0, 2)))
    loaded = build_crf_head(build_rnn(6)).from_bytes(model.to_bytes()).predict(X)
    for part, expected in zip(loaded, after, strict=True):
        for found, wanted in zip(part, expected, strict=True):
            np.testing.assert_array_equal(found, wanted)
    step(model, 11)
    for old, new in zip(after.transitions, model.predict(X).transitions, strict=True):
        assert (new != old).all()


@pytest.mark.parametrize("build", [build_linear_head, build_crf_head])
@pytest.mark.parametrize("width", [9, 12, 4])
def test_a_trained_head_can_be_initialized_anew(build, width):
    model = build(build_rnn(6))
    model.initialize(X=X, Y=Y)
    if build is build_crf_head:
        step(model, 9)
    model.initialize(X=X, Y=[y[:, :1].repeat(width, axis=1) for y in Y])
    scores = model.predict(X)
    if build is build_crf_head:
        scores, transitions = scores
        assert [t.shape for t in transitions] == [(width, width), (width,), (width,)]
        assert not any(t.any() for t in transitions)
    assert [s.shape for s in scores] == [(3, width), (2, width)]


@pytest.mark.parametrize("encode", [lambda: build_rnn(bidirectional=False, cell="rnn"), build_transformer])
def test_the_width_of_a_direct_head_is_the_number_of_classes(encode):
    model = build_direct_head(with_array(Linear()), encode())
    model.initialize(X=X, Y=Y)
    assert [scores.shape for scores in model.predict(X)] == [(3, 9), (2, 9)]
    assert model.get_ref("embed").get_dim("nO") == model.get_ref("output_layer").get_dim("nO") == 9


def test_heads_must_divide_the_number_of_classes():
    model = build_direct_head(with_array(Linear()), build_transformer(n_heads=2))
    with pytest.raises(ValueError, match=r"9 allows \[1, 3, 9\]"):
        model.initialize(X=X, Y=Y)
