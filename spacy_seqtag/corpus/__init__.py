"""From column files and datasets to spaCy's DocBin."""

from .annotation import Corpus, CorpusError, Document, Sentence
from .conll import read_folder
from .convert import OUTPUTS, convert
from .hub import read_dataset

__all__ = ["OUTPUTS", "Corpus", "CorpusError", "Document", "Sentence", "convert", "read_dataset", "read_folder"]
