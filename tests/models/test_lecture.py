"""The worked examples of the lecture, through the real dictionary and the real modules."""

import json

import pytest
import spacy
import torch
from spacy.tokens import Doc
from torch.nn.utils.rnn import pad_sequence

from spacy_seqtag.corpus import Corpus, Sentence, convert
from spacy_seqtag.models.dictionary import build_dictionary_embed, look_up, read_dictionary
from spacy_seqtag.models.pytorch import CNN, MLP, PAD, RNN, UNK, Transformer, token_cross_entropy
from spacy_seqtag.models.shim import module_shim
from spacy_seqtag.pipeline.schemes import SCHEMES

POS_TOY = [["i", "want", "a", "dog"], ["books", "are", "expensive"]]
NER_TOY = [["karpathy", "is", "working", "in", "openai"], ["geoffrey", "hinton", "is", "from", "canada"]]
NER_TAGS = [["B-PER", "O", "O", "O", "B-ORG"], ["B-PER", "I-PER", "O", "O", "B-LOC"]]
ENCODERS = [
    MLP,
    CNN,
    lambda **sizes: RNN(cell="rnn", **sizes),
    lambda **sizes: RNN(cell="lstm", **sizes),
    lambda **sizes: RNN(cell="gru", **sizes),
    Transformer,
]


def ids_of(sentences, folder):
    """Padded rows of the words in a dictionary that `convert` made, and the embedding module of that dictionary."""
    nlp = spacy.blank("en")
    documents = [[Sentence(words=words, entities=["O"] * len(words)) for words in sentences]]
    convert(Corpus(splits={"train": documents, "dev": documents}), folder, nlp, source="toy")
    nlp.vocab.lookups = read_dictionary(folder / "dictionary.json")
    docs = [Doc(nlp.vocab, words=words) for words in sentences]
    embed = build_dictionary_embed(6)
    embed.initialize(X=docs)
    rows = [torch.from_numpy(look_up(embed, [doc])[0]) for doc in docs]
    return pad_sequence(rows, batch_first=True, padding_value=PAD), module_shim(embed.layers[0]).module


@pytest.mark.parametrize(("toy", "vocabulary", "shape"), [(POS_TOY, 9, (2, 4)), (NER_TOY, 11, (2, 5))])
@pytest.mark.parametrize("build", ENCODERS)
def test_shapes_from_words_to_scores(toy, vocabulary, shape, build, tmp_path):
    ids, embedding = ids_of(toy, tmp_path)
    assert embedding.embedding.weight.shape == (vocabulary, 6)
    assert len(json.loads((tmp_path / "dictionary.json").read_text(encoding="utf8"))) == vocabulary - 2
    assert (UNK, PAD) == (0, 1)
    assert ids.shape == shape
    assert ids.max() == vocabulary - 1
    mask = ids != PAD
    assert mask.sum(dim=1).tolist() == [len(words) for words in toy]
    embedded = embedding(ids, torch.zeros(shape))
    assert embedded.shape == (*shape, 6)
    assert not embedded[~mask].any()
    hidden = build(input_width=6, width=8)(embedded, mask)
    assert hidden.shape == (*shape, 8)
    assert torch.nn.Linear(8, 5)(hidden).shape == (*shape, 5)


def test_the_padding_class_of_the_ner_toy_does_not_count():
    classes = ["[PAD]", *SCHEMES["IOB2"].classes(["PER", "ORG", "LOC"])]
    assert classes == ["[PAD]", "O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"]
    gold = [torch.tensor([classes.index(tag) for tag in tags]) for tags in (NER_TAGS[0], NER_TAGS[1][:3])]
    padded = pad_sequence(gold, batch_first=True, padding_value=classes.index("[PAD]"))
    assert padded.tolist() == [[2, 1, 1, 1, 4], [2, 3, 1, 0, 0]]
    scores = torch.randn(2, 5, len(classes), requires_grad=True)
    loss = token_cross_entropy(scores.flatten(0, 1), padded.flatten(), ignore_index=0)
    unpadded = torch.cat([scores[0], scores[1, :3]])
    assert loss.item() == pytest.approx(token_cross_entropy(unpadded, torch.cat(gold)).item())
    loss.backward()
    assert not scores.grad[1, 3:].any()
    assert scores.grad[1, :3].any(dim=1).all()


def test_loss_quiz():
    scores = torch.tensor([[0.2, 0.1, 1.2], [3.6, -2.5, -0.2], [-1.3, 1.5, 0.5]])
    by_hand = -torch.log_softmax(scores, dim=1)[[0, 1, 2], [2, 0, 1]]
    two = token_cross_entropy(scores[:2], torch.tensor([2, 0]))
    assert two.item() == pytest.approx(by_hand[:2].mean().item())
    # (0.5311 + 0.0243) / 2; the 0.2768 of the lecture's slide is off in the third digit.
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
