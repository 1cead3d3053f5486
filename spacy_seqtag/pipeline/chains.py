"""What a model says of a batch: the words of each document as a chain of scores."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc

from ..models.types import Transitions
from .viterbi import viterbi


class Chains(NamedTuple):
    """Sequences of words with the scores of their classes. Whitespace tokens are no words: what stands on both sides of
    one is next to each other."""

    scores: Any
    """Scores of the words, the sequences end to end; ``-inf`` where a class is impossible. Not to be written to, since
    they may be the model's own. *Shape:* ``(words, classes)``."""
    lengths: Sequence[int]
    """Number of words of each sequence."""
    transitions: Transitions
    """Scores of the transitions, ``-inf`` where one is not allowed."""

    def scaled(self, temperature: float) -> "Chains":
        """All scores divided by a temperature, which makes their probabilities less sure if it is above one (Guo et al.
        2017, "On Calibration of Modern Neural Networks")."""
        between, start, end = (t / temperature for t in self.transitions)
        return self._replace(scores=self.scores / temperature, transitions=Transitions(between, start, end))

    def decode(self) -> NDArray[np.int64]:
        """The best valid sequences. *Shape:* ``(words,)``."""
        if not any(t.any() for t in self.transitions):
            best: NDArray[np.int64] = self.scores.argmax(axis=1)
            return best
        if any(t[np.isfinite(t)].any() for t in self.transitions):
            return viterbi(self.scores, self.lengths, self.transitions)
        # Without preferences between valid sequences, the best class of each word is best where that is valid. Where it
        # is not, words are joined into pieces, which are decoded as if nothing was known of the words beside them. No
        # valid sequence can score higher than such pieces do, so once they fit together, they are the best one.
        lengths = np.asarray(self.lengths)
        ends = np.repeat(np.cumsum(lengths), lengths)
        starts = ends - np.repeat(lengths, lengths)
        words = np.arange(len(ends))
        scores = self.scores + np.where((words == starts)[:, None], self.transitions.start, np.float32(0))
        scores += np.where((words == ends - 1)[:, None], self.transitions.end, np.float32(0))
        classes: NDArray[np.int64] = scores.argmax(axis=1)
        forbidden = np.isinf(self.transitions.between)
        free = Transitions(self.transitions.between, *(np.zeros_like(t) for t in self.transitions[1:]))
        joined = np.zeros(len(words), dtype="bool")  # to the word before
        reach = 1
        while True:
            is_wrong = np.append(False, forbidden[classes[:-1], classes[1:]]) & (words > starts)
            if not is_wrong.any():
                return classes
            n_wrong = np.append(0, np.cumsum(is_wrong))
            first, last = np.maximum(words - reach, starts), np.minimum(words + reach, ends - 1)
            joined |= (n_wrong[last + 1] > n_wrong[first]) & (words > starts)
            pieces = np.diff(np.flatnonzero(np.append(~joined, True)))
            in_longer = np.repeat(pieces > 1, pieces)
            classes[in_longer] = viterbi(scores[in_longer], pieces[pieces > 1].tolist(), free)
            reach *= 2


def count_words(is_word: NDArray[np.bool_], docs: Sequence[Doc]) -> list[int]:
    """How many words each document has.

    Args:
        is_word: Of each token, whether it is a word, which whitespace is not. *Shape:* ``(tokens,)``.
        docs: The documents.
    """
    before = np.append(0, np.cumsum(is_word))
    counts: list[int] = np.diff(before[[*accumulate(map(len, docs), initial=0)]]).tolist()
    return counts
