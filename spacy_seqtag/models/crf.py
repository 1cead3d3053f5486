"""Linear-chain conditional random fields (Lafferty, McCallum and Pereira 2001, "Conditional Random Fields:
Probabilistic Models for Segmenting and Labeling Sequence Data"): the layer and its probabilities.

The probabilities are computed in NumPy or CuPy, whose calls on the small arrays of a step cost a fraction of PyTorch's.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from thinc.api import Model, get_array_module
from thinc.types import Floats2d

from .types import ChainScores, Transitions

CRF = Model[list[Floats2d], ChainScores]


def crf(nO: int | None = None) -> CRF:
    """Add transition scores to the scores of tokens (Lample et al. 2016, "Neural Architectures for Named Entity
    Recognition").

    Args:
        nO: Number of classes.
    """
    return Model("crf", forward, init=init, dims={"nO": nO}, params=dict.fromkeys(Transitions._fields))


def init(model: CRF, X: Any = None, Y: Any = None) -> None:
    """Set the scores to zero; those that a smaller layer has learnt are kept."""
    nO = model.get_dim("nO")
    for name in Transitions._fields:
        scores = model.ops.alloc((nO, nO) if name == "between" else (nO,))
        if model.has_param(name):
            learnt = model.get_param(name)
            scores[tuple(map(slice, learnt.shape))] = learnt
        model.set_param(name, scores)


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
    """Expected number of uses of each transition, all sequences together."""


def time_major(lengths: Sequence[int]) -> tuple[NDArray[np.int64], list[int]]:
    """The order that puts the tokens of sequences by their step, at each step the longest sequences first, so that
    those that go on are the first of a step.

    Args:
        lengths: Number of tokens of each sequence.

    Returns:
        The index of each token among the sequences laid end to end, of *Shape:* ``(tokens,)``; and how many sequences
        each step has.
    """
    counts = np.asarray(lengths, dtype="int64")
    rank = np.empty_like(counts)
    rank[np.argsort(-counts, kind="stable")] = np.arange(len(counts))
    step = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.lexsort((np.repeat(rank, counts), step)), np.bincount(step).tolist()


def forward_backward(scores: Any, lengths: Sequence[int], transitions: Transitions) -> Expectations:
    """Probabilities under a linear-chain CRF, by the scaled forward-backward algorithm (Rabiner 1989, "A Tutorial on
    Hidden Markov Models and Selected Applications in Speech Recognition", section V.A), for a batch of sequences.

    Args:
        scores: Scores of the tokens, the sequences end to end; ``-inf`` where a class is impossible.
            *Shape:* ``(tokens, classes)``.
        lengths: Number of tokens of each sequence; at least one has a token.
        transitions: Their scores, ``-inf`` where one is not allowed.
    """
    xp = get_array_module(scores)
    order, n_active = time_major(lengths)
    starts = np.cumsum([0, *n_active])
    n_first, n_next = n_active[0], [*n_active[1:], 0]
    scores = scores[order].astype("float64")
    shift = highest(xp, scores, axis=1)
    potentials = xp.exp(scores - shift)
    shifts = [highest(xp, t) for t in transitions]
    between, start, end = (xp.exp(t - s) for t, s in zip(transitions, shifts, strict=True))
    # Of each token: its forward scores made to sum to one, and the sum that they had.
    forwards, sums = xp.empty_like(potentials), xp.empty_like(shift)
    states = start[None]
    for step, active in enumerate(n_active):
        rows = slice(starts[step], starts[step + 1])
        states = (states[:active] @ between if step else states) * potentials[rows]
        sums[rows] = states.sum(axis=1, keepdims=True)
        forwards[rows] = states = states / positive(xp, sums[rows])
    goes_on = xp.asarray(np.arange(len(order)) - np.repeat(starts[:-1], n_active) < np.repeat(n_next, n_active))
    end_sums = (forwards[~goes_on] * end).sum(axis=1, keepdims=True)
    # Of each token: its backward scores, and what they are worth to the token before it.
    backwards, worth = xp.empty_like(potentials), xp.empty_like(potentials)
    backwards[~goes_on] = end / positive(xp, end_sums)
    potentials /= positive(xp, sums)
    for step in range(len(n_active) - 1, -1, -1):
        rows = slice(starts[step], starts[step + 1])
        backwards[rows][: n_next[step]] = worth[rows.stop : rows.stop + n_next[step]] @ between.T
        worth[rows] = potentials[rows] * backwards[rows]
    marginals = xp.empty_like(potentials)
    marginals[order] = forwards * backwards
    with np.errstate(divide="ignore"):
        logs = xp.log(sums) + shift + shifts[0]
        logs[:n_first] += shifts[1] - shifts[0]
        logs[~goes_on] += xp.log(end_sums) + shifts[2]
    sequence = xp.asarray(np.repeat(np.arange(len(lengths)), lengths)[order])
    return Expectations(
        xp.bincount(sequence, weights=logs[:, 0], minlength=len(lengths)),
        marginals,
        Transitions(
            between * (forwards[goes_on].T @ worth[n_first:]),
            start * worth[:n_first].sum(axis=0),
            (forwards * backwards)[~goes_on].sum(axis=0),
        ),
    )


def highest(xp: Any, x: Any, axis: int | None = None) -> Any:
    """The highest values along an axis; zero in place of ``-inf``."""
    values = x.max(axis=axis, keepdims=True) if x.size else x.sum(axis=axis, keepdims=True)
    return xp.where(xp.isinf(values), 0.0, values)


def positive(xp: Any, x: Any) -> Any:
    """One in place of zero, to divide by."""
    return xp.where(x > 0, x, 1.0)


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
    xp = get_array_module(scores)

    def annotated() -> Expectations:
        return forward_backward(xp.where(allowed, scores, -np.inf), lengths, transitions)

    every, gold = forward_backward(scores, lengths, transitions), annotated()
    impossible = np.isneginf(gold.log_partition)
    if impossible.any():
        allowed = allowed | xp.asarray(np.repeat(impossible, lengths))[:, None]
        gold = annotated()
    return (
        float((every.log_partition - gold.log_partition).sum()),
        every.tokens - gold.tokens,
        Transitions(*(a - b for a, b in zip(every.transitions, gold.transitions, strict=True))),
    )
