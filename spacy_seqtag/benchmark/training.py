"""How fast pipelines are trained, each as its own config says."""

import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from spacy.language import Language
from spacy.schemas import ConfigSchemaTraining
from spacy.training.loop import create_train_batches, train_while_improving
from spacy.util import dot_to_object, registry

from .speed import Run
from .stopwatch import seconds

WORDS = 5_000
"""Words of a round: a few batches of each pipeline, and of the slowest only seconds."""


def training_steps(nlp: Language, path: Path) -> Iterator[int]:
    """Train a pipeline by spaCy's own loop, without ever evaluating it. Batches that grow have their final size from
    the start, as they have in most of a training.

    Args:
        nlp: A trained pipeline, whose weights change.
        path: The DocBin to train on in place of the training corpus of its config; it is read again and again.

    Yields:
        The words of each step, as the corpus counts them.

    Raises:
        ValueError: If the settings of the config do not resolve, or the pipeline cannot be trained on the documents.
    """
    config = nlp.config.interpolate()
    batcher = config["training"]["batcher"]
    for name, value in batcher.items():
        if isinstance(value, dict) and "stop" in value:  # of a schedule
            batcher[name] = value["stop"]
    settings = registry.resolve(config["training"], schema=ConfigSchemaTraining)
    reader = {**dot_to_object(config, settings["train_corpus"]), "path": str(path)}
    corpus = registry.resolve({"corpus": reader})["corpus"]
    steps = train_while_improving(
        nlp,
        settings["optimizer"],
        create_train_batches(nlp, corpus, settings["batcher"], min(settings["max_epochs"], 0)),
        lambda: (0.0, {}),
        dropout=settings["dropout"],
        eval_frequency=sys.maxsize,
        accumulate_gradient=settings["accumulate_gradient"],
        patience=0,
        max_steps=0,
        exclude=settings["frozen_components"],
        annotating_components=settings["annotating_components"],
        before_update=settings["before_update"],
    )
    for batch, *_ in steps:
        yield sum(len(example.reference) for example in batch)


def training_run(steps: Iterator[int]) -> Run:
    """Train for a round, and say the seconds that `WORDS` words took.

    Args:
        steps: The words of each step, which is made as it is drawn.
    """

    def run() -> dict[str, float]:
        n_words = 0

        def train() -> None:
            nonlocal n_words
            while n_words < WORDS:
                n_words += next(steps)
            if torch.cuda.is_initialized():
                torch.cuda.synchronize()

        taken = seconds(train)
        return {"pipeline": taken * WORDS / n_words}

    return run
