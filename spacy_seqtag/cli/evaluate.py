"""`evaluate`: the scores of a pipeline on a corpus."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import srsly
import typer
from wasabi import msg

from .load import load_pipeline

if TYPE_CHECKING:
    from spacy.language import Language


def evaluate_command(
    pipeline: Annotated[str, typer.Argument(help="Name or folder of a pipeline")],
    corpus: Annotated[Path, typer.Argument(help="Folder that `convert` wrote, or a .spacy file")],
    output: Annotated[Path | None, typer.Option(help="JSON file for the scores")] = None,
    gpu_id: Annotated[int, typer.Option("--gpu-id", help="GPU ID, or -1 for the CPU")] = -1,
) -> None:
    """Score a pipeline on the test split of a corpus, or on its dev split if it has no other."""
    path = evaluation_file(corpus)
    nlp = load_pipeline(pipeline, gpu_id)
    try:
        scores = {"corpus": str(path), **evaluate(nlp, path)}
    except ValueError as err:
        msg.fail(f"Cannot evaluate on {path}", str(err))
        raise SystemExit(1) from err
    print_scores(scores)
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        srsly.write_json(output, scores)
        msg.good(f"Saved the scores to {output}")
    stats = path.parent / "stats.json"
    if stats.is_file() and srsly.read_json(stats).get("source") == "sample":
        from .convert import demonstration_note

        demonstration_note()


def evaluation_file(corpus: Path) -> Path:
    """The file to evaluate on: the test split, or where there is none the dev split, which is then said."""
    if corpus.is_file():
        return corpus
    if (corpus / "test.spacy").is_file():
        return corpus / "test.spacy"
    if (corpus / "dev.spacy").is_file():
        msg.info(f"{corpus} has no test split: these are scores on its dev split")
        return corpus / "dev.spacy"
    msg.fail(f"{corpus} has neither test.spacy nor dev.spacy", "Run `python -m spacy_seqtag convert` first.")
    raise SystemExit(1)


def evaluate(nlp: "Language", path: Path) -> dict[str, Any]:
    """The scores of a pipeline on a DocBin, named as spaCy names them, and its words per second on gold tokens."""
    from spacy.training import Corpus

    scores = nlp.evaluate(list(Corpus(path)(nlp)))
    names = ("tag_acc", "ents_p", "ents_r", "ents_f", "ents_per_type", "speed")
    return {name: scores[name] for name in names if scores.get(name) is not None}


def print_scores(scores: dict[str, Any]) -> None:
    """Print the scores as tables."""
    overall = {"tag_acc": "Tag accuracy", "ents_p": "NER precision", "ents_r": "NER recall", "ents_f": "NER F1"}
    rows = [(title, f"{100 * scores[name]:.2f}") for name, title in overall.items() if name in scores]
    if "speed" in scores:
        rows.append(("Words per second", f"{scores['speed']:,.0f}"))
    msg.table(rows, title=scores["corpus"], aligns=("l", "r"))
    if scores.get("ents_per_type"):
        per_type = [
            (label, *(f"{100 * s[key]:.2f}" for key in ("p", "r", "f")))
            for label, s in sorted(scores["ents_per_type"].items())
        ]
        msg.table(per_type, header=("", "P", "R", "F1"), divider=True, aligns=("l", "r", "r", "r"))
