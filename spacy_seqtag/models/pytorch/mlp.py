"""The same multi-layer perceptron at every token."""

import itertools

from torch import Tensor, nn


class MLP(nn.Module):
    """Linear layers with ReLU and dropout, applied to every token alike; a token does not see its neighbours.

    Args:
        input_width: Width of the input vectors.
        width: Width of each layer and of the output.
        depth: Number of layers.
        dropout: Probability of zeroing an element after each layer in training.
    """

    def __init__(self, *, input_width: int, width: int, depth: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        widths = [input_width] + [width] * depth
        self.layers = nn.Sequential(
            *(
                nn.Sequential(nn.Linear(n_in, n_out), nn.ReLU(), nn.Dropout(dropout))
                for n_in, n_out in itertools.pairwise(widths)
            )
        )

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Transform each token.

        Args:
            x: Token vectors. *Shape:* ``(batch_size, seq_len, input_width)``.
            mask: Not needed, since no token sees another.

        Returns:
            *Shape:* ``(batch_size, seq_len, width)``.
        """
        y: Tensor = self.layers(x)
        return y
