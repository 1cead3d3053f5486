"""Decoding against a search through all sequences."""

from contextlib import contextmanager
from itertools import product
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from spacy_seqtag.models.types import Transitions
from spacy_seqtag.pipeline import viterbi as module
from spacy_seqtag.pipeline.viterbi import best_paths, in_pieces, viterbi

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


@contextmanager
def pieces_of(piece, lead):
    with patch.object(module, "PIECE", piece), patch.object(module, "LEAD", lead):
        yield


def in_one_piece(scores, lengths, transitions):
    return best_paths(scores, lengths, *transitions, np.zeros(0, "int64"))[0]


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


@given(problems(), st.sampled_from([(512, 64), (1, 1), (2, 1)]))
def test_no_sequence_scores_higher(problem, sizes):
    sequences, transitions = problem
    with pieces_of(*sizes):
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


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(1, 60), min_size=1, max_size=4), st.floats(0, 4))
def test_pieces_are_sure_of_the_best_sequence_or_say_nothing(seed, lengths, strength):
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(sum(lengths), 3)).astype("float32")
    between = strength * rng.normal(size=(3, 3))
    between[rng.random((3, 3)) < 0.2] = -np.inf
    transitions = Transitions(*(x.astype("float32") for x in (between, rng.normal(size=3), rng.normal(size=3))))
    expected = in_one_piece(scores, lengths, transitions)
    with pieces_of(8, 4):
        path = in_pieces(scores, lengths, transitions)
        np.testing.assert_array_equal(viterbi(scores, lengths, transitions), expected)
    if path is not None:
        np.testing.assert_array_equal(path, expected)


@pytest.mark.parametrize(("stays", "is_cut"), [(0.5, True), (np.inf, False)])
def test_long_sequences_are_decoded_in_pieces_where_their_ends_do_not_matter(stays, is_cut):
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(5_000, 3)).astype("float32")
    between = np.where(np.eye(3), 0, -np.float32(stays))
    transitions = Transitions(between, np.zeros(3, "float32"), np.zeros(3, "float32"))
    path = in_pieces(scores, [len(scores)], transitions)
    assert (path is not None) == is_cut
    expected = in_one_piece(scores, [len(scores)], transitions)
    np.testing.assert_array_equal(viterbi(scores, [len(scores)], transitions), expected)
    if not is_cut:  # all of the sequence has one class
        assert (expected == scores.sum(axis=0).argmax()).all()


@pytest.mark.parametrize("unlikely", [0.0, -1000.0])
def test_pieces_whose_best_paths_nearly_agree_are_not_sure(unlikely):
    scores = np.zeros((1664, 3), "float32")
    for token, score in ((100, -0.9), (540, 0.5), (600, 0.5), (800, -1.9), (1050, 0.5), (1100, 0.5), (1500, -0.9)):
        scores[token, 0] = 1e-6 * score
    scores[:, 2] = unlikely
    between = np.where(np.eye(3), 0, -np.inf).astype("float32")
    transitions = Transitions(between, np.zeros(3, "float32"), np.zeros(3, "float32"))
    assert in_pieces(scores, [len(scores)], transitions) is None
    assert (viterbi(scores, [len(scores)], transitions) == 1).all()
