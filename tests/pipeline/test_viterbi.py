"""Decoding against a search through all sequences."""

from itertools import product

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from spacy_seqtag.pipeline.viterbi import viterbi

# Whole numbers add up exactly, in any order.
SCORE = st.integers(-9, 9)
TRANSITION = st.one_of(SCORE, st.just(-np.inf))


@st.composite
def problems(draw):
    n_classes = draw(st.integers(1, 4))
    lengths = draw(st.lists(st.integers(0, 5), max_size=4))
    scores = [draw(arrays("float32", (length, n_classes), elements=SCORE)) for length in lengths]
    transitions = draw(arrays("float32", (n_classes, n_classes), elements=TRANSITION))
    return scores, transitions, draw(arrays("float32", n_classes, elements=TRANSITION))


def total(path, scores, transitions, start):
    return sum(scores[step, c] + (transitions[path[step - 1], c] if step else start[c]) for step, c in enumerate(path))


@given(problems())
def test_no_sequence_scores_higher(problem):
    sequences, transitions, start = problem
    paths = viterbi(sequences, transitions, start)
    assert [path.shape for path in paths] == [(len(scores),) for scores in sequences]
    for path, scores in zip(paths, sequences, strict=True):
        candidates = product(range(len(start)), repeat=len(scores))
        best = max(total(candidate, scores, transitions, start) for candidate in candidates)
        assert total(path, scores, transitions, start) == best


@given(problems())
def test_a_batch_is_decoded_as_its_sequences_one_by_one(problem):
    sequences, transitions, start = problem
    for path, scores in zip(viterbi(sequences, transitions, start), sequences, strict=True):
        np.testing.assert_array_equal(path, viterbi([scores], transitions, start)[0])


def test_scores_are_not_modified():
    scores, transitions, start = np.ones((3, 2), "float32"), np.ones((2, 2), "float32"), np.ones(2, "float32")
    viterbi([scores, scores[:1]], transitions, start)
    assert all((array == 1).all() for array in (scores, transitions, start))
