"""What layers say of words, found once for each word type."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spacy.vocab import Vocab
from thinc.api import Shim

from .hashing import Hashes

FEW = 128
"""Tokens for which it takes longer to find the distinct words than to look them all up."""
MOST_BYTES = 2**25
"""Most bytes that a layer keeps of words."""
BYTES_OF_WORD = 256
"""What a word takes beside its row: the row's array and the place in the dictionary."""

Rows = NDArray[Any]
"""What there is of words, a row for each. *Shape:* ``(words, width)``."""


class KeptRows(Shim):
    """What a layer said of words. Although it is no layer, it is among a layer's shims, which Thinc tells when weights
    change by a step, other parameters or loading: then all is forgotten. Who changes them otherwise, or what the
    vocabulary has of a word, has to call :meth:`forget`."""

    def __init__(self) -> None:
        super().__init__(None)
        self.forget()

    def forget(self) -> None:
        """Keep nothing."""
        self.kept: tuple[Vocab | None, dict[int, Any]] = None, {}

    def look_up(self, vocab: Vocab, words: list[int], find: Callable[[list[int]], Rows]) -> Rows:
        """What there is of words. Threads may ask at once.

        Args:
            vocab: The vocabulary that the words are from.
            words: A hash for each.
            find: Finds what is not kept yet, of the words with some indices.
        """
        of_vocab, known = self.kept  # which another thread may replace
        if vocab is not of_vocab:
            known = {}
            self.kept = vocab, known
        new = [i for i, word in enumerate(words) if word not in known]
        if new:
            found = find(new)
            if (len(known) + len(new)) * (found[0].nbytes + BYTES_OF_WORD) > MOST_BYTES:
                # In copies, since a row keeps all that were found with it.
                few = {word: known[word].copy() for word in words if word in known}
                if self.kept[1] is known:
                    self.kept = vocab, few
                known = few
            known.update(zip([words[i] for i in new], found, strict=True))
        return np.concatenate([known[word] for word in words]).reshape(len(words), -1)

    def finish_update(self, optimizer: Any) -> None:
        self.forget()

    @contextmanager
    def use_params(self, params: Any) -> Iterator[None]:
        self.forget()
        try:
            yield
        finally:
            self.forget()

    def to_device(self, device_type: str, device_id: int) -> None:
        self.forget()

    def to_bytes(self) -> bytes:
        return b""

    def from_bytes(self, data: bytes) -> "KeptRows":
        self.forget()
        return self

    def __deepcopy__(self, memo: Any) -> "KeptRows":
        return KeptRows()

    def __reduce__(self) -> Any:
        return KeptRows, ()


def of_word_types(
    vocab: Vocab, words: Hashes, find: Callable[[Any], Rows], kept: KeptRows | None
) -> tuple[Rows, NDArray[np.int64] | None]:
    """Find something for each distinct word of many, or for each of a few.

    Args:
        vocab: The vocabulary that the words are from.
        words: A hash for each. *Shape:* ``(words,)``.
        find: Finds it for the words with some indices.
        kept: What was found before; None where nothing is kept.

    Returns:
        What was found, and which row of it is of each word, None if they are in their order. *Shape:* ``(words,)``.
    """
    first, types = np.arange(len(words)), None
    if len(words) >= FEW:
        words, first, types = np.unique(words, return_index=True, return_inverse=True)
    if kept is None:
        return find(first), types
    return kept.look_up(vocab, words.tolist(), lambda new: find(first[new])), types
