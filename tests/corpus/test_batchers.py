"""Batches of examples of similar length."""

import random
from itertools import count, pairwise

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc
from spacy.training import Corpus, Example
from spacy.training.batchers import minibatch_by_words
from thinc.api import compounding

from spacy_seqtag.corpus import convert, read_folder

from ..conftest import ROOT

NLP = spacy.blank("en")
MAKE = spacy.registry.batchers.get("spacy-seqtag.batch_by_length.v1")


def example(length):
    return Example(Doc(NLP.vocab, words=["word"] * length), Doc(NLP.vocab, words=["word"] * length))


def n_words(batch):
    return sum(map(len, batch))


@given(st.lists(st.integers(0, 30), max_size=40), st.integers(1, 50), st.integers(1, 12), st.sampled_from([0.0, 0.2]))
def test_each_example_is_in_one_batch_beside_those_of_its_length(lengths, size, buffer, tolerance):
    examples = [example(length) for length in lengths]
    batches = list(MAKE(size=size, buffer=buffer, tolerance=tolerance)(examples))
    assert sorted(map(id, (e for batch in batches for e in batch))) == sorted(map(id, examples))
    place = {id(e): i for i, e in enumerate(examples)}
    few = []
    for batch in batches:
        assert len(batch) == 1 or n_words(batch) <= size * (1 + tolerance)
        (bucket,) = {place[id(e)] // buffer for e in batch}
        few.append((bucket, min(map(len, batch)), max(map(len, batch))))
    assert [bucket for bucket, _, _ in few] == sorted(bucket for bucket, _, _ in few)
    for (bucket, _, longest), (following, shortest, _) in pairwise(sorted(few)):
        assert longest <= shortest or bucket != following


def test_a_list_of_sizes_goes_on_from_one_few_to_the_next():
    batches = list(MAKE(size=[4] * 2 + [2] * 20, buffer=8, tolerance=0.0)([example(1)] * 16))
    assert [n_words(batch) for batch in batches] == [4] * 2 + [2] * 4


@pytest.mark.parametrize("buffer", [0, -1])
def test_a_buffer_without_room(buffer):
    with pytest.raises(ValueError, match=f"room for an example; got {buffer}"):
        MAKE(size=100, buffer=buffer)


def test_a_schedule_goes_on_from_one_few_to_the_next_and_from_epoch_to_epoch():
    batcher = MAKE(size=count(2), buffer=8, tolerance=0.0)
    random.seed(0)
    sizes = [[n_words(batch) for batch in batcher([example(1)] * 24)] for _ in range(2)]
    assert sum(sizes[0]) == sum(sizes[1]) == 24
    assert max(sizes[0]) < max(sizes[1]) == 8


def test_batches_of_documents_and_sentences_are_hardly_padded(tmp_path):
    convert(read_folder(ROOT / "assets" / "sample"), tmp_path / "corpus", NLP, source="sample")
    augmenter = spacy.registry.augmenters.get("spacy-seqtag.AddSentences.v1")()
    examples = list(Corpus(tmp_path / "corpus" / "train.spacy", augmenter=augmenter)(NLP))

    def padded_words(batches):
        return sum(len(batch) * max(map(len, batch)) for batch in batches)

    random.seed(0)
    random.shuffle(examples)
    n_all = n_words(examples)
    by_length = padded_words(MAKE(size=compounding(200, 300, 1.01))(examples))
    by_words = padded_words(minibatch_by_words(examples, size=compounding(200, 300, 1.01)))
    assert n_all <= by_length < 1.3 * n_all
    assert by_words > 2 * n_all


def test_batches_of_all_lengths_are_mixed():
    examples = [example(length) for length in range(1, 31)] * 8
    random.seed(0)
    order = [max(map(len, batch)) for batch in MAKE(size=60)(examples)]
    assert sorted(order) not in (order, order[::-1])
