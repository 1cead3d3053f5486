"""Batches of training examples."""

import itertools
import random
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from spacy.training import Example
from spacy.training.batchers import minibatch_by_words

Batcher = Callable[[Iterable[Example]], Iterator[list[Example]]]


def build_length_batcher(size: int | Iterable[int], buffer: int = 256, tolerance: float = 0.2) -> Batcher:
    """Batches of a number of words, as those of spaCy's ``batch_by_words``, but of examples of similar length, so that
    little of what an encoder reads is padding. Examples are sorted by length a few at a time; the batches of each few
    come in random order.

    Args:
        size: Words of a batch, a number or an endless schedule of numbers; a longer example is a batch of its own.
        buffer: Number of examples that are sorted together. With more there is less padding, and less chance in what is
            in a batch.
        tolerance: Share of ``size`` by which a batch may exceed it.

    Raises:
        ValueError: If ``buffer`` leaves no example to sort.
    """
    if buffer < 1:
        raise ValueError(f"the buffer of batch_by_length.v1 must have room for an example; got {buffer}")
    return partial(batch_by_length, size=size, buffer=buffer, tolerance=tolerance)


def batch_by_length(
    examples: Iterable[Example], *, size: int | Iterable[int], buffer: int, tolerance: float
) -> Iterator[list[Example]]:
    """Batches of examples of similar length, see :func:`build_length_batcher`."""
    sizes: Any = size if isinstance(size, int) else iter(size)
    remaining = iter(examples)
    while few := sorted(itertools.islice(remaining, buffer), key=len):
        batches = list(minibatch_by_words(few, size=sizes, tolerance=tolerance))
        random.shuffle(batches)
        yield from batches
