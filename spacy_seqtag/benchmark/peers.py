"""What one would write without spaCy: Hugging Face token classification on the transformer of a pipeline.

The head has random weights, on which the speed does not depend. It classifies for one task, and in single precision, as
both do unless told otherwise; the pipeline may do several tasks on the same states, and half precision if its config
says so.
"""

import copy
import random
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, cast

import torch
from spacy.language import Language

from .documents import Text, sentences
from .layers import layers
from .stopwatch import seconds

LOOP = "Hugging Face loop"
BATCH = 32
"""Sentences of a batch of the loop."""
MAX_PIECES = 256
"""Word pieces after which the loop cuts a sentence."""
N_CLASSES = 9
IGNORE = -100
"""The gold class of what is not classified, in the loss of transformers."""


def peers(nlp: Language, texts: Sequence[Text]) -> dict[str, Callable[[], dict[str, float]]]:
    """Runs of the peers of a pipeline; none if it has no transformer of spacy-transformers.

    Args:
        nlp: The pipeline.
        texts: The documents, which the peers read sentence by sentence.
    """
    found = classifier_of(nlp)
    if found is None:
        return {}
    from transformers.pipelines import pipeline

    classifier, tokenizer = found
    words = sentences(texts)
    raw = [" ".join(sentence) for sentence in words]
    annotate = pipeline("token-classification", model=classifier, tokenizer=tokenizer)
    return {
        LOOP: lambda: {"pipeline": seconds(lambda: loop(classifier, tokenizer, words))},
        "transformers.pipeline": lambda: {"pipeline": seconds(lambda: annotate(raw))},
    }


def training_peers(nlp: Language, texts: Sequence[Text]) -> dict[str, Iterator[int]]:
    """The words of each step of the peers' trainings; none if the pipeline has no transformer of spacy-transformers.

    Args:
        nlp: The pipeline, whose weights stay as they are.
        texts: The documents, which the peers read sentence by sentence.
    """
    found = classifier_of(nlp)
    return {} if found is None else {LOOP: fine_tune(*found, sentences(texts))}


def classifier_of(nlp: Language) -> tuple[Any, Any] | None:
    """A classifier with a copy of the transformer of a pipeline, and its tokenizer; None if there is no transformer."""
    transformer: Any = next((layer for layer in layers(nlp) if "set_transformer" in layer.attrs), None)
    if transformer is None:
        return None
    from transformers import AutoModelForTokenClassification

    encoder = transformer.transformer
    config = copy.deepcopy(encoder.config)
    config.num_labels = N_CLASSES
    classifier: Any = cast(Any, AutoModelForTokenClassification).from_config(config)
    classifier.base_model.load_state_dict(encoder.state_dict(), strict=False)  # it has no pooler
    return classifier.to(encoder.device).eval(), transformer.tokenizer


@torch.no_grad()
def loop(classifier: Any, tokenizer: Any, words: list[list[str]]) -> list[list[int]]:
    """The class of each word, that of its first piece, by batches of sentences of similar length."""
    found: list[list[int]] = [[] for _ in words]
    order = sorted(range(len(words)), key=lambda i: len(words[i]))
    for start in range(0, len(order), BATCH):
        rows = order[start : start + BATCH]
        pieces = padded_pieces(tokenizer, [words[i] for i in rows])
        classes = classifier(**pieces.to(classifier.device)).logits.argmax(-1).tolist()
        for row, i in enumerate(rows):
            found[i] = [classes[row][piece] for piece in first_pieces(pieces, row)]
    return found


def fine_tune(classifier: Any, tokenizer: Any, words: list[list[str]]) -> Iterator[int]:
    """Train on the class of the first piece of each word, by random batches padded to their longest sentence. The
    classes are random, and the learning rate is constant, on which the speed does not depend.

    Yields:
        The words of each step.
    """
    optimizer = torch.optim.AdamW(classifier.parameters(), lr=5e-5)
    classifier.train()
    while True:
        order = random.sample(words, len(words))
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            pieces = padded_pieces(tokenizer, batch)
            gold = torch.full(pieces["input_ids"].shape, IGNORE)
            for row in range(len(batch)):
                first = first_pieces(pieces, row)
                gold[row, first] = torch.randint(N_CLASSES, (len(first),))
            loss = classifier(**pieces.to(classifier.device), labels=gold.to(classifier.device)).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(classifier.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            yield sum(map(len, batch))


def padded_pieces(tokenizer: Any, words: list[list[str]]) -> Any:
    """The word pieces of sentences as a padded batch."""
    return tokenizer(
        words,
        is_split_into_words=True,
        padding=True,
        truncation=True,
        max_length=MAX_PIECES,
        return_tensors="pt",
    )


def first_pieces(pieces: Any, row: int) -> list[int]:
    """Where in a row of a padded batch the first piece of each word is."""
    numbers = [None, *pieces.word_ids(row)]
    return [i for i, (before, word) in enumerate(pairwise(numbers)) if word is not None and word != before]
