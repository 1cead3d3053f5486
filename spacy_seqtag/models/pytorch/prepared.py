"""Weights prepared for prediction: what is computed from a module's weights once, and kept as long as they stay the
same."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

Prepared = TypeVar("Prepared")

# Beside the modules, not in them, so that their copies and what is saved of them are as if nothing was kept.
KEPT: WeakKeyDictionary[nn.Module, tuple[Any, Any]] = WeakKeyDictionary()


def prepared(
    module: nn.Module, weights: Sequence[Tensor], dtype: torch.dtype, prepare: Callable[..., Prepared]
) -> Prepared:
    """Prepare weights, unless that has been done and they have not changed since.

    PyTorch counts the changes of a tensor. Whoever changes one behind its back, through memory that is shared with
    NumPy, has to call :func:`forget`.

    Args:
        module: The module that predicts; what is prepared is kept as long as it lives.
        weights: The weights of which something is computed.
        dtype: The precision to compute it in.
        prepare: Called with the weights in that precision; always the same function for a module.
    """
    try:
        version = (dtype, [(w._version, w.data_ptr()) for w in weights])
    except RuntimeError:  # weights made in inference mode, whose changes PyTorch does not count
        return prepare(*(w.to(dtype) for w in weights))
    kept = KEPT.get(module)
    if kept is None or kept[0] != version:
        with torch.no_grad():
            kept = version, prepare(*(w.to(dtype) for w in weights))
        KEPT[module] = kept
    result: Prepared = kept[1]
    return result


def precision(x: Tensor) -> torch.dtype:
    """The precision in which a module predicts on CPU: that of autocast where it is on."""
    return torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype


def forget(module: nn.Module) -> None:
    """Forget what is prepared of the weights of a module and of the modules in it."""
    for part in module.modules():
        KEPT.pop(part, None)
