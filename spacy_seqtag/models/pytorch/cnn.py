"""Convolutions along the sentence."""

import itertools
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from .prepared import precision, prepared

FEW = 256
"""Tokens of a batch up to which a convolution is computed as a matrix product."""


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

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Convolve along the sequence.

        Args:
            x: Token vectors. *Shape:* ``(batch_size, seq_len, input_width)``.
            mask: True at tokens, None where there is no padding. *Shape:* ``(batch_size, seq_len)``.

        Returns:
            *Shape:* ``(batch_size, seq_len, width)``.
        """
        for convolution in self.convolutions:
            if mask is not None:  # padding must be zero at every layer, as beyond the ends of an unpadded sequence
                x = x * mask.unsqueeze(2)
            x = self.dropout(self.activation(convolve(cast(nn.Conv1d, convolution), x)))
        return x


def convolve(convolution: nn.Conv1d, x: Tensor) -> Tensor:
    """A convolution along the sequence. PyTorch's own lays out the weights for each call, and in half precision casts
    them before, which for a sentence takes longer than the matrix product that it is. For a few tokens on CPU, where
    nothing is trained, that is done once.

    Args:
        convolution: The convolution, with "same" padding.
        x: *Shape:* ``(batch_size, seq_len, input_width)``.

    Returns:
        *Shape:* ``(batch_size, seq_len, width)``.
    """
    (size,), length = convolution.kernel_size, x.shape[1]
    if torch.is_grad_enabled() or x.is_cuda or len(x) * length > FEW:
        y: Tensor = convolution(x.transpose(1, 2))  # Conv1d wants the channels first: (batch_size, width, seq_len).
        return y.transpose(1, 2)
    dtype = precision(x)
    filters, bias = prepared(convolution, list(convolution.parameters()), dtype, lay_out)
    x = functional.pad(x.to(dtype), (0, 0, size // 2, size // 2))
    under_filters = torch.cat([x[:, i : i + length] for i in range(size)], dim=2)
    return functional.linear(under_filters, filters, bias)


def lay_out(filters: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Filters as the weights of a linear layer, which reads the tokens under them side by side.

    Args:
        filters: *Shape:* ``(width, input_width, kernel_size)``.
        bias: *Shape:* ``(width,)``.
    """
    return filters.transpose(1, 2).flatten(1), bias
