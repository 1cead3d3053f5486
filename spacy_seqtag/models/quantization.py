"""Modules that compute in int8."""

import warnings
from typing import Any, cast

import torch
from torch import nn

LAYERS = {nn.Linear, nn.LSTM, nn.GRU}
"""The layers that PyTorch can quantize dynamically. Those of ``nn.TransformerEncoderLayer`` stay as they are: its fused
computation reads their weights."""


def quantized(module: nn.Module) -> nn.Module:
    """A copy of a module whose linear and recurrent layers multiply matrices in int8: each weight matrix has one scale,
    and each layer finds that of its input as it comes (dynamic quantization). On GPU, which PyTorch cannot do that on,
    the module itself.

    Args:
        module: The module, in evaluation mode.

    Raises:
        ValueError: If PyTorch cannot quantize on this machine.
    """
    parameter = next(module.parameters(), None)
    if parameter is not None and parameter.device.type != "cpu":
        return module
    # In a list, since what a module contains is replaced, not the module.
    layers = nn.ModuleList([module])
    fused = {
        layer
        for block in module.modules()
        if isinstance(block, nn.TransformerEncoderLayer)
        for layer in block.modules()
    }
    names = {name for name, layer in layers.named_modules() if type(layer) in LAYERS and layer not in fused}
    try:
        # Deprecated for torchao, which has nothing for recurrent layers.
        quantize_dynamic = cast(Any, torch.ao.quantization).quantize_dynamic
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            (copy,) = quantize_dynamic(layers, names, dtype=torch.qint8)
    except (AttributeError, RuntimeError) as err:
        raise ValueError(
            f"PyTorch {torch.__version__} cannot quantize on this machine ({err}): use the pipeline that was not "
            "quantized, or another version of PyTorch; 2.13 can on x86-64"
        ) from err
    return cast(nn.Module, copy)
