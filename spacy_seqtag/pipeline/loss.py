"""How far scores are from gold classes, and the gradient of that."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from thinc.api import Ops, xp2torch
from thinc.types import Floats2d

from ..models.batches import by_document
from ..models.crf import negative_log_likelihood
from ..models.pytorch import IGNORE, token_cross_entropy
from ..models.shim import to_floats
from ..models.types import ChainScores, PooledScores, Transitions


def token_loss(ops: Ops, scores: list[Floats2d], gold: NDArray[np.int64]) -> tuple[float, list[Floats2d]]:
    """The loss of a head that looks at each token on its own, and its gradient."""
    flat = xp2torch(ops.flatten(scores), requires_grad=True)
    loss = token_cross_entropy(flat, torch.from_numpy(gold).to(flat.device), ignore_index=IGNORE)
    (gradient,) = torch.autograd.grad(loss, flat)
    return loss.item(), by_document(to_floats(gradient), map(len, scores))


def pool_loss(ops: Ops, scores: PooledScores, gold: NDArray[np.int64]) -> tuple[float, PooledScores]:
    """The losses of heads that learn each on its own, and their gradients."""
    losses, gradients = zip(*(token_loss(ops, expert, gold) for expert in scores.experts), strict=True)
    return sum(losses), PooledScores(list(gradients))


def chain_loss(
    ops: Ops,
    scores: ChainScores,
    constraints: Transitions,
    gold: NDArray[np.int64],
    is_word: NDArray[np.bool_],
    lengths: Sequence[int],
) -> tuple[float, ChainScores]:
    """The loss of a CRF head, which the words of a document are one sequence to, and its gradient."""
    gold = gold[is_word]
    is_known = gold != IGNORE
    n_known = max(1, int(is_known.sum()))
    allowed = ~is_known[:, None] | (gold[:, None] == np.arange(len(constraints.start)))
    transitions = Transitions(*map(ops.to_numpy, scores.transitions)) + constraints
    flat = ops.to_numpy(ops.flatten(scores.tokens))
    d_flat = np.zeros_like(flat)
    loss, d_words, d_transitions = negative_log_likelihood(flat[is_word], lengths, transitions, allowed)
    d_flat[is_word] = d_words / n_known
    return loss / n_known, ChainScores(
        by_document(ops.asarray2f(d_flat), map(len, scores.tokens)),
        Transitions(*(ops.asarray_f(d / n_known) for d in d_transitions)),
    )
