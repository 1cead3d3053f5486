"""The worked examples of the lecture, through the real modules."""

import pytest
import torch

from spacy_seqtag.models.pytorch import CNN, MLP, PAD, RNN, UNK, Transformer, WordEmbedding, token_cross_entropy

POS_TOY = [["i", "want", "a", "dog"], ["books", "are", "expensive"]]
NER_TOY = [["karpathy", "is", "working", "in", "openai"], ["geoffrey", "hinton", "is", "from", "canada"]]
ENCODERS = [
    MLP,
    CNN,
    lambda **sizes: RNN(cell="rnn", **sizes),
    lambda **sizes: RNN(cell="lstm", **sizes),
    lambda **sizes: RNN(cell="gru", **sizes),
    Transformer,
]


def ids_of(sentences):
    words = list(dict.fromkeys(word for sentence in sentences for word in sentence))
    rows = {word: row for row, word in enumerate(words, 2)}
    width = max(map(len, sentences))
    padded = [[rows[word] for word in s] + [PAD] * (width - len(s)) for s in sentences]
    return torch.tensor(padded), len(rows) + 2


def test_special_rows():
    assert (UNK, PAD) == (0, 1)


@pytest.mark.parametrize(("toy", "vocabulary", "shape"), [(POS_TOY, 9, (2, 4)), (NER_TOY, 11, (2, 5))])
@pytest.mark.parametrize("build", ENCODERS)
def test_shapes_from_ids_to_scores(toy, vocabulary, shape, build):
    ids, rows = ids_of(toy)
    assert rows == vocabulary
    assert ids.shape == shape
    embedded = WordEmbedding(rows=rows, width=6)(ids, torch.zeros(shape))
    assert embedded.shape == (*shape, 6)
    mask = ids != PAD
    assert not embedded[~mask].any()
    hidden = build(input_width=6, width=8)(embedded, mask)
    assert hidden.shape == (*shape, 8)
    assert torch.nn.Linear(8, 5)(hidden).shape == (*shape, 5)


def test_loss_quiz():
    scores = torch.tensor([[0.2, 0.1, 1.2], [3.6, -2.5, -0.2], [-1.3, 1.5, 0.5]])
    by_hand = -torch.log_softmax(scores, dim=1)[[0, 1, 2], [2, 0, 1]]
    two = token_cross_entropy(scores[:2], torch.tensor([2, 0]))
    assert two.item() == pytest.approx(by_hand[:2].mean().item())
    assert two.item() == pytest.approx(0.2777, abs=5e-5)
    ignored = token_cross_entropy(scores, torch.tensor([2, 0, 1]), ignore_index=0)
    assert ignored.item() == pytest.approx(by_hand[[0, 2]].mean().item())
    assert ignored.item() == pytest.approx(0.4439, abs=5e-5)


def test_loss_of_nothing_is_zero():
    scores = torch.randn(3, 4, requires_grad=True)
    loss = token_cross_entropy(scores, torch.full((3,), 2), ignore_index=2)
    loss.backward()
    assert loss.item() == 0
    assert not scores.grad.any()
