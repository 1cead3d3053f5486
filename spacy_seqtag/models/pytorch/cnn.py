"""Convolutions along the sentence."""

import itertools

from torch import Tensor, nn


class CNN(nn.Module):
    """One-dimensional convolutions over the tokens, with ReLU and dropout (Collobert et al. 2011, "Natural Language
    Processing (Almost) from Scratch").

    "Same" padding keeps the sequence length, so every layer widens what a token sees by ``kernel_size // 2`` tokens on
    each side.

    Args:
        input_width: Width of the input vectors.
        width: Number of filters of each layer, the output width.
        kernel_size: Tokens under a filter; odd, so that a filter has a centre.
        depth: Number of layers.
        dropout: Probability of zeroing an element after each layer in training.

    Raises:
        ValueError: If ``kernel_size`` is even.
    """

    def __init__(
        self, *, input_width: int, width: int, kernel_size: int = 3, depth: int = 1, dropout: float = 0.0
    ) -> None:
        super().__init__()
        if kernel_size % 2 == 0:
            raise ValueError(f"kernel_size must be odd, so that each token is at the centre of one; got {kernel_size}")
        widths = [input_width] + [width] * depth
        self.convolutions = nn.ModuleList(
            nn.Conv1d(n_in, n_out, kernel_size, padding="same") for n_in, n_out in itertools.pairwise(widths)
        )
        self.activation = nn.ReLU()
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Convolve along the sequence.

        Args:
            x: Token vectors. *Shape:* ``(batch_size, seq_len, input_width)``.
            mask: True at tokens. *Shape:* ``(batch_size, seq_len)``.

        Returns:
            *Shape:* ``(batch_size, seq_len, width)``.
        """
        keep = mask.unsqueeze(1)
        y = x.transpose(1, 2)  # Conv1d wants the channels first: (batch_size, width, seq_len).
        for convolution in self.convolutions:
            # Padding must be zero at every layer, as beyond the ends of an unpadded sequence.
            y = self.dropout(self.activation(convolution(y * keep)))
        return y.transpose(1, 2)
