"""LSTMs by oneDNN, which PyTorch has for networks on CPUs, with weights that are laid out once.

PyTorch's own call has oneDNN lay out the weights for its matrix products each time, and in half precision casts them
before. For a single sentence that takes as long as the network itself.
"""

from functools import cache
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from .prepared import precision, prepared

LSTM = 2
"""oneDNN's number of the LSTM among the networks."""
BLOCK = 8
"""In half precision it splits sequences that it reads at once into blocks of a size that divides their number: 59 have
no such size, and take four times as long as 64."""
FEW = 16
"""Sequences up to which that is no matter."""


@cache
def precisions() -> frozenset[torch.dtype]:
    """The precisions in which oneDNN takes weights that are laid out; none where it may be another library."""
    available = torch.backends.mkldnn.is_available() and torch.backends.cpu.get_cpu_capability().startswith("AVX")
    if not available or not hasattr(torch.ops.mkldnn, "_reorder_mkldnn_rnn_layer_weight"):
        return frozenset()
    half = {torch.bfloat16} if torch.ops.mkldnn._is_mkldnn_bf16_supported() else set()
    return frozenset({torch.float32, *half})


def fill_up(x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Put sequences of zeros below a batch, so that an LSTM reads it in large blocks; nothing changes for its own.

    Args:
        x: *Shape:* ``(batch_size, seq_len, width)``.
        mask: True at tokens, None where there is no padding. *Shape:* ``(batch_size, seq_len)``.

    Returns:
        Both, as they are where it is no matter.
    """
    missing = -len(x) % BLOCK
    if not missing or len(x) <= FEW or x.device.type != "cpu" or precision(x) != torch.bfloat16:
        return x, mask
    if mask is not None:
        mask = functional.pad(mask, (0, 0, 0, missing), value=True)
    return functional.pad(x, (0, 0, 0, 0, 0, missing)), mask


def can_read(network: nn.Module, steps: Tensor) -> bool:
    """Whether :func:`read` does for a network of one layer and direction.

    Args:
        network: The network.
        steps: *Shape:* ``(seq_len, batch_size, input_width)``; the first two may be in the other order.
    """
    return (
        type(network) is nn.LSTM
        and not torch.is_grad_enabled()
        and steps.device.type == "cpu"
        and steps.numel() > 0
        and bool(torch.backends.mkldnn.enabled)
        and (steps.dtype == network.weight_ih_l0.dtype or torch.is_autocast_enabled("cpu"))
        and precisions().issuperset({steps.dtype, precision(steps)})
    )


def read(network: nn.LSTM, steps: Tensor, *, reverse: bool = False) -> Tensor:
    """The states of an LSTM, bit for bit what ``network(steps)[0]`` is.

    Args:
        network: An LSTM of one layer and direction.
        steps: *Shape:* ``(seq_len, batch_size, input_width)``.
        reverse: Whether to read from the end, padding first.

    Returns:
        *Shape:* ``(seq_len, batch_size, state_width)``.
    """
    dtype = precision(steps)
    input_weight, state_weight, input_bias, state_bias = prepared(
        network, cast(Any, network)._flat_weights, dtype, lay_out
    )
    steps = steps.to(dtype)
    initial = steps.new_zeros(1, steps.shape[1], network.hidden_size)
    states, *_ = torch.mkldnn_rnn_layer(
        steps,
        input_weight,
        state_weight,
        input_bias,
        state_bias,
        initial,
        initial,
        reverse=reverse,
        batch_sizes=(),
        mode=LSTM,
        hidden_size=network.hidden_size,
        num_layers=1,
        has_biases=True,
        bidirectional=False,
        batch_first=False,
        train=False,
    )
    return states


def lay_out(
    input_weight: Tensor, state_weight: Tensor, input_bias: Tensor, state_bias: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The weights of an LSTM in oneDNN's layout, which is the same for both directions, and its biases."""
    input_weight, state_weight = torch.ops.mkldnn._reorder_mkldnn_rnn_layer_weight(
        input_weight, state_weight, state_weight.shape[1], reverse=False, has_biases=True, batch_first=False
    )
    return input_weight, state_weight, input_bias, state_bias
