"""Decoding against a search through all sequences."""

from itertools import product

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from spacy_seqtag.models.types import Transitions
from spacy_seqtag.pipeline.viterbi import viterbi

# Whole numbers add up exactly, in any order.
SCORE = st.integers(-9, 9)
TRANSITION = st.one_of(SCORE, st.just(-np.inf))


@st.composite
def problems(draw):
    n_classes = draw(st.integers(1, 4))
    lengths = draw(st.lists(st.integers(0, 5), max_size=4))
    scores = [draw(arrays("float32", (length, n_classes), elements=SCORE)) for length in lengths]
    shapes = ((n_classes, n_classes), n_classes, n_classes)
    return scores, Transitions(*(draw(arrays("float32", shape, elements=TRANSITION)) for shape in shapes))


def total(path, scores, transitions):
    if not len(path):
        return 0.0
    steps = sum(scores[step, c] for step, c in enumerate(path))
    between = sum(transitions.between[path[step - 1], path[step]] for step in range(1, len(path)))
    return transitions.start[path[0]] + steps + between + transitions.end[path[-1]]


def decoded(sequences, transitions):
    """The path of each sequence, decoded as a batch."""
    flat = np.concatenate([np.zeros((0, len(transitions.start)), "float32"), *sequences])
    path = viterbi(flat, [len(scores) for scores in sequences], transitions)
    return np.split(path, np.cumsum([len(scores) for scores in sequences]))[: len(sequences)]


@given(problems())
def test_no_sequence_scores_higher(problem):
    sequences, transitions = problem
    paths = decoded(sequences, transitions)
    assert [path.shape for path in paths] == [(len(scores),) for scores in sequences]
    for path, scores in zip(paths, sequences, strict=True):
        candidates = product(range(len(transitions.start)), repeat=len(scores))
        best = max(total(candidate, scores, transitions) for candidate in candidates)
        assert total(path, scores, transitions) == best


@given(problems())
def test_a_batch_is_decoded_as_its_sequences_one_by_one(problem):
    sequences, transitions = problem
    for path, scores in zip(decoded(sequences, transitions), sequences, strict=True):
        np.testing.assert_array_equal(path, decoded([scores], transitions)[0])


def test_start_and_end_scores_count_once_for_each_sequence():
    between = np.zeros((3, 3), "float32")
    transitions = Transitions(between, np.asarray([1, 0, 0], "float32"), np.asarray([0, 0, 1], "float32"))
    scores = [np.tile(np.asarray([0, 0.75, 0], "float32"), (length, 1)) for length in (3, 2, 1, 0)]
    assert [path.tolist() for path in decoded(scores, transitions)] == [[0, 1, 2], [0, 2], [0], []]


def test_scores_are_not_modified():
    scores = np.ones((3, 2), "float32")
    transitions = Transitions(np.ones((2, 2), "float32"), np.ones(2, "float32"), np.ones(2, "float32"))
    viterbi(scores, [2, 1], transitions)
    assert all((array == 1).all() for array in (scores, *transitions))


def test_a_long_document_is_decoded_exactly():
    rng = np.random.default_rng(0)
    scores = (100 + rng.normal(size=(20_000, 3))).astype("float32")
    between = rng.normal(size=(3, 3)).astype("float32")
    transitions = Transitions(between, np.zeros(3, "float32"), np.zeros(3, "float32"))
    best, came_from = scores[0].astype("float64"), []
    for step in scores[1:]:
        through = best[:, None] + between
        came_from.append(through.argmax(axis=0))
        best = through.max(axis=0) + step
    path = [best.argmax()]
    for before in reversed(came_from):
        path.append(before[path[-1]])
    np.testing.assert_array_equal(viterbi(scores, [len(scores)], transitions), path[::-1])
