"""Transformer blocks over the sentence."""

import math

import torch
from torch import Tensor, nn


class Transformer(nn.Module):
    """Transformer encoder blocks (Vaswani et al. 2017, "Attention Is All You Need"): multi-head attention, add & norm,
    feed-forward, add & norm, over vectors to which sinusoidal positions are added.

    Args:
        input_width: Width of the input vectors; where it is not ``width``, a linear layer comes first.
        width: Width of the blocks and of the output.
        depth: Number of blocks.
        n_heads: Number of attention heads; must divide ``width``.
        feed_forward_width: Width inside the feed-forward layers.
        dropout: Probability of zeroing an element in training, as in the paper.

    Raises:
        ValueError: If ``width`` is not divisible by ``n_heads``.
    """

    def __init__(
        self,
        *,
        input_width: int,
        width: int,
        depth: int = 1,
        n_heads: int = 1,
        feed_forward_width: int = 256,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if width % n_heads:
            fitting = [n for n in range(1, width + 1) if width % n == 0]
            raise ValueError(f"n_heads must divide the width: {width} allows {fitting}; got {n_heads}")
        self.width = width
        self.project = nn.Identity() if input_width == width else nn.Linear(input_width, width)
        # Section 3.4 of the paper: otherwise the positions drown the words, whose vectors start much shorter.
        self.scale = math.sqrt(width)
        self.dropout = nn.Dropout(dropout)
        block = nn.TransformerEncoderLayer(
            width, n_heads, dim_feedforward=feed_forward_width, dropout=dropout, batch_first=True
        )
        self.blocks = nn.TransformerEncoder(block, depth, enable_nested_tensor=False)
        for parameter in self.blocks.parameters():
            if parameter.dim() > 1:  # nn.TransformerEncoder copies one block: draw each anew.
                nn.init.xavier_uniform_(parameter)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Let each token attend to all tokens of its sequence.

        Args:
            x: Token vectors. *Shape:* ``(batch_size, seq_len, input_width)``.
            mask: True at tokens, of which each sequence has one at least, None where there is no padding.
                *Shape:* ``(batch_size, seq_len)``.

        Returns:
            *Shape:* ``(batch_size, seq_len, width)``.
        """
        positions = sinusoidal_positions(x.shape[1], self.width, device=x.device)
        is_padding = None if mask is None else ~mask
        y: Tensor = self.blocks(self.dropout(self.project(x) * self.scale + positions), src_key_padding_mask=is_padding)
        return y


def sinusoidal_positions(seq_len: int, width: int, *, device: torch.device | None = None) -> Tensor:
    """Position vectors of Vaswani et al. (2017), section 3.5: sines in the even columns, cosines in the odd ones.

    Returns:
        *Shape:* ``(seq_len, width)``.
    """
    position = torch.arange(seq_len, device=device).unsqueeze(1)
    column = torch.arange(0, width, 2, device=device)
    angle = position * torch.exp(column * (-math.log(10000.0) / width))
    vectors = torch.zeros(seq_len, width, device=device)
    vectors[:, 0::2] = torch.sin(angle)
    vectors[:, 1::2] = torch.cos(angle[:, : width // 2])
    return vectors
