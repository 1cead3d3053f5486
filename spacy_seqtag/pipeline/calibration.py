"""Probabilities that mean what they say: of the annotations that are 90% sure, nine of ten are right."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from spacy.training import Example

from ..models.pytorch import IGNORE
from .token_classifier import TokenClassifier

N_BINS = 15
BATCH_SIZE = 256
"""Documents that are scored at once."""
LOG_TEMPERATURES = (-3.0, 3.0)
"""Where the best temperature is looked for."""
N_STEPS = 25

Numbers = NDArray[np.float64]


class Calibration(NamedTuple):
    """What :func:`calibrate` did to a component."""

    temperature: float
    annotations: int
    """How many predicted annotations it rests on."""
    accuracy: float
    """The share of them that are right."""
    confidence_before: float
    """Their mean probability."""
    confidence: float
    error_before: float
    """Expected calibration error with temperature one."""
    error: float


def calibrate(component: TokenClassifier, examples: Sequence[Example]) -> Calibration:
    """Set the temperature of a component (Guo et al. 2017, "On Calibration of Modern Neural Networks") so that the
    probabilities of the annotations that it predicts have the least log loss, given which of them are right. It changes
    no annotation.

    Args:
        component: The component, whose temperature is set.
        examples: Annotated documents that it was not trained on; the predicted ones have passed through the components
            before it.

    Raises:
        ValueError: If nothing of what it predicts has gold annotation.
    """
    batches, right, open_ = [], [], []
    for start in range(0, len(examples), BATCH_SIZE):
        batch = examples[start : start + BATCH_SIZE]
        docs = [example.predicted for example in batch]
        if not any(map(len, docs)):
            continue
        present = component.present(docs)
        chains = component.chains(docs, present)
        classes = chains.decode()
        gold = np.concatenate([component.gold_classes(example) for example in batch])[present.is_word]
        starts, ends = component.segments(classes)
        n_wrong, n_open = (np.append(0, np.cumsum(x)) for x in (classes != gold, gold == IGNORE))
        goes_on = np.append(np.isin(gold, np.flatnonzero(~component.followers)), False)
        right.append((n_wrong[ends] == n_wrong[starts]) & ~goes_on[ends])
        # A word with one class that is possible is of an entity that the document had.
        is_fixed = np.isfinite(chains.scores[starts]).sum(axis=1) == 1
        open_.append((n_open[ends] > n_open[starts]) | is_fixed)
        batches.append((chains, classes))
    is_known = ~np.concatenate([np.zeros(0, dtype="bool"), *open_])
    if not is_known.any():
        raise ValueError(
            f"'{component.name}' predicts nothing on these documents that has gold {component.annotation} annotation"
        )
    is_right = np.concatenate(right)[is_known].astype("float64")

    def confidences(log_temperature: float) -> Numbers:
        component.cfg["temperature"] = float(np.exp(log_temperature))
        every = [component.confidences(chains, classes) for chains, classes in batches]
        known: Numbers = np.concatenate(every)[is_known]
        return known

    def log_loss(log_temperature: float) -> float:
        p = np.clip(confidences(log_temperature), 1e-12, 1 - 1e-12)
        return -float(np.mean(np.where(is_right > 0, np.log(p), np.log1p(-p))))

    before = confidences(0.0)
    after = confidences(golden_section(log_loss, *LOG_TEMPERATURES))
    return Calibration(
        temperature=component.cfg["temperature"],
        annotations=len(is_right),
        accuracy=float(is_right.mean()),
        confidence_before=float(before.mean()),
        confidence=float(after.mean()),
        error_before=expected_calibration_error(before, is_right),
        error=expected_calibration_error(after, is_right),
    )


def expected_calibration_error(confidences: Numbers, is_right: Numbers) -> float:
    """How far probabilities are from the share of what is right, on average over bins of equal width (Naeini et al.
    2015, "Obtaining Well Calibrated Probabilities Using Bayesian Binning").

    Args:
        confidences: Probabilities. *Shape:* ``(annotations,)``.
        is_right: One for what is right, zero for the rest. *Shape:* ``(annotations,)``.
    """
    bins = np.minimum((confidences * N_BINS).astype("int64"), N_BINS - 1)
    excess = np.bincount(bins, weights=confidences - is_right, minlength=N_BINS)
    return float(np.abs(excess).sum() / len(confidences))


def golden_section(f: Callable[[float], float], low: float, high: float) -> float:
    """Where a function with one minimum between two numbers has it (Kiefer 1953)."""
    ratio = (5**0.5 - 1) / 2
    left, right = high - ratio * (high - low), low + ratio * (high - low)
    at_left, at_right = f(left), f(right)
    for _ in range(N_STEPS):
        if at_left < at_right:
            high, right, at_right = right, left, at_left
            left = high - ratio * (high - low)
            at_left = f(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + ratio * (high - low)
            at_right = f(right)
    return (low + high) / 2
