"""What one would write without spaCy: Hugging Face token classification on the transformer of a pipeline.

The head has random weights, on which the speed does not depend. It classifies for one task, and in single precision, as
both do unless told otherwise; the pipeline may do several tasks on the same states, and half precision if its config
says so.
"""

import copy
from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from spacy.language import Language

from .documents import Text, sentences
from .layers import layers
from .stopwatch import seconds

BATCH = 32
"""Sentences of a batch of the loop."""
MAX_PIECES = 256
"""Word pieces after which the loop cuts a sentence."""
N_CLASSES = 9


def peers(nlp: Language, texts: Sequence[Text]) -> dict[str, Callable[[], dict[str, float]]]:
    """Runs of the peers of a pipeline; none if it has no transformer of spacy-transformers.

    Args:
        nlp: The pipeline.
        texts: The documents, which the peers read sentence by sentence.
    """
    transformer: Any = next((layer for layer in layers(nlp) if "set_transformer" in layer.attrs), None)
    if transformer is None:
        return {}
    from transformers import AutoModelForTokenClassification
    from transformers.pipelines import pipeline

    encoder, tokenizer = transformer.transformer, transformer.tokenizer
    config = copy.deepcopy(encoder.config)
    config.num_labels = N_CLASSES
    classifier: Any = cast(Any, AutoModelForTokenClassification).from_config(config)
    classifier.base_model.load_state_dict(encoder.state_dict(), strict=False)  # it has no pooler
    classifier.to(encoder.device).eval()
    words = sentences(texts)
    raw = [" ".join(sentence) for sentence in words]
    annotate = pipeline("token-classification", model=classifier, tokenizer=tokenizer)
    return {
        "Hugging Face loop": lambda: {"pipeline": seconds(lambda: loop(classifier, tokenizer, words))},
        "transformers.pipeline": lambda: {"pipeline": seconds(lambda: annotate(raw))},
    }


@torch.no_grad()
def loop(classifier: Any, tokenizer: Any, words: list[list[str]]) -> list[list[int]]:
    """The class of each word, that of its first piece, by batches of sentences of similar length."""
    found: list[list[int]] = [[] for _ in words]
    order = sorted(range(len(words)), key=lambda i: len(words[i]))
    for start in range(0, len(order), BATCH):
        rows = order[start : start + BATCH]
        pieces = tokenizer(
            [words[i] for i in rows],
            is_split_into_words=True,
            padding=True,
            truncation=True,
            max_length=MAX_PIECES,
            return_tensors="pt",
        )
        classes = classifier(**pieces.to(classifier.device)).logits.argmax(-1).tolist()
        for row, i in enumerate(rows):
            previous = None
            for piece, word in enumerate(pieces.word_ids(row)):
                if word is not None and word != previous:
                    found[i].append(classes[row][piece])
                previous = word
    return found
