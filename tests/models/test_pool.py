"""Heads that decide together."""

import numpy as np
import pytest

from spacy_seqtag.models.encoders import build_rnn
from spacy_seqtag.models.heads import build_crf_head, build_linear_head
from spacy_seqtag.models.pool import build_opinion_pool
from spacy_seqtag.models.shim import module_shim
from spacy_seqtag.models.types import PooledScores

X = [np.random.default_rng(0).normal(size=(n, 5)).astype("float32") for n in (3, 2)]
Y = [np.zeros((n, 4), dtype="float32") for n in (3, 2)]


def make_pool(*builders, weights=(0.5, 2.0)):
    pool = build_opinion_pool(*(build(build_rnn(6)) for build in builders), weights=list(weights))
    pool.initialize(X=X, Y=Y)
    return pool


def test_probabilities_are_the_weighted_product():
    pool = make_pool(build_linear_head, build_linear_head)
    first, second = (expert.predict(X) for expert in pool.layers)
    for found, a, b in zip(pool.predict(X), first, second, strict=True):
        p, q = (np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True) for scores in (a, b))
        expected = p**0.5 * q**2
        probabilities = np.exp(found) / np.exp(found).sum(axis=1, keepdims=True)
        np.testing.assert_allclose(probabilities, expected / expected.sum(axis=1, keepdims=True), rtol=1e-4)


def test_each_head_learns_from_its_own_gradient():
    pool = make_pool(build_linear_head, build_linear_head)
    scores, backprop = pool.begin_update(X)
    assert isinstance(scores, PooledScores)
    for expert, found in zip(pool.layers, scores.experts, strict=True):
        np.testing.assert_allclose(np.concatenate(found), np.concatenate(expert.predict(X)), atol=1e-5)
    backprop(
        PooledScores([[np.ones_like(x) for x in scores.experts[0]], [np.zeros_like(x) for x in scores.experts[1]]])
    )
    learning, resting = (
        sum(float(p.grad.abs().sum()) for p in module_shim(expert.get_ref("output_layer")).module.parameters())
        for expert in pool.layers
    )
    assert learning > 0
    assert resting == 0


def test_a_crf_cannot_be_pooled():
    pool = make_pool(build_linear_head, build_crf_head)
    with pytest.raises(ValueError, match=r"Linear\.v1"):
        pool.predict(X)


@pytest.mark.parametrize("weights", [[], [1.0, 1.0], [0.0], [-1.0], [float("nan")]])
def test_each_head_needs_a_positive_weight(weights):
    with pytest.raises(ValueError, match="positive number"):
        build_opinion_pool(build_linear_head(build_rnn(6)), weights=weights)
