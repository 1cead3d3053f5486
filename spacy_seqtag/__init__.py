"""PyTorch sequence taggers behind spaCy's own interface."""

from .about import __version__

__all__ = ["__version__"]
