"""`benchmark`: how fast pipelines are, where their time goes, and how far they are from what their modules could do."""

import json
import platform
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer
from wasabi import msg

from .compare import markdown_table
from .evaluate import evaluation_file
from .load import load_pipeline

N_LOADS = 3
"""How often each pipeline is loaded in a process of its own."""
BY_TAGGING = "megabytes_by_tagging"


def benchmark_command(
    pipelines: Annotated[list[str], typer.Argument(help="Names or folders of pipelines, ours or any others")],
    corpus: Annotated[Path, typer.Option(help="A .spacy file, or a folder that `convert` wrote")],
    batch_size: Annotated[int | None, typer.Option(min=1, help="Documents of a batch, not the pipeline's own")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of PyTorch, not its own choice")] = None,
    gpu_id: Annotated[int, typer.Option("--gpu-id", help="GPU ID, or -1 for the CPU")] = -1,
    training: Annotated[
        Path | None,
        typer.Option(help="A .spacy file, or a folder that `convert` wrote, to time training on, by each one's config"),
    ] = None,
    runs: Annotated[int, typer.Option(min=1, help="Rounds after the warm-up, of which the median counts")] = 5,
    peers: Annotated[
        bool,
        typer.Option("--peers", help="Beside each pretrained transformer, Hugging Face's own classification with it"),
    ] = False,
    growth: Annotated[
        bool, typer.Option("--growth", help="How speed and memory change with the size of documents and streams")
    ] = False,
    plot: Annotated[Path | None, typer.Option(help="SVG file for a plot of --growth")] = None,
    output: Annotated[Path | None, typer.Option(help="JSON file for the results")] = None,
) -> None:
    """Time pipelines on documents with gold tokens, in turns, and compare them with the first."""
    if plot is not None and not growth:
        msg.fail("--plot is a plot of --growth: give both", exits=1)
    names = list(dict.fromkeys(pipelines))
    path = evaluation_file(corpus) if corpus.exists() else corpus
    if not path.is_file():
        msg.fail(f"There is no corpus at {path}", "Run `python -m spacy_seqtag convert` first.", exits=1)
    if training is not None and training.is_dir():
        training /= "train.spacy"
    if training is not None and not training.is_file():
        msg.fail(f"There is no corpus at {training}", "Run `python -m spacy_seqtag convert` first.", exits=1)
    loaded = {name: load_pipeline(name, gpu_id) for name in names}

    import torch

    from ..benchmark.documents import read_texts
    from ..benchmark.peers import peers as peers_of
    from ..benchmark.speed import PipelineRun, Run, in_turns, summarize

    if threads is not None:
        torch.set_num_threads(threads)
    try:
        texts = read_texts(path)
    except ValueError as err:
        msg.fail("Cannot read the corpus", str(err), exits=1)
    n_words = sum(len(text.words) for text in texts)
    turns: dict[str, Run] = {}
    for name, nlp in loaded.items():
        turns[name] = PipelineRun(nlp, texts, batch_size=batch_size)
        if peers:
            turns |= {f"{peer} on {name}": run for peer, run in peers_of(nlp, texts).items()}
    rounds = in_turns(turns, n_runs=runs)
    results: dict[str, Any] = {
        "corpus": {"path": str(path), "documents": len(texts), "words": n_words},
        "settings": {"batch_size": batch_size, "threads": torch.get_num_threads(), "gpu_id": gpu_id, "runs": runs},
        "machine": {"system": platform.platform(), "python": platform.python_version(), "torch": torch.__version__},
        "pipelines": {name: summarize(rounds[name], rounds[names[0]], n_words=n_words) for name in turns},
    }
    del loaded, turns  # so that the processes have the memory
    settings = {"gpu_id": gpu_id, "threads": threads, "batch_size": batch_size}
    for name, loads in measure_loading(names, path, settings).items():
        results["pipelines"][name] |= loads
    print(speed_table(results["pipelines"]))
    print(stage_table(results["pipelines"]))
    if training is not None:
        try:
            results["training"] = measure_training(names, training, runs=runs, gpu_id=gpu_id, peers=peers)
        except ValueError as err:
            msg.fail(f"Cannot train on {training}", str(err), exits=1)
        print(training_table(results["training"]["pipelines"]))
    if growth:
        from ..benchmark.growth import measure_growth

        results["growth"] = measure_growth(names, path, runs=runs, **settings)
        print(growth_tables(results["growth"]))
    if plot is not None:
        write(plot, growth_plot(results["growth"]))
    if output is not None:
        write(output, json.dumps(results, indent=2) + "\n")


def measure_loading(names: list[str], path: Path, settings: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The seconds that loading takes and the memory, of each pipeline in fresh processes, in turns."""
    from ..benchmark.process import in_process

    # In the last round with the corpus, for the memory that annotating takes.
    rounds = [
        {name: in_process(name, path, runs=int(i == N_LOADS), **settings) for name in names} for i in range(N_LOADS + 1)
    ]
    steps = ("import torch", "import spacy", "load", "load again")
    return {
        name: {
            "load_seconds": {step: median(results[name]["seconds"][step] for results in rounds[:-1]) for step in steps},
            "peak_megabytes": rounds[-1][name]["megabytes"],
        }
        for name in names
    }


def measure_training(names: list[str], path: Path, *, runs: int, gpu_id: int, peers: bool) -> dict[str, Any]:
    """Train pipelines in turns, for some rounds of as many words, and throw away what they learn.

    Args:
        names: Their names or folders.
        path: The DocBin to train on.
        runs: Number of rounds.
        gpu_id: The GPU, or -1 for the CPU.
        peers: Whether to train the peers of each pipeline too.

    Raises:
        ValueError: If a pipeline cannot be trained on the documents.
    """
    from ..benchmark.documents import read_texts
    from ..benchmark.peers import training_peers
    from ..benchmark.speed import in_turns, summarize
    from ..benchmark.training import WORDS, training_run, training_steps

    texts = read_texts(path)
    n_words = sum(len(text.words) for text in texts)
    steps = {}
    for name in names:
        nlp = load_pipeline(name, gpu_id)
        steps[name] = training_steps(nlp, path)
        if peers:
            steps |= {f"{peer} on {name}": its_steps for peer, its_steps in training_peers(nlp, texts).items()}
    rounds = in_turns({name: training_run(its_steps) for name, its_steps in steps.items()}, n_runs=runs)
    results = {name: summarize(rounds[name], rounds[names[0]], n_words=WORDS) for name in steps}
    for result in results.values():
        result["epoch_seconds"] = n_words / result["words_per_second"]
    return {"corpus": {"path": str(path), "words": n_words}, "words_per_round": WORDS, "pipelines": results}


def training_table(results: dict[str, Any]) -> str:
    """Speed of training as a Markdown table; ratios are to the first pipeline."""
    rows = [
        [
            f"`{name}`",
            number(result["words_per_second"], ",.0f"),
            number(result["ratio"], ".2f"),
            number(result["epoch_seconds"], ",.1f"),
        ]
        for name, result in results.items()
    ]
    return markdown_table(["training", "words/s", "ratio", "s for an epoch"], rows)


def speed_table(results: dict[str, Any]) -> str:
    """Speed, latency, loading and memory as a Markdown table; ratios are to the first pipeline."""
    header = [
        "pipeline", "words/s", "ratio", "modules alone, words/s", "overhead %", "latency ms", "ratio", "load s",
        "load again s", "memory MB", "by tagging MB",
    ]  # fmt: skip
    rows = []
    for name, result in results.items():
        memory = result.get("peak_megabytes", {})
        cells = [
            number(result["words_per_second"], ",.0f"),
            number(result["ratio"], ".2f"),
            number(result.get("modules_words_per_second"), ",.0f"),
            number(100 * result["overhead"] if "overhead" in result else None, ".0f"),
            number(result.get("latency_ms"), ".1f"),
            number(result.get("latency_ratio"), ".2f"),
            number(result.get("load_seconds", {}).get("load"), ".2f"),
            number(result.get("load_seconds", {}).get("load again"), ".2f"),
            number(memory.get("runs"), ",.0f"),
            number(memory.get("by tagging"), ",.0f"),
        ]
        rows.append([f"`{name}`", *cells])
    return markdown_table(header, rows)


def stage_table(results: dict[str, Any]) -> str:
    """Seconds for 1000 words by stage as a Markdown table."""
    stages = {name: result["stages"] for name, result in results.items() if "stages" in result}
    header = ["ms for 1000 words", *next(iter(stages.values())), "all"]
    rows = [
        [f"`{name}`", *(f"{1000 * seconds:.2f}" for seconds in (*by_stage.values(), sum(by_stage.values())))]
        for name, by_stage in stages.items()
    ]
    return markdown_table(header, rows)


def growth_tables(growth: dict[str, Any]) -> str:
    """Words per second, and in brackets the memory that tagging took, by size as Markdown tables."""
    tables = []
    for kind, by_name in growth.items():
        sizes = [point["words"] for point in next(iter(by_name.values()))]
        header = [f"words/s (by tagging MB) by words of the {kind}", *(f"{size:,}" for size in sizes)]
        rows = [
            [f"`{name}`"] + [f"{p['words_per_second']:,.0f} ({number(p[BY_TAGGING], ',.0f')})" for p in points]
            for name, points in by_name.items()
        ]
        tables.append(markdown_table(header, rows))
    return "\n".join(tables)


def growth_plot(growth: dict[str, Any]) -> str:
    """Words per second and the memory that tagging took, by size as an SVG document."""
    from ..benchmark.plot import Chart, draw

    charts = []
    for title, key in (("words per second", "words_per_second"), ("MB above the loaded pipeline", BY_TAGGING)):
        for kind, by_name in growth.items():
            lines = {
                name: [(point["words"], point[key]) for point in points if point[key]]
                for name, points in by_name.items()
            }
            charts.append(Chart(title, f"words of the {kind}", lines))
    return draw(charts)


def number(value: float | None, form: str) -> str:
    """A number in a table, an empty cell if there is none."""
    return "" if value is None else format(value, form)


def write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf8")
    msg.good(f"Saved {path}")
