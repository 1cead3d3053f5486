"""Recurrent networks along the sentence."""

from typing import Literal, cast

import torch
from torch import Tensor, nn

from . import onednn

Cell = Literal["rnn", "lstm", "gru"]
CELLS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


class RNN(nn.Module):
    """A plain (Elman 1990), LSTM (Hochreiter and Schmidhuber 1997) or GRU (Cho et al. 2014) network; the output is the
    state of the last layer at each token.

    Args:
        input_width: Width of the input vectors.
        width: Width of the output; of a bidirectional network each direction has half of it.
        cell: ``"rnn"`` (with tanh), ``"lstm"`` or ``"gru"``.
        depth: Number of layers.
        bidirectional: Whether a second network reads each layer from the end.
        dropout: Probability of zeroing an element of each layer's output in training.

    Raises:
        ValueError: If ``cell`` is none of the three, or a bidirectional ``width`` is odd.
    """

    def __init__(
        self,
        *,
        input_width: int,
        width: int,
        cell: Cell = "lstm",
        depth: int = 1,
        bidirectional: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if cell not in CELLS:
            raise ValueError(f"cell must be one of {', '.join(CELLS)}; got {cell!r}")
        if bidirectional and width % 2:
            raise ValueError(f"width of a bidirectional network must be even, half for each direction; got {width}")
        self.directions = 2 if bidirectional else 1
        state_width = width // self.directions
        # A network for each direction and layer: torch's own bidirectional networks need packed sequences to leave the
        # padding out, whose training takes two to three times as long on CPU.
        self.networks = nn.ModuleList(
            CELLS[cell](width if layer else input_width, state_width)
            for layer in range(depth)
            for _ in range(self.directions)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Read the sequence.

        Args:
            x: Token vectors. *Shape:* ``(batch_size, seq_len, input_width)``.
            mask: True at tokens, None where there is no padding. *Shape:* ``(batch_size, seq_len)``.

        Returns:
            *Shape:* ``(batch_size, seq_len, width)``.
        """
        batch_size = len(x)
        if torch.is_autocast_enabled(x.device.type) and not torch.is_grad_enabled():
            # Once, not for each direction; the gradients of both are better added in single precision.
            x = x.to(torch.get_autocast_dtype(x.device.type))
        if isinstance(self.networks[0], nn.LSTM):
            x, mask = onednn.fill_up(x, mask)
        order = None if mask is None else reversed_order(mask)
        by_onednn = onednn.can_read(self.networks[0], x)
        for i in range(0, len(self.networks), self.directions):
            steps = x.transpose(0, 1).contiguous()
            states = read(self.networks[i], steps, by_onednn).transpose(0, 1)
            if self.directions == 2:
                from_end = read_from_end(self.networks[i + 1], steps, order, by_onednn).transpose(0, 1)
                states = torch.cat([states, from_end], dim=-1)
            x = self.dropout(states) if self.training else states
        return x[:batch_size]


def read(network: nn.Module, steps: Tensor, by_onednn: bool) -> Tensor:
    """The states of a network of one layer and direction.

    Args:
        network: The network.
        steps: *Shape:* ``(seq_len, batch_size, width)``.
        by_onednn: Whether :func:`.onednn.can_read`.
    """
    if by_onednn:
        return onednn.read(cast(nn.LSTM, network), steps)
    states: Tensor = network(steps)[0]
    return states


def read_from_end(network: nn.Module, steps: Tensor, order: Tensor | None, by_onednn: bool) -> Tensor:
    """The same, read from the end.

    Args:
        network: The network.
        steps: *Shape:* ``(seq_len, batch_size, width)``.
        order: What :func:`reversed_order` returned, None where there is no padding.
        by_onednn: Whether :func:`.onednn.can_read`.
    """
    if order is None and by_onednn:
        return onednn.read(cast(nn.LSTM, network), steps, reverse=True)
    return reorder(read(network, reorder(steps, order), by_onednn), order)


def reversed_order(mask: Tensor) -> Tensor:
    """The order of tokens that turns each sequence round and leaves its padding where it is; its own inverse.

    Args:
        mask: True at tokens. *Shape:* ``(batch_size, seq_len)``.

    Returns:
        Positions among the steps of all sequences, laid end to end. *Shape:* ``(seq_len * batch_size,)``, integers.
    """
    batch_size, seq_len = mask.shape
    step = torch.arange(seq_len, device=mask.device).unsqueeze(1)
    last = mask.sum(dim=1) - 1
    sequence = torch.arange(batch_size, device=mask.device)
    return (torch.where(mask.T, last - step, step) * batch_size + sequence).flatten()


def reorder(steps: Tensor, order: Tensor | None) -> Tensor:
    """Turn sequences round.

    Args:
        steps: *Shape:* ``(seq_len, batch_size, width)``.
        order: What :func:`reversed_order` returned, None where there is no padding.
    """
    return steps.flip(0) if order is None else steps.flatten(0, 1).index_select(0, order).view_as(steps)
