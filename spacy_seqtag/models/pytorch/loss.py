"""The loss of independent token classification."""

from torch import Tensor
from torch.nn import functional

IGNORE = -100
"""Class of the tokens that the loss leaves out: padding and missing annotation."""


def token_cross_entropy(scores: Tensor, classes: Tensor, *, ignore_index: int = IGNORE) -> Tensor:
    """Mean cross-entropy over the tokens that have a class.

    The mean makes a step's scale independent of how many tokens a batch holds or leaves out.

    Args:
        scores: Unnormalised scores. *Shape:* ``(tokens, classes)``.
        classes: Gold classes. *Shape:* ``(tokens,)``, integers.
        ignore_index: Class that does not count.

    Returns:
        The loss in nats a token, a scalar; zero (with zero gradient) where no token has a class.
    """
    n_counted = (classes != ignore_index).sum().clamp(min=1)
    return functional.cross_entropy(scores, classes, ignore_index=ignore_index, reduction="sum") / n_counted
