"""The signatures of the models, in one place."""

from typing import TypeAlias

from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d, Floats3d, Ints1d

Embed: TypeAlias = Model[list[Doc], list[Floats2d]]
"""Embeds the tokens of documents, as spaCy's own ``embed`` layers do."""
Encode: TypeAlias = Model[list[Floats2d], list[Floats2d]]
"""Puts token vectors in context, as spaCy's own ``encode`` layers do."""
Tok2Vec: TypeAlias = Model[list[Doc], list[Floats2d]]
"""An embedding and an encoder, or a listener to a shared one."""
Scorer: TypeAlias = Model[list[Doc], list[Floats2d]]
"""Gives each token of documents a score for each class."""
PaddedBatch: TypeAlias = tuple[Floats3d, Ints1d]
"""Sequences padded on the right, and their lengths."""
EncodePadded: TypeAlias = Model[PaddedBatch, Floats3d]
"""A PyTorch encoder wrapped for Thinc."""
