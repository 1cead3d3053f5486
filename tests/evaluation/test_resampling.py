"""Intervals and p-values against the same written out naively."""

import itertools
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.scorer import PRFScore

from spacy_seqtag.evaluation import confidence_intervals, randomization_test
from spacy_seqtag.evaluation.resampling import precision_recall_f

SMALL = st.integers(0, 20)


def corpus(n_documents, accuracy, seed):
    """Counts of documents of different lengths."""
    rng = np.random.default_rng(seed)
    n = rng.integers(1, 60, size=n_documents)
    tp, spared = rng.binomial(n, accuracy), rng.binomial(n, 0.02)
    return np.stack([tp, n - tp + spared, n - tp], axis=1)


def f_of(documents):
    tp, fp, fn = (sum(int(document[i]) for document in documents) for i in range(3))
    return PRFScore(tp=tp, fp=fp, fn=fn).fscore


@given(st.lists(st.tuples(SMALL, SMALL, SMALL), min_size=1, max_size=5))
def test_the_arithmetic_is_spacys(counts):
    expected = [PRFScore(tp=tp, fp=fp, fn=fn).to_dict() for tp, fp, fn in counts]
    assert precision_recall_f(np.array(counts)).tolist() == [[e["p"], e["r"], e["f"]] for e in expected]


def test_intervals_of_a_naive_loop():
    counts = corpus(30, 0.8, seed=1)
    rng = np.random.default_rng(7)
    scores = []
    for _ in range(500):
        drawn = [counts[i] for i in rng.integers(30, size=30)]
        tp, fp, fn = (sum(int(document[k]) for document in drawn) for k in range(3))
        scores.append(list(PRFScore(tp=tp, fp=fp, fn=fn).to_dict().values()))
    intervals = confidence_intervals(counts, level=0.9, n_resamples=500, seed=7)
    for k in range(3):
        column = sorted(score[k] for score in scores)
        lower, upper = intervals[k]
        assert sum(score < lower for score in column) == 25
        assert sum(score > upper for score in column) == 25


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 60), st.floats(0.1, 1))
def test_intervals_contain_the_score(seed, n_documents, accuracy):
    counts = corpus(n_documents, accuracy, seed)
    for (lower, upper), score in zip(confidence_intervals(counts), precision_recall_f(counts.sum(axis=0)), strict=True):
        assert lower <= score <= upper


def test_intervals_are_those_of_the_normal_approximation():
    """Of one token a document, accuracy is a mean of independent draws, whose interval is known."""
    correct = np.random.default_rng(3).random(2000) < 0.9
    counts = np.stack([correct, ~correct, ~correct], axis=1).astype("int64")
    error = 1.96 * np.sqrt(correct.mean() * (1 - correct.mean()) / 2000)
    expected = [correct.mean() - error, correct.mean() + error]
    assert confidence_intervals(counts, n_resamples=4000)[2] == pytest.approx(expected, abs=0.1 * error)


def test_documents_without_anything_to_score():
    counts = np.array([[3, 1, 2], [0, 0, 0]])
    score = precision_recall_f(counts[0])
    assert confidence_intervals(counts) == pytest.approx(np.stack([score, score], axis=1))


def test_the_same_system_twice():
    counts = corpus(50, 0.9, seed=0)
    assert randomization_test(counts, counts) == 1.0


def test_a_clear_difference():
    ours, theirs = corpus(200, 0.9, seed=0), corpus(200, 0.7, seed=0)
    p = randomization_test(ours, theirs)
    assert p == randomization_test(theirs, ours)
    assert p == pytest.approx(1e-4, rel=1e-3)  # as small as can be told by 10,000 shuffles


def test_p_is_that_of_all_exchanges():
    """Of nine documents, all 512 exchanges can be enumerated."""
    for seed in range(4):
        ours, theirs = corpus(9, 0.8, seed), corpus(9, 0.75, seed + 100)
        observed = abs(f_of(ours) - f_of(theirs))
        n_as_large = 0
        for exchange in itertools.product([False, True], repeat=9):
            one = [b if swap else a for a, b, swap in zip(ours, theirs, exchange, strict=True)]
            other = [a if swap else b for a, b, swap in zip(ours, theirs, exchange, strict=True)]
            n_as_large += abs(f_of(one) - f_of(other)) >= observed - 1e-12
        exact = n_as_large / 512
        n = 5000
        assert abs(randomization_test(ours, theirs, n_shuffles=n, seed=seed) - exact) < 4 * np.sqrt(exact / n)


def test_p_is_evenly_spread_without_a_difference():
    """Two systems that make the same errors by chance: one in ten is found different at p = 0.1."""
    generator = random.Random(0)
    found = 0
    for _ in range(200):
        seeds = generator.sample(range(10_000), 2)
        sizes = np.full(40, 25)
        tps = [np.random.default_rng(seed).binomial(sizes, 0.8) for seed in seeds]
        ours, theirs = (np.stack([tp, sizes - tp, sizes - tp], axis=1) for tp in tps)
        found += randomization_test(ours, theirs, n_shuffles=200) <= 0.1
    assert 8 <= found <= 34  # 20 expected, standard deviation 4.2
