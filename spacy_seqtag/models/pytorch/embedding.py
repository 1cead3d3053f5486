"""Word embeddings looked up by the rows of a dictionary."""

from torch import Tensor, nn, rand_like

UNK = 0
"""Row of the words that the dictionary does not know."""
PAD = 1
"""Row of the padding; its vector is zero and stays zero."""


class WordEmbedding(nn.Module):
    """Look up a vector for each word, with word dropout so that the vector of unknown words is trained.

    In training each word becomes ``[UNK]`` with the probability given for it, as in Kiperwasser and Goldberg (2016),
    "Simple and Accurate Dependency Parsing Using Bidirectional LSTM Feature Representations".

    Args:
        rows: Number of rows, ``[UNK]`` and ``[PAD]`` included.
        width: Width of a vector.
        dropout: Probability of zeroing an element of a vector in training.
    """

    def __init__(self, *, rows: int, width: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.embedding = nn.Embedding(rows, width, padding_idx=PAD)
        nn.init.normal_(self.embedding.weight, std=width**-0.5)
        nn.init.zeros_(self.embedding.weight[PAD].detach())
        self.dropout = nn.Dropout(dropout)

    def forward(self, ids: Tensor, unk_prob: Tensor) -> Tensor:
        """Embed words.

        Args:
            ids: Rows of the words. *Shape:* ``(...)``, integers.
            unk_prob: Probability with which each word becomes ``[UNK]`` in training. *Shape:* as ``ids``.

        Returns:
            The vectors. *Shape:* ``(..., width)``.
        """
        if self.training:
            ids = ids.masked_fill(rand_like(unk_prob) < unk_prob, UNK)
        embedded: Tensor = self.dropout(self.embedding(ids))
        return embedded
