"""`compare`: every system on the same corpus, in one table, and which differences are more than chance."""

import statistics
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import srsly
import typer
from wasabi import msg

from .evaluate import evaluate, evaluation_file, percent, seen_in_training, write_scores
from .load import load_pipeline
from .train import RECORD

if TYPE_CHECKING:
    from spacy.language import Language

    from ..evaluation import Seen

SYSTEMS = (
    "mlp", "cnn", "rnn_direct", "rnn", "lstm", "gru", "transformer_direct", "transformer", "accurate", "bert",
    "transformer_crf",
)  # fmt: skip
"""The systems, simplest first."""
BASELINES = ("spacy_cnn", "spacy_transformer")
"""spaCy's own tagger and ner, to compare with."""
METRICS = {"ents_f": "NER F1", "tag_acc": "tag accuracy"}
"""The scores whose differences are tested."""


def compare_command(
    corpus: Annotated[Path, typer.Argument(help="Folder that `convert` wrote")],
    out: Annotated[Path, typer.Argument(help="Folder with a folder for each system, and for compare.md and .json")],
    configs: Annotated[Path, typer.Option(help="Folder of the training configs")] = Path("configs"),
    systems: Annotated[str, typer.Option(help="Which systems, separated by commas")] = ",".join((*SYSTEMS, *BASELINES)),
    transformer: Annotated[
        str | None, typer.Option(help="Pretrained transformer, a folder or a name on the Hub")
    ] = None,
    gpu_id: Annotated[int, typer.Option("--gpu-id", help="GPU ID, or -1 for the CPU")] = -1,
) -> None:
    """Train each system, unless it is trained on this corpus already, and write tables as Markdown and JSON."""
    path = evaluation_file(corpus)
    names = [name.strip() for name in systems.split(",")]
    missing = [name for name in names if not (configs / f"{name}.cfg").is_file()]
    if missing:
        msg.fail(f"{configs} has no config for {', '.join(missing)}", exits=1)
    seen = seen_in_training(path)
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
        results[name] = measure(out / name, path, seen, gpu_id)
        write_scores(out / name / "compare.json", results[name])
        # After each system, so that an interrupted comparison has what it measured.
        write_comparison(out, path, results)
    if results:
        print((out / "compare.md").read_text(encoding="utf8"))
    if failed:
        msg.fail(f"Training failed: {', '.join(failed)}", exits=1)
    msg.good(f"Saved the tables to {out / 'compare.md'} and {out / 'compare.json'}")


def measure(folder: Path, path: Path, seen: "Seen | None", gpu_id: int) -> dict[str, Any]:
    """The scores of a trained system, its words per second, the minutes of its training and its size on disk."""
    nlp = load_pipeline(str(folder / "model-best"), gpu_id)
    scores = evaluate(nlp, path, seen)
    scores["speed"] = words_per_second(nlp, path)
    scores["training_minutes"] = srsly.read_json(folder / RECORD)["minutes"]
    scores["megabytes"] = sum(f.stat().st_size for f in (folder / "model-best").rglob("*") if f.is_file()) / 1e6
    return scores


def words_per_second(nlp: "Language", path: Path, *, n_runs: int = 3) -> float:
    """Median words per second of ``nlp.pipe`` on documents with gold tokens; the evaluation before was the warm-up."""
    from ..benchmark.documents import read_texts
    from ..benchmark.speed import pipeline_run

    texts = read_texts(path)
    annotate = pipeline_run(nlp, texts)
    n_words = sum(len(text.words) for text in texts)
    return statistics.median(n_words / annotate()["pipeline"] for _ in range(n_runs))


def write_comparison(out: Path, path: Path, results: dict[str, Any]) -> None:
    """Write what was measured of the systems, and how they differ. The counts of each document, which the tests of the
    differences need, stay in the JSON of each system."""
    compared = differences(results)
    systems = {
        name: {key: value for key, value in scores.items() if key != "documents"} for name, scores in results.items()
    }
    write_scores(out / "compare.json", {"corpus": str(path), "systems": systems, "differences": compared})
    tables = results_table(results) + "\n" + differences_table(list(results), compared)
    (out / "compare.md").write_text(tables, encoding="utf8")


def differences(results: dict[str, Any]) -> dict[str, Any]:
    """For each metric, the best system, and by how much the score of each is above that of each other, with p."""
    from ..evaluation import randomization_test

    compared: dict[str, Any] = {}
    for metric in METRICS:
        counts = {name: np.array(scores["documents"][metric]) for name, scores in results.items() if metric in scores}
        if not counts:
            continue
        above: dict[str, dict[str, dict[str, float]]] = {name: {} for name in counts}
        for one, other in combinations(counts, 2):
            difference = results[one][metric] - results[other][metric]
            p = randomization_test(counts[one], counts[other])
            above[one][other] = {"difference": difference, "p": p}
            above[other][one] = {"difference": -difference, "p": p}
        compared[metric] = {"best": max(counts, key=lambda name: results[name][metric]), "differences": above}
    return compared


def results_table(results: dict[str, Any]) -> str:
    """The results as a Markdown table, scores in per cent; unseen are entities and words that are not in the training
    data."""
    labels = sorted({label for scores in results.values() for label in scores.get("ents_per_type", {})})
    header = [
        "system", "NER P", "NER R", "NER F1", *labels, "NER F1 unseen", "tag accuracy", "tag accuracy unseen",
        "words/s", "training min", "MB",
    ]  # fmt: skip
    rows = []
    for name, scores in results.items():
        cells = [percent(scores.get(key)) for key in ("ents_p", "ents_r", "ents_f")]
        cells += [percent(scores.get("ents_per_type", {}).get(label, {}).get("f")) for label in labels]
        cells.append(percent(scores.get("ents_by_training", {}).get("unseen", {}).get("f")))
        cells.append(percent(scores.get("tag_acc")))
        cells.append(percent(scores.get("tag_acc_by_training", {}).get("unseen", {}).get("acc")))
        cells += [f"{scores['speed']:,.0f}", f"{scores['training_minutes']:.1f}", f"{scores['megabytes']:.1f}"]
        rows.append([f"`{name}`", *cells])
    return markdown_table(header, rows)


def differences_table(names: list[str], compared: dict[str, Any]) -> str:
    """The differences from the best system as a Markdown table, in percentage points."""
    header = ["system"]
    rows = [[f"`{name}`"] for name in names]
    for metric, title in METRICS.items():
        if metric in compared:
            header += [title, "p"]
            best, above = compared[metric]["best"], compared[metric]["differences"]
            for name, row in zip(names, rows, strict=True):
                if name == best:
                    row += ["best", ""]
                elif name in above:
                    row += [f"{100 * above[name][best]['difference']:.2f}", f"{above[name][best]['p']:.4f}"]
                else:
                    row += ["", ""]
    caption = (
        "Differences from the best system, in percentage points, with p of a two-sided approximate randomization test "
        "by document; p is not corrected for the number of tests. `compare.json` has those between all systems.\n\n"
    )
    return caption + markdown_table(header, rows)


def markdown_table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table whose columns but the first are figures."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
