"""How speed and memory change as documents and streams of documents grow."""

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from .process import in_process

DOCUMENT_LENGTHS = (10, 100, 1_000, 10_000, 100_000)
"""Words of a document, in a stream of as many words as the longest has."""
STREAM_LENGTHS = (1_000, 10_000, 100_000, 1_000_000)
"""Words of a stream of the corpus's documents."""
LONG = 200_000
"""Words of a stream that is long enough to be read once."""


def measure_growth(pipelines: Sequence[str], corpus: Path, *, runs: int, **settings: Any) -> dict[str, Any]:
    """Measure pipelines in turns, each on every size in a process of its own.

    Args:
        pipelines: Their names or folders.
        corpus: A DocBin.
        runs: How often each stream is read.
        settings: Further settings of :func:`~spacy_seqtag.benchmark.process.measure`.

    Returns:
        For "document" and "stream", for each pipeline a list with an entry for each size: its ``words``, the median of
        ``words_per_second``, the most memory that was resident, ``megabytes``, and how far that is above what was
        resident with the pipeline loaded and warm, ``megabytes_by_tagging``.
    """
    sizes = [("document", {"length": length, "n_words": DOCUMENT_LENGTHS[-1]}, length) for length in DOCUMENT_LENGTHS]
    sizes += [("stream", {"n_words": n_words}, n_words) for n_words in STREAM_LENGTHS]
    growth: dict[str, Any] = {kind: {name: [] for name in pipelines} for kind in ("document", "stream")}
    for kind, stream, words in sizes:
        for name in pipelines:
            n_runs = runs if stream["n_words"] < LONG else 1
            result = in_process(name, corpus, runs=n_runs, **stream, **settings)
            speed = median(stream["n_words"] / seconds for seconds in result["seconds"]["runs"])
            memory = result["megabytes"]
            point = {"words": words, "words_per_second": speed, "megabytes": memory["runs"]}
            growth[kind][name].append({**point, "megabytes_by_tagging": memory["by tagging"]})
    return growth
