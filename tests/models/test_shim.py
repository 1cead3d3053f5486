"""The bridge to PyTorch: saving, copies and evaluation mode."""

import pickle
import threading

import numpy as np
import pytest
import srsly
import torch
from thinc.api import Adam

from spacy_seqtag.models import shim
from spacy_seqtag.models.encoders import build_rnn
from spacy_seqtag.models.shim import module_shim

X = [np.ones((4, 3), dtype="float32")]


@pytest.fixture
def model():
    model = build_rnn(6, dropout=0.5)
    model.initialize(X=X)
    return model


def step(model, optimizer):
    Y, backprop = model.begin_update(X)
    backprop(Y)
    model.finish_update(optimizer)


@pytest.mark.parametrize("load", [lambda m: build_rnn(6, dropout=0.5).from_bytes(m.to_bytes()), lambda m: m.copy()])
def test_saved_and_copied_models_predict_the_same(model, load):
    np.testing.assert_array_equal(load(model).predict(X)[0], model.predict(X)[0])


def test_a_copy_is_trained_apart(model):
    copy = model.copy()
    before = model.predict(X)[0]
    optimizer = Adam(0.1)
    step(copy, optimizer)
    np.testing.assert_array_equal(model.predict(X)[0], before)
    assert not np.allclose(copy.predict(X)[0], before)
    step(model, optimizer)
    assert set(optimizer.nr_update.values()) == {1}


def test_dropout_is_off_outside_of_updates(model):
    expected = model.predict(X)[0]
    _, backprop = model.begin_update(X)
    assert not module_shim(model.layers[0]).module.training
    np.testing.assert_array_equal(model.predict(X)[0], expected)
    dropped = model.begin_update(X)[0][0]
    assert (dropped == 0).any()
    assert backprop([np.ones((4, 6), dtype="float32")])[0].shape == (4, 3)


def test_parameter_averages_apply_and_are_taken_back(model):
    optimizer = Adam(0.1, use_averages=True)
    for _ in range(5):
        step(model, optimizer)
    trained = model.predict(X)[0]
    with model.use_params(optimizer.averages):
        averaged = model.predict(X)[0]
    assert not np.allclose(averaged, trained)
    np.testing.assert_array_equal(model.predict(X)[0], trained)


def test_parameters_stay_where_they_are_in_memory(model):
    module = module_shim(model.layers[0]).module
    before = [p.data_ptr() for p in module.parameters()]
    optimizer = Adam(0.1)
    for _ in range(3):
        step(model, optimizer)
    assert [p.data_ptr() for p in module.parameters()] == before


def test_each_step_and_average_is_predicted_with(model):
    optimizer = Adam(0.1, use_averages=True)
    module = module_shim(model.layers[0]).module
    x = torch.from_numpy(X[0]).unsqueeze(0)
    mask = torch.ones(1, 4, dtype=torch.bool)

    def check():
        np.testing.assert_allclose(model.predict(X)[0], module(x, mask)[0].detach().numpy(), atol=1e-6)

    for of_averages in (False, False, True, True, False, True):
        step(model, optimizer)
        with model.use_params(optimizer.averages if of_averages else {}):
            check()


def test_parameters_are_used_that_were_given_before_with_other_values(model):
    module = module_shim(model.layers[0])
    params = {(module.id, name): p.detach().numpy().copy() for name, p in module.module.named_parameters()}
    predicted = []
    for scale in (1.0, 3.0):
        for array in params.values():
            array *= scale
        with model.use_params(params):
            predicted.append(model.predict(X)[0])
    assert not np.allclose(*predicted)
    np.testing.assert_array_equal(model.predict(X)[0], predicted[0])


@pytest.mark.parametrize(("n_tokens", "n_callers", "n_threads"), [(100, 1, 1), (101, 1, 3), (100, 2, 3)])
def test_little_work_is_done_by_one_thread(model, monkeypatch, n_tokens, n_callers, n_threads):
    callers = [threading.main_thread(), *(threading.Thread() for _ in range(n_callers - 1))]
    monkeypatch.setattr(threading, "enumerate", lambda: callers)
    layer_shim = module_shim(model.layers[0])
    monkeypatch.setattr(shim, "SMALL_WORK", 100 * sum(weights.numel() for weights in layer_shim.module.parameters()))
    seen = []
    layer_shim.module.register_forward_hook(lambda *call: seen.append(torch.get_num_threads()))
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        model.predict([np.ones((n_tokens, 3), dtype="float32")])
        assert seen == [n_threads]
        assert torch.get_num_threads() == 3
        layer_shim.module.register_forward_hook(fail)
        with pytest.raises(ZeroDivisionError):
            model.predict(X)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def fail(*call):
    raise ZeroDivisionError


class Malicious:
    def __reduce__(self):
        return (print, ("this code must not run",))


def test_weights_that_hold_code_are_refused(model, capsys):
    shim = module_shim(model.layers[0])
    msg = srsly.msgpack_loads(shim.to_bytes())
    msg["state"] = pickle.dumps(Malicious())
    with pytest.raises(Exception, match="weights_only"):
        shim.from_bytes(srsly.msgpack_dumps(msg))
    assert "must not run" not in capsys.readouterr().out


def test_a_model_without_weights_says_so():
    with pytest.raises(ValueError, match="initialize"):
        module_shim(build_rnn(6).layers[0]).predict(None)
