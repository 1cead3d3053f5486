"""`quantize`: a pipeline that computes in int8, and what that costs and gains."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from wasabi import msg

from .compare import markdown_table
from .evaluate import evaluate, evaluation_file, percent
from .load import load_pipeline

if TYPE_CHECKING:
    from spacy.language import Language

N_RUNS = 5
"""Rounds in which the speed is measured, after one that does not count."""


def quantize_command(
    pipeline: Annotated[str, typer.Argument(help="Name or folder of a pipeline")],
    out: Annotated[Path, typer.Argument(help="Folder for the quantized pipeline, which must not exist")],
    corpus: Annotated[
        Path | None, typer.Option(help="A .spacy file or a folder that `convert` wrote, for the scores and the speed")
    ] = None,
) -> None:
    """Let the linear and recurrent layers of a pipeline compute in int8, on the CPU.

    The pipeline keeps its weights as they are, and quantizes them whenever it is loaded: it is as large as before, and
    cannot be trained further.
    """
    from ..pipeline.saving import written_aside

    if out.exists():
        msg.fail(f"{out} exists already: give a new folder", exits=1)
    path = None if corpus is None else evaluation_file(corpus)
    nlp = load_pipeline(pipeline)
    try:
        quantize(nlp)
    except ValueError as err:
        msg.fail(f"Cannot quantize {pipeline!r}", str(err), exits=1)
    out.parent.mkdir(parents=True, exist_ok=True)
    with written_aside(out) as aside:
        nlp.to_disk(aside)
        if path is not None:
            print(comparison({"before": load_pipeline(pipeline), "in int8": load_pipeline(str(aside))}, path))
    msg.good(f"Saved the quantized pipeline to {out}")


def quantize(nlp: "Language") -> None:
    """Quantize the PyTorch modules of this package in a pipeline.

    Raises:
        ValueError: If there are none, or PyTorch cannot.
    """
    from ..benchmark.layers import layers
    from ..models.kept import KeptRows
    from ..models.shim import RestingShim

    shims = {id(shim): shim for layer in layers(nlp) for shim in layer.shims if isinstance(shim, RestingShim)}
    if not shims:
        raise ValueError("none of its layers is a PyTorch module of this package")
    for shim in shims.values():
        shim.quantize()
    for kept in (shim for layer in layers(nlp) for shim in layer.shims if isinstance(shim, KeptRows)):
        kept.forget()


def comparison(pipelines: dict[str, "Language"], path: Path) -> str:
    """The scores and the speed of pipelines as a Markdown table; ratios are to the first."""
    from ..benchmark.documents import read_texts
    from ..benchmark.speed import in_turns, pipeline_run, summarize

    texts = read_texts(path)
    n_words = sum(len(text.words) for text in texts)
    rounds = in_turns({name: pipeline_run(nlp, texts) for name, nlp in pipelines.items()}, n_runs=N_RUNS)
    first = next(iter(rounds.values()))
    rows = []
    for name, nlp in pipelines.items():
        scores = evaluate(nlp, path, None)
        speed = summarize(rounds[name], first, n_words=n_words)
        cells = [percent(scores.get(key)) for key in ("ents_f", "tag_acc")]
        rows.append([name, *cells, f"{speed['words_per_second']:,.0f}", f"{speed['ratio']:.2f}"])
    return markdown_table(["", "NER F1", "tag accuracy", "words/s", "ratio"], rows)
