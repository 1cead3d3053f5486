"""`compare`: every system on the same corpus, in one table."""

import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import srsly
import typer
from wasabi import msg

from .evaluate import evaluate, evaluation_file
from .load import load_pipeline
from .train import RECORD

if TYPE_CHECKING:
    from spacy.language import Language

SYSTEMS = ("mlp", "cnn", "rnn_direct", "rnn", "lstm", "gru", "transformer_direct", "transformer", "bert")
"""The systems, simplest first."""


def compare_command(
    corpus: Annotated[Path, typer.Argument(help="Folder that `convert` wrote")],
    out: Annotated[Path, typer.Argument(help="Folder with a folder for each system, and for compare.md and .json")],
    configs: Annotated[Path, typer.Option(help="Folder of the training configs")] = Path("configs"),
    systems: Annotated[str, typer.Option(help="Which systems, separated by commas")] = ",".join(SYSTEMS),
    transformer: Annotated[
        str | None, typer.Option(help="Pretrained transformer, a folder or a name on the Hub")
    ] = None,
    gpu_id: Annotated[int, typer.Option("--gpu-id", help="GPU ID, or -1 for the CPU")] = -1,
) -> None:
    """Train each system, unless it is trained on this corpus already, and write a table as Markdown and JSON."""
    path = evaluation_file(corpus)
    names = [name.strip() for name in systems.split(",")]
    missing = [name for name in names if not (configs / f"{name}.cfg").is_file()]
    if missing:
        msg.fail(f"{configs} has no config for {', '.join(missing)}", exits=1)
    results: dict[str, Any] = {}
    failed = []
    for i, name in enumerate(names, 1):
        msg.divider(f"{i} of {len(names)}: {name}")
        # In a process of its own, so that each starts afresh; it ends at once where the system is trained already.
        command = [sys.executable, "-m", "spacy_seqtag", "train", str(configs / f"{name}.cfg"), str(out / name)]
        command += ["--corpus", str(corpus), "--gpu-id", str(gpu_id)]
        command += ["--transformer", transformer] if transformer is not None else []
        if subprocess.run(command).returncode != 0:
            failed.append(name)
            continue
        results[name] = measure(out / name, path, gpu_id)
        srsly.write_json(out / name / "compare.json", results[name])
        # After each system, so that an interrupted comparison has what it measured.
        srsly.write_json(out / "compare.json", {"corpus": str(path), "systems": results})
        (out / "compare.md").write_text(markdown_table(results), encoding="utf8")
    print(markdown_table(results))
    if failed:
        msg.fail(f"Training failed: {', '.join(failed)}", exits=1)
    msg.good(f"Saved the table to {out / 'compare.md'} and {out / 'compare.json'}")


def measure(folder: Path, path: Path, gpu_id: int) -> dict[str, Any]:
    """The scores of a trained system, its words per second, the minutes of its training and its size on disk."""
    nlp = load_pipeline(str(folder / "model-best"), gpu_id)
    scores = evaluate(nlp, path)
    scores["speed"] = words_per_second(nlp, path)
    scores["training_minutes"] = srsly.read_json(folder / RECORD)["minutes"]
    scores["megabytes"] = sum(f.stat().st_size for f in (folder / "model-best").rglob("*") if f.is_file()) / 1e6
    return scores


def words_per_second(nlp: "Language", path: Path, *, n_runs: int = 3) -> float:
    """Median words per second of ``nlp.pipe`` on documents with gold tokens; the evaluation before was the warm-up."""
    from spacy.training import Corpus

    speeds = []
    for _ in range(n_runs):
        docs = [example.predicted for example in Corpus(path)(nlp)]
        start = time.perf_counter()
        for _doc in nlp.pipe(docs):
            pass
        speeds.append(sum(map(len, docs)) / (time.perf_counter() - start))
    return statistics.median(speeds)


def markdown_table(results: dict[str, Any]) -> str:
    """The results as a Markdown table, scores in per cent."""
    labels = sorted({label for scores in results.values() for label in scores.get("ents_per_type", {})})
    header = [
        "system", "NER P", "NER R", "NER F1", *labels, "tag accuracy", "words/s", "training min", "MB",
    ]  # fmt: skip
    rows = []
    for name, scores in results.items():
        cells = [percent(scores.get(key)) for key in ("ents_p", "ents_r", "ents_f")]
        cells += [percent(scores.get("ents_per_type", {}).get(label, {}).get("f")) for label in labels]
        cells.append(percent(scores.get("tag_acc")))
        cells += [f"{scores['speed']:,.0f}", f"{scores['training_minutes']:.1f}", f"{scores['megabytes']:.1f}"]
        rows.append([f"`{name}`", *cells])
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def percent(score: float | None) -> str:
    return "" if score is None else f"{100 * score:.2f}"
