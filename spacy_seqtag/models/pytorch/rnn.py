"""Recurrent networks along the sentence."""

from typing import Literal

from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

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
        self.rnn = CELLS[cell](
            input_width,
            width // 2 if bidirectional else width,
            num_layers=depth,
            batch_first=True,
            bidirectional=bidirectional,
            dropout=dropout if depth > 1 else 0.0,
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Read the sequence.

        Args:
            x: Token vectors. *Shape:* ``(batch_size, seq_len, input_width)``.
            mask: True at tokens. *Shape:* ``(batch_size, seq_len)``; each sequence has a token at least.

        Returns:
            *Shape:* ``(batch_size, seq_len, width)``.
        """
        lengths = mask.sum(dim=1)
        if bool((lengths == x.shape[1]).all()):
            states, _ = self.rnn(x)
        else:
            # Packed, the network that reads from the end starts at the last token, not in the padding.
            packed = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
            states, _ = pad_packed_sequence(self.rnn(packed)[0], batch_first=True, total_length=x.shape[1])
        y: Tensor = self.dropout(states)
        return y
