"""What a model says of a batch: the words of each document as a chain of scores."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from spacy.attrs import IS_SPACE
from spacy.tokens import Doc

from ..models.types import Transitions
from .viterbi import viterbi


class Chains(NamedTuple):
    """Sequences of words with the scores of their classes. Whitespace tokens are no words: what stands on both sides of
    one is next to each other."""

    scores: Any
    """Scores of the words, the sequences end to end; ``-inf`` where a class is impossible. *Shape:*
    ``(words, classes)``."""
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
        if any(t[np.isfinite(t)].any() for t in self.transitions):
            return viterbi(self.scores, self.lengths, self.transitions)
        # Without preferences between valid sequences, the best class of each word is best where that is valid.
        classes: NDArray[np.int64] = self.scores.argmax(axis=1)
        valid = self.are_valid(classes)
        if not valid.all():
            invalid = np.repeat(~valid, self.lengths)
            lengths = np.asarray(self.lengths)[~valid].tolist()
            classes[invalid] = viterbi(self.scores[invalid], lengths, self.transitions)
        return classes

    def are_valid(self, classes: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether the transitions allow sequences of classes. *Shape:* ``(sequences,)``."""
        lengths = np.asarray(self.lengths)
        sequences = np.repeat(np.arange(len(lengths)), lengths)
        ends = np.cumsum(lengths)[lengths > 0]
        allowed = np.isfinite(self.transitions.between[classes[:-1], classes[1:]])
        allowed[ends[:-1] - 1] = True
        valid = np.ones(len(lengths), dtype="bool")
        valid[sequences[1:][~allowed]] = False
        for scores, words in ((self.transitions.start, ends - lengths[lengths > 0]), (self.transitions.end, ends - 1)):
            valid[sequences[words[np.isinf(scores[classes[words]])]]] = False
        return valid


def words_of(docs: Sequence[Doc]) -> list[NDArray[np.bool_]]:
    """Of each token, whether it is a word, which whitespace is not. Of each document *Shape:* ``(tokens,)``."""
    return [doc.to_array(IS_SPACE) == 0 for doc in docs]
