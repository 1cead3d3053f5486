"""Several heads that decide together."""

from collections.abc import Callable
from typing import Any

from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d

from .batches import by_document
from .types import PooledScores, Scorer, Scores


def build_opinion_pool(*experts: Scorer, weights: list[float]) -> Scorer:
    """A logarithmic opinion pool (Smith et al. 2005, "Logarithmic Opinion Pools for Conditional Random Fields"): the
    probability of a class is the weighted product of those that heads give it, which learn each on its own.

    Args:
        experts: The heads, which score each token on its own.
        weights: The exponent of each one's probabilities.

    Raises:
        ValueError: If there are no heads, or not a positive weight for each.
    """
    if not experts or len(experts) != len(weights) or not all(weight > 0 for weight in weights):
        raise ValueError(
            f"OpinionPool needs heads and in its weights a positive number for each; got {len(experts)} heads and the "
            f"weights {weights}"
        )
    model: Scorer = Model("opinion_pool", forward, init=init, layers=list(experts), attrs={"weights": weights})
    model.set_ref("output_layer", experts[0].get_ref("output_layer"))
    if all("resize_output" in expert.attrs for expert in experts):
        model.attrs["resize_output"] = resize
    return model


def init(model: Scorer, X: list[Doc] | None = None, Y: list[Floats2d] | None = None) -> None:
    for expert in model.layers:
        expert.initialize(X, Y)


def resize(model: Scorer, nO: int) -> Scorer:
    """Add classes to each head after the present ones."""
    for expert in model.layers:
        expert.attrs["resize_output"](expert, nO)
    return model


def forward(model: Scorer, docs: list[Doc], is_train: bool) -> tuple[Scores, Callable[[Any], list[Doc]]]:
    outputs, backprops = zip(*(expert(docs, is_train) for expert in model.layers), strict=True)
    if not all(isinstance(scores, list) for scores in outputs):
        raise ValueError("OpinionPool takes heads that score each token on its own: Linear.v1 in place of CRF.v1")

    def backprop(d_scores: PooledScores) -> list[Doc]:
        for backprop_expert, d_expert in zip(backprops, d_scores.experts, strict=True):
            backprop_expert(d_expert)
        return docs

    if is_train:
        return PooledScores(list(outputs)), backprop
    pooled: Any = sum(
        weight * model.ops.flatten(scores) for weight, scores in zip(model.attrs["weights"], outputs, strict=True)
    )
    return by_document(pooled, map(len, docs)), backprop
