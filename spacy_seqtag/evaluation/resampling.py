"""How sure one can be of a score, and of the difference between two.

What is resampled are documents, since the sentences of one are not independent: a name that is missed in the first
sentence is missed in the fifth.
"""

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
"""True positives, false positives and false negatives of each document. *Shape:* ``(documents, 3)``"""

LEVEL = 0.95
N_RESAMPLES = 1000
N_SHUFFLES = 10_000


def precision_recall_f(counts: Counts) -> NDArray[np.float64]:
    """Precision, recall and F1, in spaCy's arithmetic (``spacy.scorer.PRFScore``).

    Args:
        counts: True positives, false positives and false negatives. *Shape:* ``(..., 3)``

    Returns:
        *Shape:* ``(..., 3)``
    """
    tp, fp, fn = np.moveaxis(counts, -1, 0)
    p = tp / (tp + fp + 1e-100)
    r = tp / (tp + fn + 1e-100)
    return np.stack([p, r, 2 * ((p * r) / (p + r + 1e-100))], axis=-1)


def confidence_intervals(
    counts: Counts, *, level: float = LEVEL, n_resamples: int = N_RESAMPLES, seed: int = 0
) -> NDArray[np.float64]:
    """Confidence intervals of precision, recall and F1: the percentile bootstrap (Efron & Tibshirani 1993, chapter 13).

    Args:
        counts: The counts of each document. *Shape:* ``(documents, 3)``
        level: How often such intervals are to contain the true score.
        n_resamples: How often as many documents are drawn, with replacement. Draws with nothing to score do not count.
        seed: Seed of the draws.

    Returns:
        Lower and upper end. *Shape:* ``(3, 2)``
    """
    rng = np.random.default_rng(seed)
    n = len(counts)
    totals = np.stack([counts[rng.integers(n, size=n)].sum(axis=0) for _ in range(n_resamples)])
    scores = precision_recall_f(totals[totals.sum(axis=1) > 0])
    ends: NDArray[np.float64] = np.quantile(scores, [(1 - level) / 2, (1 + level) / 2], axis=0).T
    return ends


def randomization_test(ours: Counts, theirs: Counts, *, n_shuffles: int = N_SHUFFLES, seed: int = 0) -> float:
    """Whether two systems differ in F1: approximate randomization (Noreen 1989; for F1, Yeh 2000).

    If the systems were the same, it would be chance which of them made which of the two predictions for a document. So
    each document's are exchanged with probability 1/2, and counted is how often the difference in F1 becomes at least
    as large as it is.

    Args:
        ours: The counts of each document of one system. *Shape:* ``(documents, 3)``
        theirs: Those of the other, in the same order.
        n_shuffles: How often.
        seed: Seed of the exchanges.

    Returns:
        The two-sided p-value, at least ``1 / (n_shuffles + 1)``.
    """
    rng = np.random.default_rng(seed)
    change = theirs - ours
    exchanged = np.stack([change[rng.random(len(change)) < 0.5].sum(axis=0) for _ in range(n_shuffles)])
    differences = difference_in_f(ours.sum(axis=0) + exchanged, theirs.sum(axis=0) - exchanged)
    # Equal fractions of different counts may differ in their last bit.
    n_as_large = int((differences >= difference_in_f(ours.sum(axis=0), theirs.sum(axis=0)) - 1e-12).sum())
    return (n_as_large + 1) / (n_shuffles + 1)


def difference_in_f(ours: Counts, theirs: Counts) -> NDArray[np.float64]:
    """The absolute difference in F1. *Shape:* ``(..., 3)`` twice to ``(...)``"""
    difference: NDArray[np.float64] = np.abs(precision_recall_f(ours)[..., 2] - precision_recall_f(theirs)[..., 2])
    return difference
