"""The registered encoders: padding, windows and gradients."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from thinc.api import Model, NumpyOps, fix_random_seed

from spacy_seqtag.models import batches
from spacy_seqtag.models.batches import cut_windows
from spacy_seqtag.models.encoders import build_cnn, build_mlp, build_rnn, build_transformer
from spacy_seqtag.models.lazy import vectors_at
from spacy_seqtag.models.shim import has_bfloat16
from spacy_seqtag.models.windows import with_tokens, with_windows

ENCODERS = {
    "mlp": lambda: build_mlp(6, depth=2),
    "cnn": lambda: build_cnn(6, kernel_size=5, depth=2),
    "rnn": lambda: build_rnn(6, cell="rnn", bidirectional=False),
    "lstm": lambda: build_rnn(6, cell="lstm", depth=2),
    "gru": lambda: build_rnn(6, cell="gru"),
    "transformer": lambda: build_transformer(6, depth=2, n_heads=2, feed_forward_width=8),
}
LENGTHS = (3, 1, 0, 140, 7, 300)


def initialized(name):
    fix_random_seed(0)
    model = ENCODERS[name]()
    model.initialize(X=[np.zeros((2, 4), dtype="float32")])
    return model


def sequences(lengths, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(length, 4)).astype("float32") for length in lengths]


@pytest.mark.parametrize("name", ENCODERS)
def test_a_sequence_scores_the_same_alone_and_in_a_batch(name):
    model = initialized(name)
    X = sequences(LENGTHS)
    batched = model.predict(X)
    assert [y.shape for y in batched] == [(length, 6) for length in LENGTHS]
    for x, y in zip(X, batched, strict=True):
        np.testing.assert_allclose(model.predict([x])[0], y, atol=1e-5)


@pytest.mark.parametrize("name", ENCODERS)
def test_batches_beside_each_other_score_as_one_after_the_other(name, monkeypatch):
    monkeypatch.setattr(batches, "MAX_PADDED_TOKENS", 256)
    model = initialized(name)
    X = sequences([*LENGTHS] * 4)
    n_threads = torch.get_num_threads()
    results = []
    for n in (1, 3):
        torch.set_num_threads(n)
        results.append(model.predict(X))
    torch.set_num_threads(n_threads)
    for one, several in zip(*results, strict=True):
        np.testing.assert_allclose(one, several, atol=1e-6)


@pytest.mark.parametrize("name", ENCODERS)
def test_what_stands_in_the_padding_changes_nothing(name):
    model = initialized(name)
    layer = model.layers[0]
    X = np.random.default_rng(0).normal(size=(2, 5, 4)).astype("float32")
    lengths = np.asarray([5, 2], dtype="int32")
    clean = layer.predict((X, lengths))
    X[1, 2:] = 1e3
    np.testing.assert_allclose(layer.predict((X, lengths))[1, :2], clean[1, :2], atol=1e-5)


@pytest.mark.parametrize("name", ENCODERS)
def test_gradients_equal_finite_differences(name):
    model = initialized(name)
    X = sequences((3, 5))
    directions = sequences((3, 5), seed=1)
    Y, backprop = model.begin_update(X)
    weights = [np.random.default_rng(2).normal(size=y.shape).astype("float32") for y in Y]
    dX = backprop([w.copy() for w in weights])
    analytic = sum((dx * d).sum() for dx, d in zip(dX, directions, strict=True))

    def value(step):
        moved = model.predict([x + step * d for x, d in zip(X, directions, strict=True)])
        return sum((y * w).sum(dtype="float64") for y, w in zip(moved, weights, strict=True))

    assert analytic == pytest.approx((value(1e-3) - value(-1e-3)) / 2e-3, rel=2e-2, abs=1e-2)


def test_windows_of_a_cnn_equal_the_whole():
    model = initialized("cnn")
    X = sequences((1000,))
    cut = model.predict(X)[0]
    model.attrs["size"] = 1000
    np.testing.assert_allclose(cut, model.predict(X)[0], atol=1e-5)


def test_gradients_of_overlapping_windows_add_up():
    model = initialized("cnn")
    X = sequences((500,))
    weights = sequences((500,), seed=1)[0][:, :1] * np.ones((1, 6), dtype="float32")
    cut = model.begin_update(X)[1]([weights.copy()])[0]
    model.attrs["size"] = 500
    np.testing.assert_allclose(cut, model.begin_update(X)[1]([weights.copy()])[0], atol=1e-4)


@given(
    st.lists(st.integers(0, 50), max_size=6),
    st.integers(0, 4).flatmap(lambda context: st.tuples(st.just(context), st.integers(2 * context + 1, 20))),
)
def test_each_token_is_in_one_core_with_its_context(lengths, context_size):
    context, size = context_size
    cores = [[] for _ in lengths]
    for sequence, start, end, core_start, core_end in zip(
        *cut_windows(lengths, size=size, context=context), strict=True
    ):
        length = lengths[sequence]
        assert end - start == min(size, length)
        assert start <= max(0, core_start - context)
        assert end >= min(length, core_end + context)
        cores[sequence] += range(core_start, core_end)
    assert cores == [list(range(length)) for length in lengths]


@given(st.lists(st.integers(0, 30), max_size=30), st.integers(1, 100))
def test_batches_keep_to_the_budget_and_lose_no_sequence(lengths, budget):
    found = [batch.tolist() for batch in batches.batches(lengths, max_padded_tokens=budget)]
    assert sorted(i for batch in found for i in batch) == [i for i, length in enumerate(lengths) if length]
    for batch in found:
        sizes = [lengths[i] for i in batch]
        assert sizes == sorted(sizes, reverse=True)
        assert len(batch) == 1 or sizes[0] * len(batch) <= budget
    longest = [lengths[batch[0]] for batch in found]
    assert longest == sorted(longest, reverse=True)


def test_a_long_document_is_read_in_bounded_batches(monkeypatch):
    model = initialized("lstm")
    seen = []
    layer = model.layers[0]
    forward = layer._func
    monkeypatch.setattr(layer, "_func", lambda m, X, is_train: (seen.append(X[0].shape), forward(m, X, is_train))[1])
    model.predict(sequences((30_000,)))
    assert len(seen) > 1
    assert max(n * length for n, length, _ in seen) <= batches.MAX_PADDED_TOKENS
    monkeypatch.setattr(batches, "MAX_PADDED_VALUES", 1000 * seen[0][2])
    seen.clear()
    model.predict(sequences((30_000,)))
    assert 500 < max(n * length for n, length, _ in seen) <= 1000


@given(st.lists(st.integers(0, 20), min_size=1, max_size=8), st.integers(1, 12))
def test_a_layer_of_tokens_gets_each_token_once_in_bounded_parts(lengths, most):
    X = vectors_at(NumpyOps(), *sequences([sum(lengths)]), np.arange(sum(lengths)), lengths)
    seen = []

    def forward(model, x, is_train):
        seen.append(len(x))
        return 2 * x, lambda dY: dY

    layer = with_tokens(Model("double", forward, dims={"nI": 4, "nO": 4}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "MAX_PADDED_TOKENS", most)
        for x, y in zip(X, layer.predict(X), strict=True):
            np.testing.assert_array_equal(y, 2 * x)
    assert not any(lengths) or max(seen) <= most


def test_a_window_needs_room_for_a_token():
    with pytest.raises(ValueError, match="8 against 2 \\* 4"):
        with_windows(initialized("mlp").layers[0], size=8, context=4)


@pytest.mark.parametrize("build", [build_cnn, build_rnn, build_transformer])
def test_half_precision_is_close_in_results_and_gradients(build):
    fix_random_seed(0)
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(length, 8)).astype("float32") for length in (5, 200, 0, 1)]
    single, half = (build(width=12, mixed_precision=mixed) for mixed in (False, True))
    for model in (single, half):
        model.initialize(X=X)
    half.from_bytes(single.to_bytes())
    d_output = [rng.normal(size=(len(x), 12)).astype("float32") for x in X]
    results = []
    for model in (single, half):
        predicted = model.predict(X)
        trained, backprop = model.begin_update(X)
        assert all(y.dtype == np.float32 for y in (*predicted, *trained))
        results.append([np.concatenate(arrays) for arrays in (predicted, backprop(d_output))])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, atol=0.05 * np.abs(one).max())
    assert not has_bfloat16() or not np.array_equal(results[0][0], results[1][0])


@pytest.mark.parametrize("build", [build_cnn, build_rnn, build_transformer])
def test_half_precision_in_prediction_alone_trains_in_single(build):
    X = sequences((5, 200))
    models = {mixed: build(width=12, mixed_precision=mixed) for mixed in (False, "prediction", True)}
    for model in models.values():
        fix_random_seed(0)
        model.initialize(X=X)
    predicted, trained, gradients = {}, {}, {}
    for mixed, model in models.items():
        predicted[mixed] = model.predict(X)
        trained[mixed], backprop = model.begin_update(X)
        gradients[mixed] = backprop([np.ones_like(y) for y in trained[mixed]])
    for ours, expected in ((trained, False), (gradients, False), (predicted, True)):
        for one, other in zip(ours["prediction"], ours[expected], strict=True):
            np.testing.assert_array_equal(one, other)
