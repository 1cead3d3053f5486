"""The probabilities of linear-chain CRFs against sums over all paths."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from spacy_seqtag.models.crf import crf, forward_backward, negative_log_likelihood, reset
from spacy_seqtag.models.types import ChainScores, Transitions

NUMBER = st.floats(-4, 4, width=32)
SCORE = st.one_of(NUMBER, st.just(-np.inf))
TOLERANCE = {"rtol": 1e-5, "atol": 1e-7}


def enumerated(scores, transitions, allowed=None):
    """The log partition and the expectations of one sequence, from its paths."""
    n_classes = scores.shape[1]
    paths = np.asarray([*product(range(n_classes), repeat=len(scores))], dtype="int64")
    steps = np.arange(len(scores))
    totals = np.zeros(len(paths))
    if len(scores):
        scores = scores.astype("float64")
        if allowed is not None:
            scores = np.where(allowed, scores, -np.inf)
        totals += scores[steps, paths].sum(axis=1)
        totals += transitions.start.astype("float64")[paths[:, 0]] + transitions.end.astype("float64")[paths[:, -1]]
        totals += transitions.between.astype("float64")[paths[:, :-1], paths[:, 1:]].sum(axis=1)
    log_partition = np.logaddexp.reduce(totals)
    p = np.exp(totals - log_partition) if log_partition > -np.inf else np.zeros(len(paths))
    tokens = np.zeros(scores.shape)
    expected = Transitions(np.zeros((n_classes, n_classes)), np.zeros(n_classes), np.zeros(n_classes))
    for t in range(len(scores)):
        np.add.at(tokens[t], paths[:, t], p)
        if t:
            np.add.at(expected.between, (paths[:, t - 1], paths[:, t]), p)
    if len(scores):
        np.add.at(expected.start, paths[:, 0], p)
        np.add.at(expected.end, paths[:, -1], p)
    return log_partition, tokens, expected


def split(x, lengths):
    return np.split(x, np.cumsum(lengths)[:-1])


def add(many):
    return Transitions(*(sum(arrays) for arrays in zip(*many, strict=True)))


def assert_close(found, expected, **tolerance):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, **(tolerance or TOLERANCE))


@st.composite
def problems(draw, element=SCORE):
    n_classes = draw(st.integers(1, 3))
    lengths = draw(st.lists(st.integers(0, 4), min_size=1, max_size=4).filter(any))
    shapes = ((n_classes, n_classes), n_classes, n_classes)
    transitions = Transitions(*(draw(arrays("float32", shape, elements=element)) for shape in shapes))
    return draw(arrays("float32", (sum(lengths), n_classes), elements=element)), lengths, transitions


@st.composite
def annotated_problems(draw):
    """Problems in which there are always the paths of class 0 alone, and classes that the annotation leaves."""
    scores, lengths, transitions = draw(problems())
    for array, at in ((scores, np.s_[:, 0]), (transitions.between, (0, 0)), *((t, 0) for t in transitions[1:])):
        array[at] = np.nan_to_num(array[at], neginf=1)
    open_ = draw(arrays("bool", len(scores)))
    gold = draw(arrays("int64", len(scores), elements=st.integers(0, scores.shape[1] - 1)))
    allowed = open_[:, None] | (gold[:, None] == np.arange(scores.shape[1]))
    return scores, lengths, transitions, allowed


@given(problems())
def test_expectations_are_those_of_all_paths(problem):
    scores, lengths, transitions = problem
    found = forward_backward(scores, lengths, transitions)
    expected = [enumerated(s, transitions) for s in split(scores, lengths)]
    np.testing.assert_allclose(found.log_partition, [log_partition for log_partition, _, _ in expected], **TOLERANCE)
    np.testing.assert_allclose(found.tokens, np.concatenate([tokens for _, tokens, _ in expected]), **TOLERANCE)
    assert_close(found.transitions, add(counts for _, _, counts in expected))


@given(annotated_problems())
def test_likelihood_is_the_share_of_the_paths_that_agree_with_the_annotation(problem):
    scores, lengths, transitions, allowed = problem
    loss, d_scores, d_transitions = negative_log_likelihood(scores, lengths, transitions, allowed)
    expected_loss, tokens, counts = 0.0, [], []
    for s, a in zip(split(scores, lengths), split(allowed, lengths), strict=True):
        every, gold = enumerated(s, transitions), enumerated(s, transitions, a)
        if gold[0] == -np.inf:  # No path agrees: as if not annotated.
            gold = every
        expected_loss += every[0] - gold[0]
        tokens.append(every[1] - gold[1])
        counts.append(Transitions(*(one - other for one, other in zip(every[2], gold[2], strict=True))))
    assert loss == pytest.approx(expected_loss, rel=1e-5, abs=1e-6)
    np.testing.assert_allclose(d_scores, np.concatenate(tokens), **TOLERANCE)
    assert_close(d_transitions, add(counts))


def draw_problem(seed, lengths, n_classes, scale=2.0):
    rng = np.random.default_rng(seed)
    transitions = Transitions(*(rng.normal(size=s) * scale for s in ((n_classes, n_classes), n_classes, n_classes)))
    scores = rng.normal(size=(sum(lengths), n_classes)) * scale
    gold = rng.integers(n_classes, size=len(scores))
    return scores, lengths, transitions, gold[:, None] == np.arange(n_classes)


ANNOTATION = {
    "full": lambda allowed: allowed,
    "partial": lambda allowed: allowed | (np.arange(len(allowed)) % 3 == 1)[:, None],
    "one of two": lambda allowed: allowed | np.roll(allowed, 1, axis=1),
}


@pytest.mark.parametrize("annotation", ANNOTATION)
def test_gradients_are_the_slopes_of_the_loss(annotation):
    scores, lengths, transitions, allowed = draw_problem(1, [4, 0, 1, 6], 3)
    allowed = ANNOTATION[annotation](allowed)
    _, d_scores, d_transitions = negative_log_likelihood(scores, lengths, transitions, allowed)
    for array, gradient in ((scores, d_scores), *zip(transitions, d_transitions, strict=True)):
        for index in np.ndindex(array.shape):
            slope = 0.0
            for sign in (1, -1):
                array[index] += sign * 1e-4
                slope += sign * negative_log_likelihood(scores, lengths, transitions, allowed)[0] / 2e-4
                array[index] -= sign * 1e-4
            assert gradient[index] == pytest.approx(slope, abs=1e-6)


def test_nothing_is_learnt_where_nothing_is_annotated():
    scores, lengths, transitions, allowed = draw_problem(2, [3, 5], 4)
    loss, d_scores, d_transitions = negative_log_likelihood(scores, lengths, transitions, np.ones_like(allowed))
    assert loss == 0
    assert not d_scores.any()
    assert not any(d.any() for d in d_transitions)
    allowed[:3] = True
    _, d_scores, d_transitions = negative_log_likelihood(scores, lengths, transitions, allowed)
    assert not d_scores[:3].any()
    assert_close(d_transitions, negative_log_likelihood(scores[3:], lengths[1:], transitions, allowed[3:])[2])


def test_an_annotation_that_is_not_allowed_counts_as_none():
    scores, lengths, transitions, allowed = draw_problem(3, [3, 4], 3)
    gold = allowed[:3].argmax(axis=1)
    transitions.between[gold[0], gold[1]] = -np.inf
    allowed[3:] |= allowed[3:, [0]]
    expected = negative_log_likelihood(scores[3:], lengths[1:], transitions, allowed[3:])
    loss, d_scores, d_transitions = negative_log_likelihood(scores, lengths, transitions, allowed)
    assert expected[0] > 0
    assert loss == pytest.approx(expected[0])
    assert not d_scores[:3].any()
    np.testing.assert_allclose(d_scores[3:], expected[1], **TOLERANCE)
    assert_close(d_transitions, expected[2])


@pytest.mark.parametrize("gap", [30, 120, 800, 10_000])
def test_an_annotation_is_learnt_from_however_unlikely_it_is(gap):
    scores = np.zeros((2, 2), "float32")
    between = np.asarray([[0, -gap], [0, 0]], "float32")
    transitions = Transitions(between, np.zeros(2, "float32"), np.zeros(2, "float32"))
    loss, d_scores, d_transitions = negative_log_likelihood(scores, [2], transitions, np.eye(2, dtype="bool"))
    assert loss == pytest.approx(gap + np.log(3))  # All paths but the annotated one have the same score.
    np.testing.assert_allclose(d_scores, [[1 / 3 - 1, 2 / 3], [2 / 3, 1 / 3 - 1]], atol=1e-6)
    np.testing.assert_allclose(d_transitions.between, [[1 / 3, -1], [1 / 3, 1 / 3]], atol=1e-6)


@pytest.mark.parametrize("lengths", [[3, 7, 1, 7, 0, 2], [0, 0, 5], [1, 1, 1], [1, 2, 3, 4], [4, 3, 2, 1]])
def test_a_batch_is_the_sum_of_its_sequences(lengths):
    scores, lengths, transitions, allowed = draw_problem(4, lengths, 5)
    allowed = ANNOTATION["partial"](allowed)
    loss, d_scores, d_transitions = negative_log_likelihood(scores, lengths, transitions, allowed)
    ones = [
        negative_log_likelihood(s, [len(s)], transitions, a)
        for s, a in zip(split(scores, lengths), split(allowed, lengths), strict=True)
        if len(s)
    ]
    assert loss == pytest.approx(sum(one for one, _, _ in ones))
    np.testing.assert_allclose(d_scores, np.concatenate([one for _, one, _ in ones]), **TOLERANCE)
    assert_close(d_transitions, add(one for _, _, one in ones))


def test_arguments_are_not_modified():
    problem = draw_problem(5, [3, 2], 3)
    before = [problem[0].copy(), *(t.copy() for t in problem[2]), problem[3].copy()]
    negative_log_likelihood(*problem)
    for array, expected in zip((problem[0], *problem[2], problem[3]), before, strict=True):
        np.testing.assert_array_equal(array, expected)


def log_space(scores, transitions):
    """The log partition of one sequence in log space, and by automatic differentiation its expectations."""
    leaves = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in (scores, *transitions)]
    tokens, between, start, end = leaves
    state = start + tokens[0]
    for token in tokens[1:]:
        state = torch.logsumexp(state[:, None] + between, dim=0) + token
    log_partition = torch.logsumexp(state + end, dim=0)
    return log_partition.item(), *(g.numpy() for g in torch.autograd.grad(log_partition, leaves))


def test_a_long_sequence():
    n = 20_000
    scores, _, transitions, _ = draw_problem(6, [n], 3)
    transitions.between[0, 1] = transitions.start[2] = -np.inf
    found = forward_backward(scores, [n], transitions)
    log_partition, tokens, *counts = log_space(scores, transitions)
    assert found.log_partition == pytest.approx([log_partition], rel=1e-9)
    np.testing.assert_allclose(found.tokens, tokens, atol=1e-9)
    np.testing.assert_allclose(found.tokens.sum(axis=1), 1, atol=1e-9)
    assert_close(found.transitions, counts, rtol=1e-6, atol=1e-6)


def extreme(case):
    """Problems with scores of up to some 10,000."""
    scores, lengths, transitions, allowed = draw_problem(7, [4, 3, 1], 3, scale=1.0)
    if "tokens" in case:
        scores *= 1e4
    if "transitions" in case:
        transitions = Transitions(*(t * 1e4 for t in transitions))
    if "all" in case:
        scores += 1e4 if "high" in case else -1e4
        transitions = Transitions(*(t + (1e4 if "high" in case else -1e4) for t in transitions))
    if "not allowed" in case:
        # At the first token the best classes are those that it may not be.
        transitions.start[:2] = transitions.between[1, 0] = -np.inf
        scores[:, :2] += 1e4
        allowed[np.cumsum(lengths) - lengths] = True
    return scores, lengths, transitions, ANNOTATION["partial"](allowed)


CASES = ["tokens", "transitions", "tokens and transitions", "all high", "all low", "what is not allowed"]


@pytest.mark.parametrize("case", CASES)
def test_extreme_scores(case):
    scores, lengths, transitions, allowed = extreme(case)
    found = forward_backward(scores, lengths, transitions)
    expected = [enumerated(s, transitions) for s in split(scores, lengths)]
    np.testing.assert_allclose(found.log_partition, [log_partition for log_partition, _, _ in expected], rtol=1e-9)
    np.testing.assert_allclose(found.tokens, np.concatenate([tokens for _, tokens, _ in expected]), atol=1e-9)
    assert_close(found.transitions, add(counts for _, _, counts in expected), rtol=1e-6, atol=1e-9)
    loss, d_scores, _ = negative_log_likelihood(scores, lengths, transitions, allowed)
    expected_loss = 0.0
    for (every, *_), s, a in zip(expected, split(scores, lengths), split(allowed, lengths), strict=True):
        expected_loss += every - enumerated(s, transitions, a)[0]
    assert loss == pytest.approx(expected_loss)
    assert np.isfinite(d_scores).all()


def test_the_layer_hands_back_the_gradients_of_its_scores():
    model = crf()
    reset(model, 3)
    transitions = Transitions(*(model.get_param(name) for name in Transitions._fields))
    assert [t.shape for t in transitions] == [(3, 3), (3,), (3,)]
    assert not any(t.any() for t in transitions)
    X = [np.ones((2, 3), "float32"), np.zeros((0, 3), "float32")]
    scores, backprop = model.begin_update(X)
    gradient = ChainScores([2 * x for x in X], Transitions(*(t + i for i, t in enumerate(transitions, 1))))
    for times in (1, 2):  # As of two batches before a step.
        for found, expected in zip(backprop(gradient), gradient.tokens, strict=True):
            np.testing.assert_array_equal(found, expected)
        for name, expected in gradient.transitions._asdict().items():
            np.testing.assert_array_equal(model.get_grad(name), times * expected)
    for found, expected in zip(scores.tokens, X, strict=True):
        np.testing.assert_array_equal(found, expected)
    assert_close(scores.transitions, transitions)
