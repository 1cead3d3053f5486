"""Recurrent networks along the sentence."""

from typing import Literal

import torch
from torch import Tensor, nn

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
            CELLS[cell](width if layer else input_width, state_width, batch_first=True)
            for layer in range(depth)
            for _ in range(self.directions)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Read the sequence.

        Args:
            x: Token vectors. *Shape:* ``(batch_size, seq_len, input_width)``.
            mask: True at tokens. *Shape:* ``(batch_size, seq_len)``.

        Returns:
            *Shape:* ``(batch_size, seq_len, width)``.
        """
        order = reversed_order(mask)
        for i in range(0, len(self.networks), self.directions):
            states = self.networks[i](x)[0]
            if self.directions == 2:
                from_end = reorder(self.networks[i + 1](reorder(x, order))[0], order)
                states = torch.cat([states, from_end], dim=-1)
            x = self.dropout(states)
        return x


def reversed_order(mask: Tensor) -> Tensor:
    """The positions that turn each sequence round and leave its padding where it is; their own inverse.

    Args:
        mask: True at tokens. *Shape:* ``(batch_size, seq_len)``.

    Returns:
        *Shape:* ``(batch_size, seq_len)``, integers.
    """
    position = torch.arange(mask.shape[1], device=mask.device).expand_as(mask)
    return torch.where(mask, mask.sum(dim=1, keepdim=True) - 1 - position, position)


def reorder(x: Tensor, order: Tensor) -> Tensor:
    """Put the vectors of each sequence in the order given.

    Args:
        x: *Shape:* ``(batch_size, seq_len, width)``.
        order: *Shape:* ``(batch_size, seq_len)``, integers.
    """
    return x.gather(1, order.unsqueeze(-1).expand_as(x))
