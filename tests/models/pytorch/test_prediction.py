"""Modules predict by other computations than they are trained with: the results are the same, and those of the present
weights."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from spacy_seqtag.models.pytorch import CNN, RNN, CharCNN, CharLSTM, onednn
from spacy_seqtag.models.pytorch.prepared import forget

LENGTHS = {"one": [7], "equal": [4, 4, 4], "padded": [9, 1, 5, 9], "word": [1]}


def make_rnn(**settings):
    torch.manual_seed(0)
    return RNN(input_width=5, width=6, **settings).eval()


def batch(lengths):
    mask = torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)
    return torch.randn(*mask.shape, 5), mask


def both_ways(module, *inputs):
    """What a module computes without and with a graph for the gradients."""
    with torch.inference_mode():
        predicted = module(*inputs)
    return predicted, module(*inputs).detach()


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
def test_an_lstm_predicts_what_pytorch_does_bit_for_bit(monkeypatch, lengths, bidirectional, half):
    rnn = make_rnn(bidirectional=bidirectional, depth=2)
    x, mask = batch(lengths)
    with torch.inference_mode(), torch.autocast("cpu", enabled=half):
        predicted = rnn(x, mask)
        monkeypatch.setattr(onednn, "can_read", lambda network, x: False)
        expected = rnn(x, mask)
    assert predicted.dtype == expected.dtype
    assert torch.equal(predicted[mask], expected[mask])


@pytest.mark.parametrize("lengths", [[6] * 19, [6, *range(1, 7)] * 3], ids=["equal", "padded"])
def test_sequences_of_zeros_below_a_batch_change_neither_states_nor_gradients(monkeypatch, lengths):
    rnn = make_rnn(depth=2)
    x, mask = batch(lengths)
    filled_up = []
    fill_up = onednn.fill_up

    def results():
        rnn.zero_grad()
        with torch.autocast("cpu"):
            with torch.inference_mode():
                predicted = rnn(x, mask)
            trained = rnn(x, mask)
        (trained * torch.arange(len(x))[:, None, None])[mask].sum().backward()
        return [predicted[mask].float(), trained[mask].float(), *(p.grad for p in rnn.parameters())]

    monkeypatch.setattr(onednn, "fill_up", lambda *args: filled_up.append(fill_up(*args)) or filled_up[-1])
    few = results()
    assert [len(x) % onednn.BLOCK for x, _ in filled_up] == [0, 0]
    monkeypatch.setattr(onednn, "fill_up", lambda *args: args)
    for found, expected in zip(few, results(), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-2, atol=1e-2)


def test_the_layout_is_used_where_it_is_there():
    lstm, (x, _) = make_rnn().networks[0], batch([3])
    with torch.inference_mode():
        assert onednn.can_read(lstm, x) == (torch.float32 in onednn.precisions())
        assert not onednn.can_read(lstm, x.double())
        assert not onednn.can_read(lstm, x.bfloat16())
        assert not onednn.can_read(torch.nn.GRU(5, 3), x)
    assert not onednn.can_read(lstm, x)  # the gradients could not be found


WORDS = torch.tensor([[3, 1, 4, 1, 5], [9, 2, 6, 0, 0], [7, 0, 0, 0, 0]])


@pytest.mark.parametrize("kernel_size", [1, 3, 5])
def test_looked_up_convolutions_are_the_convolutions(kernel_size):
    torch.manual_seed(0)
    cnn = CharCNN(rows=10, width=8, embedding_width=4, kernel_size=kernel_size, dropout=0.5).eval()
    torch.testing.assert_close(*both_ways(cnn, WORDS))


@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
@pytest.mark.parametrize("kernel_size", [1, 3, 5])
def test_a_convolution_predicts_what_pytorchs_does(kernel_size, lengths):
    torch.manual_seed(0)
    cnn = CNN(input_width=5, width=6, kernel_size=kernel_size, depth=2, dropout=0.5).eval()
    x, mask = batch(lengths)
    predicted, expected = both_ways(cnn, x, mask)
    torch.testing.assert_close(predicted[mask], expected[mask])


def test_a_convolution_predicts_in_half_precision_too():
    torch.manual_seed(0)
    cnn, (x, mask) = CNN(input_width=5, width=6).eval(), batch([9, 4])
    single, _ = both_ways(cnn, x, mask)
    with torch.autocast("cpu"):
        half, expected = both_ways(cnn, x, mask)
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half, expected)
    assert not torch.equal(half.float(), single)


def step_of_pytorch(module, inputs):
    module(*inputs).sum().backward()
    torch.optim.SGD(module.parameters(), lr=0.1).step()


def other_tensors(module, inputs):
    for weights in module.parameters():
        weights.data = weights.data * 2


def memory_that_is_shared(module, inputs):
    for weights in module.parameters():
        weights.detach().numpy()[:] *= 2
    forget(module)


def saved_weights(module, inputs):
    module.load_state_dict({name: weights * 2 for name, weights in module.state_dict().items()})


@pytest.mark.parametrize("change", [step_of_pytorch, other_tensors, memory_that_is_shared, saved_weights])
@pytest.mark.parametrize("kind", ["cnn", "lstm", "char_cnn", "char_lstm"])
def test_changed_weights_count(kind, change):
    torch.manual_seed(0)
    of_characters = {"rows": 10, "width": 8, "embedding_width": 4, "dropout": 0.0}
    modules = {
        "cnn": lambda: (CNN(input_width=5, width=6).eval(), batch([4, 2])),
        "lstm": lambda: (make_rnn(), batch([4, 2])),
        "char_cnn": lambda: (CharCNN(kernel_size=3, **of_characters).eval(), (WORDS,)),
        "char_lstm": lambda: (CharLSTM(**of_characters).eval(), (WORDS,)),
    }
    module, inputs = modules[kind]()
    before, _ = both_ways(module, *inputs)
    change(module, inputs)
    predicted, expected = both_ways(module, *inputs)
    torch.testing.assert_close(predicted, expected)
    assert not torch.allclose(predicted, before)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda module: pickle.loads(pickle.dumps(module))])
def test_a_copy_of_a_module_that_has_predicted_is_a_module_of_its_own(duplicate):
    rnn, (x, mask) = make_rnn(), batch([4])
    before, _ = both_ways(rnn, x, mask)
    copied = duplicate(rnn)
    other_tensors(copied, (x, mask))
    predicted, expected = both_ways(copied, x, mask)
    torch.testing.assert_close(predicted, expected)
    assert torch.equal(both_ways(rnn, x, mask)[0], before)


def test_weights_made_in_inference_mode_predict():
    x, mask = batch([4])
    with torch.inference_mode():
        rnn = make_rnn()
        before = rnn(x, mask)
        for weights in rnn.parameters():
            weights += 0.1
        assert not torch.allclose(rnn(x, mask), before)


def test_threads_that_predict_first_at_once():
    x, mask = batch([20, 7])
    rnn = make_rnn()
    expected = rnn(x, mask).detach()
    with ThreadPoolExecutor(4) as pool:
        for predicted in pool.map(lambda _: both_ways(rnn, x, mask)[0], range(40)):
            torch.testing.assert_close(predicted, expected)
