"""Plain PyTorch modules: tensors in, tensors out, nothing of spaCy or Thinc.

Every encoder maps ``(x, mask)`` to ``y``, where ``x`` has the shape ``(batch_size, seq_len, input_width)``, ``mask``
the shape ``(batch_size, seq_len)``, true at the tokens and false at the padding on their right, or is None where there
is none, and ``y`` has the shape ``(batch_size, seq_len, width)``. What stands at the padding of ``x`` never changes
``y`` at the tokens.
"""

from .characters import PAD_CHARACTER, CharCNN, CharLSTM
from .cnn import CNN
from .embedding import PAD, UNK, WordEmbedding
from .loss import IGNORE, token_cross_entropy
from .mlp import MLP
from .rnn import RNN
from .transformer import Transformer

__all__ = [
    "CNN",
    "IGNORE",
    "MLP",
    "PAD",
    "PAD_CHARACTER",
    "RNN",
    "UNK",
    "CharCNN",
    "CharLSTM",
    "Transformer",
    "WordEmbedding",
    "token_cross_entropy",
]
