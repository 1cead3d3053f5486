"""A pipeline in a process of its own: the time to import and to load, the memory, and the speed on a stream.

The settings come as JSON in the one argument, the results as JSON in the last line of the output.
"""

import json
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

from .memory import forget_peak, peak_megabytes


def in_process(pipeline: str, corpus: Path, **settings: Any) -> dict[str, Any]:
    """What :func:`measure` says in a fresh process.

    Raises:
        RuntimeError: If the process fails; what it wrote to its standard error is in the message.
    """
    arguments = json.dumps({"pipeline": pipeline, "corpus": str(corpus), **settings})
    process = subprocess.run([sys.executable, "-m", __name__, arguments], capture_output=True, text=True)
    if process.returncode != 0:
        raise RuntimeError(f"the process that measures {pipeline!r} failed:\n{process.stderr.strip()}")
    results: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
    return results


def measure(
    pipeline: str,
    corpus: str,
    *,
    gpu_id: int = -1,
    threads: int | None = None,
    batch_size: int | None = None,
    n_words: int | None = None,
    length: int | None = None,
    runs: int = 1,
) -> dict[str, Any]:
    """Load a pipeline and let it annotate a stream of documents.

    Args:
        pipeline: Its name or folder.
        corpus: A DocBin.
        gpu_id: The GPU, or -1 for the CPU.
        threads: Threads of PyTorch; None for its own choice.
        batch_size: Documents of a batch; None for the pipeline's own.
        n_words: Words of the stream, which repeats the corpus or cuts it; None for the corpus once.
        length: Words of a document; None for the documents of the corpus.
        runs: How often the stream is read. Before the first time the pipeline warms up on the first thousand words.

    Returns:
        Seconds of the imports, of loading (in which spaCy imports all its installed plugins), and of each run without
        the making of the documents, or where there is no run of loading again; and the most memory that was resident
        in each step, in 10^6 bytes, for the runs also how far that is above what was resident after the warm-up, in
        which PyTorch lays out weights and makes kernels.
    """
    seconds: dict[str, Any] = {}
    megabytes: dict[str, float | None] = {}
    start = time.perf_counter()
    import torch

    seconds["import torch"] = time.perf_counter() - start
    start = time.perf_counter()
    import spacy

    seconds["import spacy"] = time.perf_counter() - start
    if threads is not None:
        torch.set_num_threads(threads)
    if gpu_id >= 0:
        from thinc.api import require_gpu

        require_gpu(gpu_id)
    megabytes["imports"] = peak_megabytes()
    start = time.perf_counter()
    nlp = spacy.load(pipeline)
    seconds["load"] = time.perf_counter() - start
    megabytes["load"] = peak_megabytes()

    if runs:
        from .documents import cut, make_docs, read_texts, repeat
        from .stopwatch import Stopwatch

        texts = read_texts(Path(corpus))
        if n_words is None:
            n_words = sum(len(text.words) for text in texts)
        seconds["runs"] = []
        for run, size in enumerate([min(n_words, 1000), *[n_words] * runs]):
            stream = repeat(texts, n_words=size) if length is None else cut(texts, length=length, n_words=size)
            watch = Stopwatch()
            docs = watch.drawn("making documents", make_docs(nlp.vocab, stream))
            with watch.stage("pipeline"):
                deque(nlp.pipe(docs, batch_size=batch_size), maxlen=0)  # no document is kept
            if run:
                seconds["runs"].append(watch.seconds["pipeline"])
            else:
                resident = peak_megabytes() if forget_peak() else None
        megabytes["runs"] = peak = peak_megabytes()
        megabytes["by tagging"] = peak - resident if peak is not None and resident is not None else None
        if gpu_id >= 0:
            megabytes["gpu"] = torch.cuda.max_memory_allocated() / 1e6
    else:
        start = time.perf_counter()
        spacy.load(pipeline)
        seconds["load again"] = time.perf_counter() - start
    return {"seconds": seconds, "megabytes": megabytes}


if __name__ == "__main__":
    print(json.dumps(measure(**json.loads(sys.argv[1]))))
