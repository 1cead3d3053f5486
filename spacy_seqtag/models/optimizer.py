"""Thinc's Adam with PyTorch's fused step on CPU."""

from typing import Any

import numpy as np
import torch
from thinc.api import Optimizer
from torch.optim.adamw import adamw


def build_adam(
    learn_rate: Any = 0.001,
    *,
    L2: Any = 0.0,
    beta1: Any = 0.9,
    beta2: Any = 0.999,
    eps: Any = 1e-8,
    grad_clip: Any = 1.0,
    L2_is_weight_decay: bool = True,
    use_averages: bool = True,
) -> "Adam":
    """Adam (Kingma and Ba 2015), with decoupled weight decay if ``L2_is_weight_decay`` is set (Loshchilov and Hutter
    2019). Settings, defaults and steps are those of Thinc's ``Adam.v1``; on CPU the step of a large model takes about a
    tenth of the time.

    Args:
        learn_rate: Learning rate, a number or a schedule, as all of the numbers may be.
        L2: L2 regularisation, or weight decay.
        beta1: Decay of the mean of the gradients.
        beta2: Decay of the mean of their squares.
        eps: Keeps the division by the root of the latter finite, added as PyTorch does.
        grad_clip: Highest norm of a parameter's gradient; zero for no limit.
        L2_is_weight_decay: Whether ``L2`` is weight decay rather than part of the gradient.
        use_averages: Whether to evaluate and save moving averages of the parameters.
    """
    return Adam(
        learn_rate,
        L2=L2,
        beta1=beta1,
        beta2=beta2,
        eps=eps,
        grad_clip=grad_clip,
        L2_is_weight_decay=L2_is_weight_decay,
        use_averages=use_averages,
    )


class Adam(Optimizer):
    """See :func:`build_adam`."""

    def __call__(self, key: Any, weights: Any, gradient: Any, *, lr_scale: float = 1.0) -> Any:
        if not isinstance(weights, np.ndarray) or not all(
            x.size and x.dtype == "float32" and x.flags.c_contiguous for x in (weights, gradient)
        ):
            return super().__call__(key, weights, gradient, lr_scale=lr_scale)
        moments: tuple[Any, Any] = self.mom1, self.mom2
        for moment in moments:
            if key not in moment:
                moment[key] = np.zeros(weights.size, dtype="float32")
            if moment[key].size != weights.size:  # the fused step would write beyond it
                raise ValueError(
                    f"the parameter {key} has {weights.size} weights, and the optimizer knows it with "
                    f"{moment[key].size}: make a new optimizer"
                )
        w, g, m1, m2 = (torch.from_numpy(x.reshape(-1)) for x in (weights, gradient, *(m[key] for m in moments)))
        if self.L2 and not self.L2_is_weight_decay:
            g.add_(w, alpha=self.L2)
        if self.grad_clip:
            g.mul_((self.grad_clip / g.norm()).clamp(max=1.0))
        adamw(
            [w],
            [g],
            [m1],
            [m2],
            [],
            [torch.tensor(float(self.nr_update[key]))],
            fused=True,
            amsgrad=False,
            maximize=False,
            lr=self.learn_rate * lr_scale,
            beta1=self.b1,
            beta2=self.b2,
            eps=self.eps,
            weight_decay=self.L2 if self.L2_is_weight_decay else 0.0,
        )
        self.nr_update[key] += 1
        g.zero_()
        if self.averages is not None:
            # The decay of Thinc's `update_averages`.
            step = self.nr_update[key]
            averages: Any = self.averages
            if key not in averages:
                averages[key] = np.zeros_like(weights)
            torch.from_numpy(averages[key].reshape(-1)).lerp_(w, 1 - min((1 + step) / (10 + step), 0.9999))
        return weights, gradient
