"""Vectors of words from their characters."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from . import onednn
from .prepared import prepared
from .rnn import read, reorder, reversed_order

PAD_CHARACTER = 0
"""Row of the padding; its vector is zero and stays zero."""


class CharCNN(nn.Module):
    """Convolutions along the characters and the highest value of each (Ma and Hovy 2016, "End-to-end Sequence Labeling
    via Bi-directional LSTM-CNNs-CRF").

    Args:
        rows: Number of rows of the character embedding.
        width: Number of filters, which is the width of a word's vector.
        embedding_width: Width of a character's vector.
        kernel_size: Characters under a filter, odd.
        dropout: Probability of zeroing an element of a character's vector in training.

    Raises:
        ValueError: If ``kernel_size`` is even.
    """

    def __init__(self, *, rows: int, width: int, embedding_width: int, kernel_size: int, dropout: float) -> None:
        super().__init__()
        if kernel_size % 2 == 0:
            raise ValueError(f"kernel_size must be odd; got {kernel_size}")
        self.embedding = nn.Embedding(rows, embedding_width, padding_idx=PAD_CHARACTER)
        self.dropout = nn.Dropout(dropout)
        self.convolution = nn.Conv1d(embedding_width, width, kernel_size, padding=kernel_size // 2)

    def forward(self, ids: Tensor) -> Tensor:
        """Embed words.

        Args:
            ids: Rows of the characters, padded on the right; each word has one at least.
                *Shape:* ``(words, characters)``, integers.

        Returns:
            *Shape:* ``(words, width)``.
        """
        if not torch.is_grad_enabled() and not self.training:
            return self.look_up(ids)
        x = self.convolution(self.dropout(self.embedding(ids)).transpose(1, 2))
        return cast(Tensor, x.masked_fill((ids == PAD_CHARACTER).unsqueeze(1), -torch.inf).amax(dim=2))

    def look_up(self, ids: Tensor) -> Tensor:
        """The same without a matrix product: what each character contributes at each place under the filters is
        computed once, and looked up."""
        weights = [self.embedding.weight, *self.convolution.parameters()]
        contributions = prepared(self, weights, torch.float32, contributions_of_characters)
        (size,) = self.convolution.kernel_size
        place = torch.arange(size, device=ids.device) * len(self.embedding.weight)
        under_filters = torch.constant_pad_nd(ids, (size // 2, size // 2), PAD_CHARACTER).unfold(1, size, 1) + place
        x = functional.embedding_bag(under_filters.flatten(0, 1), contributions, mode="sum")
        return x.view(*ids.shape, -1).amax(dim=1)


def contributions_of_characters(embedding: Tensor, filters: Tensor, bias: Tensor) -> Tensor:
    """What each character contributes to the filters at each place under them. The bias is contributed by the character
    in the middle; where that is padding, the filters are not to be looked at, which ``-inf`` says.

    Args:
        embedding: *Shape:* ``(rows, embedding_width)``.
        filters: *Shape:* ``(width, embedding_width, kernel_size)``.
        bias: *Shape:* ``(width,)``.

    Returns:
        *Shape:* ``(kernel_size * rows, width)``.
    """
    contributions = embedding @ filters.permute(2, 1, 0)
    middle = contributions[len(contributions) // 2]
    middle += bias
    middle[PAD_CHARACTER] = -torch.inf
    return contributions.flatten(0, 1)


class CharLSTM(nn.Module):
    """The last states of two LSTMs, which read a word from its start and from its end (Lample et al. 2016, "Neural
    Architectures for Named Entity Recognition").

    Args:
        rows: Number of rows of the character embedding.
        width: Width of a word's vector, half for each direction.
        embedding_width: Width of a character's vector.
        dropout: Probability of zeroing an element of a character's vector in training.

    Raises:
        ValueError: If ``width`` is odd.
    """

    def __init__(self, *, rows: int, width: int, embedding_width: int, dropout: float) -> None:
        super().__init__()
        if width % 2:
            raise ValueError(f"width must be even, half for each direction; got {width}")
        self.embedding = nn.Embedding(rows, embedding_width, padding_idx=PAD_CHARACTER)
        self.dropout = nn.Dropout(dropout)
        self.from_start = nn.LSTM(embedding_width, width // 2)
        self.from_end = nn.LSTM(embedding_width, width // 2)

    def forward(self, ids: Tensor) -> Tensor:
        """Embed words.

        Args:
            ids: Rows of the characters, padded on the right; each word has one at least.
                *Shape:* ``(words, characters)``, integers.

        Returns:
            *Shape:* ``(words, width)``.
        """
        mask = ids != PAD_CHARACTER
        steps = self.dropout(self.embedding(ids)).transpose(0, 1).contiguous()
        last, words = mask.sum(dim=1) - 1, torch.arange(len(ids), device=ids.device)
        by_onednn = onednn.can_read(self.from_start, steps)
        from_end = read(self.from_end, reorder(steps, reversed_order(mask)), by_onednn)
        states = read(self.from_start, steps, by_onednn), from_end
        return torch.cat([direction[last, words] for direction in states], dim=1)
