"""The limit of a pipeline's speed: its PyTorch modules alone, on the tensors that the pipeline gives them."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import torch
from spacy.language import Language
from torch import nn

from .layers import layers


class Call(NamedTuple):
    """A call of a module, with the half precision it was made in, if any."""

    module: nn.Module
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    device: str
    half: torch.dtype | None


@contextmanager
def recorded(nlp: Language) -> Iterator[list[Call]]:
    """The calls of a pipeline's PyTorch modules, in their order, with copies of the tensors.

    Args:
        nlp: The pipeline.
    """
    calls: list[Call] = []
    hooks = [module.register_forward_pre_hook(partial(record, calls), with_kwargs=True) for module in modules(nlp)]
    try:
        yield calls
    finally:
        for hook in hooks:
            hook.remove()


def modules(nlp: Language) -> list[nn.Module]:
    """The PyTorch modules that the layers of a pipeline hold."""
    shims = [shim for layer in layers(nlp) for shim in layer.shims]
    held = [value for shim in shims for value in vars(shim).values() if isinstance(value, nn.Module)]
    return list(dict.fromkeys(held))


def record(calls: list[Call], module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    tensors = [value for value in (*args, *kwargs.values()) if isinstance(value, torch.Tensor)]
    device = tensors[0].device.type if tensors else "cpu"
    half = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else None
    calls.append(Call(module, tuple(map(copy, args)), {k: copy(v) for k, v in kwargs.items()}, device, half))


def copy(value: Any) -> Any:
    """A copy of a tensor: what it shares memory with may be used again."""
    return value.clone() if isinstance(value, torch.Tensor) else value


def replay(calls: list[Call]) -> None:
    """Make recorded calls again, and wait until the device has done them."""
    with torch.inference_mode():
        for call in calls:
            with torch.autocast(call.device, call.half, enabled=call.half is not None):
                call.module(*call.args, **call.kwargs)
        if calls and calls[0].device == "cuda":
            torch.cuda.synchronize()
