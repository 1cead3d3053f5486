"""Each module against an independent computation."""

import math

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from spacy_seqtag.models.pytorch import CNN, MLP, PAD, RNN, UNK, Transformer, WordEmbedding
from spacy_seqtag.models.pytorch.rnn import CELLS
from spacy_seqtag.models.pytorch.transformer import sinusoidal_positions

LENGTHS = torch.tensor([5, 1, 3])
MASK = torch.arange(5) < LENGTHS.unsqueeze(1)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_rnn_equals_torch_on_packed_sequences(cell, bidirectional):
    torch.manual_seed(0)
    ours = RNN(input_width=4, width=6, cell=cell, depth=2, bidirectional=bidirectional).eval()
    state_width = 3 if bidirectional else 6
    theirs = CELLS[cell](4, state_width, num_layers=2, batch_first=True, bidirectional=bidirectional)
    weights = {}
    suffixes = ("_l0", "_l0_reverse", "_l1", "_l1_reverse") if bidirectional else ("_l0", "_l1")
    for network, suffix in zip(ours.networks, suffixes, strict=True):
        for name, value in network.state_dict().items():
            weights[name.removesuffix("_l0") + suffix] = value
    theirs.load_state_dict(weights)
    x = torch.randn(3, 5, 4)
    packed = pack_padded_sequence(x, LENGTHS, batch_first=True, enforce_sorted=False)
    expected, _ = pad_packed_sequence(theirs(packed)[0], batch_first=True)
    torch.testing.assert_close(ours(x, MASK)[MASK], expected[MASK])


def test_cnn_convolves_over_tokens_not_over_the_embedding():
    cnn = CNN(input_width=3, width=2, kernel_size=3)
    x = torch.randn(1, 4, 3)
    kernel, bias = cnn.convolutions[0].weight, cnn.convolutions[0].bias
    around = torch.cat([torch.zeros(1, 3), x[0], torch.zeros(1, 3)])
    expected = [torch.relu((kernel * around[t : t + 3].T).sum(dim=(1, 2)) + bias) for t in range(4)]
    torch.testing.assert_close(cnn(x, torch.ones(1, 4, dtype=torch.bool))[0], torch.stack(expected))


def test_transformer_block_equals_the_paper():
    torch.manual_seed(0)
    model = Transformer(input_width=4, width=4, n_heads=2, feed_forward_width=8).eval()
    x = torch.randn(1, 3, 4)
    block = model.blocks.layers[0]
    h = x[0] * math.sqrt(4) + sinusoidal_positions(3, 4)
    q, k, v = (h @ block.self_attn.in_proj_weight.T + block.self_attn.in_proj_bias).chunk(3, dim=1)
    heads = []
    for columns in (slice(0, 2), slice(2, 4)):
        attention = torch.softmax(q[:, columns] @ k[:, columns].T / math.sqrt(2), dim=1)
        heads.append(attention @ v[:, columns])
    h = block.norm1(h + block.self_attn.out_proj(torch.cat(heads, dim=1)))
    h = block.norm2(h + block.linear2(torch.relu(block.linear1(h))))
    torch.testing.assert_close(model(x, torch.ones(1, 3, dtype=torch.bool))[0], h)


@pytest.mark.parametrize("width", [4, 5])
def test_positions_follow_the_formula(width):
    positions = sinusoidal_positions(7, width)
    for t in range(7):
        for column in range(width):
            angle = t / 10000 ** ((column - column % 2) / width)
            expected = math.cos(angle) if column % 2 else math.sin(angle)
            assert positions[t, column].item() == pytest.approx(expected, abs=1e-5)


def test_unknown_words_are_trained_and_padding_is_not():
    torch.manual_seed(0)
    embedding = WordEmbedding(rows=5, width=3)
    ids = torch.tensor([2, 3, 4, PAD])
    always = embedding(ids, torch.tensor([1.0, 1.0, 0.0, 0.0]))
    torch.testing.assert_close(always[:2], embedding.embedding.weight[[UNK, UNK]])
    torch.testing.assert_close(always[2], embedding.embedding.weight[4])
    always.sum().backward()
    assert embedding.embedding.weight.grad[UNK].tolist() == [2, 2, 2]
    assert not embedding.embedding.weight.grad[[2, 3, PAD]].any()
    assert not embedding.embedding.weight[PAD].any()
    torch.testing.assert_close(embedding.eval()(ids, torch.ones(4)), embedding.embedding.weight[ids])


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: CNN(input_width=3, width=2, kernel_size=4), "kernel_size must be odd.*4"),
        (lambda: RNN(input_width=3, width=5), "must be even.*5"),
        (lambda: RNN(input_width=3, width=4, cell="lsmt"), "rnn, lstm, gru.*lsmt"),
        (lambda: Transformer(input_width=3, width=9, n_heads=2), r"\[1, 3, 9\].*2"),
    ],
)
def test_impossible_sizes_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize("build", [CNN, MLP, RNN, Transformer])
def test_without_padding_no_mask_is_needed(build):
    torch.manual_seed(0)
    module = build(input_width=4, width=6, dropout=0.5).eval()
    x = torch.randn(3, 5, 4)
    torch.testing.assert_close(module(x, None), module(x, torch.ones(3, 5, dtype=torch.bool)))
