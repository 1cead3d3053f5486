"""The optimizer against Thinc's."""

import numpy as np
import pytest
import spacy
from thinc.api import Adam

SETTINGS = [
    {},
    {"L2": 0.01},
    {"L2": 0.1, "L2_is_weight_decay": False},
    {"grad_clip": 0.0, "beta1": 0.8, "beta2": 0.99, "eps": 1e-6},
    {"use_averages": False},
]


@pytest.mark.parametrize("settings", SETTINGS)
def test_steps_equal_those_of_thinc(settings):
    rng = np.random.default_rng(0)
    defaults = {"L2": 0.0, "use_averages": True, "L2_is_weight_decay": True, "grad_clip": 1.0}
    optimizers = [
        spacy.registry.optimizers.get("spacy-seqtag.Adam.v1")(iter([0.01, 0.02, 0.005]), **settings),
        Adam(iter([0.01, 0.02, 0.005]), **{**defaults, **settings}),
    ]
    start = rng.normal(size=(7, 3)).astype("float32")
    weights = [start.copy(), start.copy()]
    for step in range(20):
        gradient = rng.normal(size=start.shape, scale=10.0 ** (step % 3 - 2)).astype("float32")
        for i, optimizer in enumerate(optimizers):
            weights[i], spent = optimizer((1, "W"), weights[i], gradient.copy(), lr_scale=0.5)
            assert not spent.any()
            optimizer.step_schedules()
        np.testing.assert_allclose(*weights, rtol=1e-3, atol=1e-4)
    assert not np.allclose(weights[0], start, atol=0.01)
    ours, thincs = optimizers
    if thincs.averages is None:
        assert ours.averages is None
    else:
        np.testing.assert_allclose(ours.averages[(1, "W")], thincs.averages[(1, "W")], rtol=1e-3, atol=1e-4)


def test_weights_are_updated_in_place():
    weights = np.ones((3, 2), dtype="float32")
    updated, _ = spacy.registry.optimizers.get("spacy-seqtag.Adam.v1")(0.1)((1, "W"), weights, np.ones_like(weights))
    assert updated is weights
    np.testing.assert_allclose(weights, 0.9, atol=1e-6)


def test_gradients_of_any_layout_are_taken():
    rng = np.random.default_rng(0)
    weights, gradient = (rng.normal(size=(4, 3)).astype("float32") for _ in range(2))
    updated = []
    for layout in (np.ascontiguousarray, np.asfortranarray):
        optimizer = spacy.registry.optimizers.get("spacy-seqtag.Adam.v1")(0.1)
        stepped = weights.copy()
        for _ in range(2):
            stepped, _ = optimizer((1, "W"), stepped, layout(gradient.copy()))
        updated.append(stepped)
    np.testing.assert_allclose(*updated, atol=1e-5)
    assert not np.allclose(updated[0], weights, atol=0.1)


def test_other_weights_under_a_known_key_are_refused():
    optimizer = spacy.registry.optimizers.get("spacy-seqtag.Adam.v1")(0.01)
    optimizer((1, "W"), np.zeros(6, "float32"), np.ones(6, "float32"))
    weights = np.zeros(8, "float32")
    with pytest.raises(ValueError, match="8 weights"):
        optimizer((1, "W"), weights, np.ones(8, "float32"))
    assert not weights.any()
