"""Words per second, latency, stages and limits of pipelines, measured in turns."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import islice
from statistics import median
from typing import Any

import torch
from spacy.language import Language

from .documents import Text, cut, make_docs
from .limit import recorded, replay
from .stages import STAGES, time_stages
from .stopwatch import Stopwatch, seconds

SENTENCE = 20
"""Words of the texts that latency is measured on."""
N_SENTENCES = 25
"""How many such texts."""

Run = Callable[[], dict[str, float]]
"""Measures something once, and says seconds by name."""


def in_turns(runs: Mapping[str, Run], *, n_runs: int) -> dict[str, list[dict[str, float]]]:
    """Measure several things, each once in every round, so that a machine that gets slower does so for all of them; a
    first round is the warm-up and does not count.

    Args:
        runs: What to measure.
        n_runs: Number of rounds that count.
    """
    results: dict[str, list[dict[str, float]]] = {name: [] for name in runs}
    for _ in range(n_runs + 1):
        for name, run in runs.items():
            results[name].append(run())
    return {name: rounds[1:] for name, rounds in results.items()}


def pipeline_run(nlp: Language, texts: Sequence[Text], *, batch_size: int | None = None) -> Run:
    """Annotate documents with gold tokens, and nothing more.

    Args:
        nlp: The pipeline.
        texts: The documents.
        batch_size: Documents of a batch; None for the pipeline's own.
    """

    def run() -> dict[str, float]:
        docs = list(make_docs(nlp.vocab, texts))
        return {"pipeline": seconds(lambda: deque(nlp.pipe(docs, batch_size=batch_size), maxlen=0))}

    return run


class PipelineRun:
    """What is measured of a pipeline in each round: documents with gold tokens, stage by stage, its modules alone, and
    single sentences.

    Args:
        nlp: The pipeline.
        texts: The documents.
        batch_size: Documents of a batch; None for the pipeline's own.
    """

    def __init__(self, nlp: Language, texts: Sequence[Text], *, batch_size: int | None) -> None:
        self.nlp, self.texts, self.batch_size = nlp, texts, batch_size
        self.annotate = pipeline_run(nlp, texts, batch_size=batch_size)
        with recorded(nlp) as self.calls:
            self.annotate()
        self.sentences = [
            " ".join(text.words) for text in islice(cut(texts, length=SENTENCE, n_words=10**9), N_SENTENCES)
        ]

    def __call__(self) -> dict[str, float]:
        measured = self.annotate()
        watch = Stopwatch(torch.cuda.synchronize if torch.cuda.is_initialized() else lambda: None)
        parts = time_stages(self.nlp, self.texts, batch_size=self.batch_size, watch=watch)
        for stage in STAGES:
            measured[f"stage {stage}"] = sum(value for part, value in parts.items() if part.stage == stage)
        for component in dict.fromkeys(part.component for part in parts):
            measured[f"component {component}"] = sum(v for part, v in parts.items() if part.component == component)
        if self.calls:
            measured["modules"] = seconds(partial(replay, self.calls))
        measured["latency"] = median(seconds(partial(self.nlp, text)) for text in self.sentences)
        return measured


def summarize(rounds: list[dict[str, float]], reference: list[dict[str, float]], *, n_words: int) -> dict[str, Any]:
    """Medians over the rounds, of ratios too, since what is measured in one round had the same machine.

    Args:
        rounds: What was measured in each round.
        reference: The same of the pipeline to compare with.
        n_words: Words of the documents.
    """

    def middle(name: str) -> float:
        return median(each[name] for each in rounds)

    def grouped(group: str) -> dict[str, float]:
        return {
            name.removeprefix(f"{group} "): 1000 * middle(name) / n_words
            for name in rounds[0]
            if name.startswith(f"{group} ")
        }

    summary: dict[str, Any] = {
        "words_per_second": n_words / middle("pipeline"),
        "ratio": median(b["pipeline"] / a["pipeline"] for a, b in zip(rounds, reference, strict=True)),
        "words_per_second_by_run": [n_words / each["pipeline"] for each in rounds],
    }
    if "latency" in rounds[0]:
        summary["latency_ms"] = 1000 * middle("latency")
        summary["latency_ratio"] = median(a["latency"] / b["latency"] for a, b in zip(rounds, reference, strict=True))
        summary["stages"] = grouped("stage")
        summary["components"] = grouped("component")
    if "modules" in rounds[0]:
        summary["modules_words_per_second"] = n_words / middle("modules")
        summary["overhead"] = median(each["pipeline"] / each["modules"] - 1 for each in rounds)
    return summary
