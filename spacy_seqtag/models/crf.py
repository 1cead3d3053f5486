"""Linear-chain conditional random fields (Lafferty, McCallum and Pereira 2001, "Conditional Random Fields:
Probabilistic Models for Segmenting and Labeling Sequence Data"): the layer and its probabilities.

The probabilities are computed in NumPy, also where the network runs on a GPU: a call on the small arrays of a step
costs a fraction of a call to PyTorch or of the launch of a kernel.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from thinc.api import Model
from thinc.types import Floats2d

from .batches import ranges
from .types import ChainScores, Transitions

CRF = Model[list[Floats2d], ChainScores]


def crf() -> CRF:
    """Add transition scores to the scores of tokens (Lample et al. 2016, "Neural Architectures for Named Entity
    Recognition"); :func:`reset` says for how many classes."""
    return Model("crf", forward, dims={"nO": None}, params=dict.fromkeys(Transitions._fields))


def reset(model: CRF, nO: int) -> None:
    """Set the number of classes and all scores to zero."""
    set_scores(model, Transitions(np.zeros((0, 0)), np.zeros(0), np.zeros(0)), nO)


def resized(model: CRF, nO: int) -> CRF:
    """A layer with further classes after the present ones, whose scores it has."""
    larger = crf()
    set_scores(larger, Transitions(*(model.get_param(name) for name in Transitions._fields)), nO)
    return larger


def set_scores(model: CRF, learnt: Transitions, nO: int) -> None:
    """Set the width, and the transition scores to those learnt, zero for further classes."""
    for name in Transitions._fields:
        model.set_param(name, None)  # without which Thinc takes no other width
    model.set_dim("nO", nO, force=True)
    for name, kept in learnt._asdict().items():
        scores = model.ops.alloc((nO, nO) if name == "between" else (nO,))
        scores[tuple(map(slice, kept.shape))] = kept
        model.set_param(name, scores)
        model.set_grad(name, model.ops.alloc(scores.shape))


def forward(model: CRF, scores: list[Floats2d], is_train: bool) -> tuple[ChainScores, Callable[..., list[Floats2d]]]:
    transitions = Transitions(*(model.get_param(name) for name in Transitions._fields))

    def backprop(d_scores: ChainScores) -> list[Floats2d]:
        for name, gradient in d_scores.transitions._asdict().items():
            model.inc_grad(name, gradient)
        return d_scores.tokens

    return ChainScores(scores, transitions), backprop


class Expectations(NamedTuple):
    """What :func:`forward_backward` finds."""

    log_partition: Any
    """Logarithm of the sum over all paths of the exponential of their scores; ``-inf`` where no path is possible.
    *Shape:* ``(sequences,)``."""
    tokens: Any
    """Probability of each class at each token. *Shape:* ``(tokens, classes)``."""
    transitions: Transitions
    """Expected number of uses of each transition, summed over the sequences."""
    log_forwards: Any
    """Logarithm of the sum over the paths from the start to each token with each class, that token included. *Shape:*
    ``(tokens, classes)``."""
    log_onwards: Any
    """The same of the paths from each token with each class to the end, that token included."""


class TimeMajor(NamedTuple):
    """The tokens of sequences by their step, at each step the longest sequences first, so that those that go on are the
    first of a step."""

    tokens: NDArray[np.int64]
    """The index of each token among the sequences laid end to end. *Shape:* ``(tokens,)``."""
    n_active: list[int]
    """How many sequences each step has."""
    sequences: NDArray[np.int64]
    """The indices of the sequences that have tokens, the longest first."""


def time_major(lengths: Sequence[int]) -> TimeMajor:
    """Put the tokens of sequences by their step.

    Args:
        lengths: Number of tokens of each sequence.
    """
    counts = np.asarray(lengths, dtype="int64")
    by_length = np.argsort(-counts, kind="stable")
    rank = np.empty_like(counts)
    rank[by_length] = np.arange(len(counts))
    step = ranges(np.zeros_like(counts), counts)
    tokens = np.lexsort((np.repeat(rank, counts), step))
    return TimeMajor(tokens, np.bincount(step).tolist(), by_length[: np.count_nonzero(counts)])


def forward_backward(
    scores: Any, lengths: Sequence[int], transitions: Transitions, *, weights: Sequence[float] | None = None
) -> Expectations:
    """Probabilities under a linear-chain CRF, by the forward-backward algorithm (Rabiner 1989, "A Tutorial on Hidden
    Markov Models and Selected Applications in Speech Recognition") in log space, for a batch of sequences at once.

    Args:
        scores: Scores of the tokens, the sequences end to end; ``-inf`` where a class is impossible.
            *Shape:* ``(tokens, classes)``.
        lengths: Number of tokens of each sequence; at least one has a token.
        transitions: Their scores, ``-inf`` where one is not allowed.
        weights: Weight of each sequence in the expected transitions, if not one.
    """
    order, n_active, by_length = time_major(lengths)
    starts = np.cumsum([0, *n_active]).tolist()
    steps = [slice(start, end) for start, end in pairwise(starts)]
    n_next = [*n_active[1:], 0]
    scores = scores[order].astype("float64")
    between, start, end = (t.astype("float64") for t in transitions)
    # Of each token: the sum over the paths to it, and over those from it, itself included.
    forwards, onwards = np.empty_like(scores), np.empty_like(scores)
    forwards[steps[0]] = scores[steps[0]] + start
    for before, step in pairwise(steps):
        states = forwards[before][: step.stop - step.start]
        forwards[step] = scores[step] + log_sum(states[:, :, None] + between, axis=1)
    log_partition = np.zeros(n_active[0])
    for step, going_on in zip(steps, n_next, strict=True):
        log_partition[going_on : step.stop - step.start] = log_sum(forwards[step][going_on:] + end, axis=1)
    # The paths of a sequence that has none are divided by one, which leaves them none.
    divisors = np.where(np.isinf(log_partition), 0.0, log_partition)
    weight = np.ones(n_active[0]) if weights is None else np.asarray(weights, dtype="float64")[by_length]
    expected_between = np.zeros_like(between)
    marginals = np.empty_like(scores)
    for i in range(len(steps) - 1, -1, -1):
        step, going_on = steps[i], n_next[i]
        backwards = np.empty_like(scores[step])
        backwards[going_on:] = end
        if going_on:
            pairs = between + onwards[steps[i + 1]][:, None, :]
            backwards[:going_on] = log_sum(pairs, axis=2)
            pairs += forwards[step][:going_on, :, None] - divisors[:going_on, None, None]
            expected_between += np.tensordot(weight[:going_on], np.exp(pairs), axes=1)
        onwards[step] = scores[step] + backwards
        marginals[step] = np.exp(forwards[step] + backwards - divisors[: len(backwards), None])
    expected_end = sum(
        weight[m : step.stop - step.start] @ marginals[step][m:] for step, m in zip(steps, n_next, strict=True)
    )
    expected = Transitions(expected_between, weight @ marginals[steps[0]], expected_end)
    partitions, unordered = np.zeros(len(lengths)), np.empty_like(order)
    partitions[by_length], unordered[order] = log_partition, np.arange(len(order))
    return Expectations(partitions, marginals[unordered], expected, forwards[unordered], onwards[unordered])


def segment_probabilities(
    scores: Any,
    lengths: Sequence[int],
    transitions: Transitions,
    *,
    classes: NDArray[np.int64],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    followers: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Probabilities of segments under a linear-chain CRF: that the tokens of one have just their classes, and the token
    after it a class that may follow (Culotta and McCallum 2004, "Confidence Estimation for Information Extraction").

    Args:
        scores: Scores of the tokens, the sequences end to end. *Shape:* ``(tokens, classes)``.
        lengths: Number of tokens of each sequence.
        transitions: Their scores, ``-inf`` where one is not allowed.
        classes: The classes of the tokens. *Shape:* ``(tokens,)``.
        starts: First token of each segment. *Shape:* ``(segments,)``.
        ends: Token after the last of each segment, which is of the same sequence. *Shape:* ``(segments,)``.
        followers: Which classes may come after a segment. *Shape:* ``(classes,)``.

    Returns:
        *Shape:* ``(segments,)``.
    """
    if not len(starts):
        return np.zeros(0)
    between = transitions.between.astype("float64")
    if any(t.any() for t in transitions):
        every = forward_backward(scores, lengths, transitions)
        firsts = every.log_forwards - np.repeat(every.log_partition, lengths)[:, None]
        steps, onwards = scores, every.log_onwards
    else:  # without transition scores the tokens are independent
        steps = scores.astype("float64")
        firsts = steps = onwards = steps - log_sum(steps, axis=1)[:, None]
    log_p = firsts[starts, classes[starts]]
    n_inner = ends - starts - 1
    inner = ranges(starts + 1, n_inner)
    through = between[classes[inner - 1], classes[inner]] + steps[inner, classes[inner]]
    np.add.at(log_p, np.repeat(np.arange(len(starts)), n_inner), through)
    at_end, last = np.isin(ends, np.cumsum(lengths)), classes[ends - 1]
    log_p[at_end] += transitions.end[last[at_end]]
    following = between[last[~at_end]] + onwards[ends[~at_end]]
    log_p[~at_end] += log_sum(np.where(followers, following, -np.inf), axis=1)
    p: NDArray[np.float64] = np.exp(np.minimum(log_p, 0.0))
    return p


def log_sum(x: Any, *, axis: int) -> Any:
    """Logarithm of the sum of the exponentials along an axis."""
    highest = x.max(axis=axis, keepdims=True)
    highest = np.where(np.isinf(highest), 0.0, highest)
    with np.errstate(divide="ignore"):
        return np.log(np.exp(x - highest).sum(axis=axis)) + highest.squeeze(axis)


def negative_log_likelihood(
    scores: Any, lengths: Sequence[int], transitions: Transitions, allowed: Any
) -> tuple[float, Any, Transitions]:
    """Negative logarithm of the probability that a linear-chain CRF gives to the annotation. Where that leaves classes
    open, the paths that agree with it are summed over (Tsuboi et al. 2008, "Training Conditional Random Fields Using
    Incomplete Annotations").

    Args:
        scores: Scores of the tokens, the sequences end to end. *Shape:* ``(tokens, classes)``.
        lengths: Number of tokens of each sequence.
        transitions: Their scores, ``-inf`` where one is not allowed.
        allowed: Whether the annotation leaves a token a class. *Shape:* ``(tokens, classes)``.

    Returns:
        The sum over the sequences in nats, and its gradients by the scores and by the transitions. A sequence with
        whose annotation no path agrees counts as not annotated.
    """
    n_tokens, n_sequences = len(scores), len(lengths)
    if not n_tokens:
        return 0.0, np.zeros(scores.shape), Transitions(*map(np.zeros_like, transitions))
    # The sums over all paths and over those that agree with the annotation in one pass, whose steps cost the most.
    both = forward_backward(
        np.concatenate([scores, np.where(allowed, scores, -np.inf)]),
        [*lengths, *lengths],
        transitions,
        weights=[1.0] * n_sequences + [-1.0] * n_sequences,
    )
    every, gold = both.log_partition[:n_sequences], both.log_partition[n_sequences:]
    impossible = np.isneginf(gold) & np.isfinite(every)
    if impossible.any():
        is_open = np.repeat(impossible, lengths)[:, None]
        return negative_log_likelihood(scores, lengths, transitions, allowed | is_open)
    return float((every - gold).sum()), both.tokens[:n_tokens] - both.tokens[n_tokens:], both.transitions
