"""`evaluate`: the scores of a pipeline on a corpus, and where they come from."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import srsly
import typer
from wasabi import msg

from ..corpus.convert import STATS
from .convert import SAMPLE, demonstration_note
from .load import load_pipeline

if TYPE_CHECKING:
    from spacy.language import Language

    from ..evaluation import Seen

OVERALL = ("tag_acc", "ents_p", "ents_r", "ents_f", "ents_per_type", "speed")
"""The scores that are spaCy's own, by spaCy's names."""
TITLES = {"tag_acc": "Tag accuracy", "ents_p": "NER precision", "ents_r": "NER recall", "ents_f": "NER F1"}
"""The scores that are printed first."""
ON_TEXT = {"token_r": "Tokens recovered", "token_p": "Tokens right", **TITLES}
"""Those on running text."""
N_CONFUSIONS = 10
"""How many confusions are printed; all are in the JSON."""


def evaluate_command(
    pipeline: Annotated[str, typer.Argument(help="Name or folder of a pipeline")],
    corpus: Annotated[Path, typer.Argument(help="Folder that `convert` wrote, or a .spacy file")],
    output: Annotated[Path | None, typer.Option(help="JSON file for the scores")] = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="Score also what is found in the text alone, without the corpus's tokens")
    ] = False,
    gpu_id: Annotated[int, typer.Option("--gpu-id", help="GPU ID, or -1 for the CPU")] = -1,
) -> None:
    """Score a pipeline on the test split of a corpus, or on its dev split if it has no other."""
    path = evaluation_file(corpus)
    nlp = load_pipeline(pipeline, gpu_id)
    try:
        scores = {"corpus": str(path), **evaluate(nlp, path, seen_in_training(path))}
        if raw:
            scores["raw"] = evaluate_raw(nlp, path, scores)
    except ValueError as err:
        msg.fail(f"Cannot evaluate on {path}", str(err))
        raise SystemExit(1) from err
    print_scores(scores)
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        write_scores(output, scores)
        msg.good(f"Saved the scores to {output}")
    stats = path.parent / STATS
    if stats.is_file() and srsly.read_json(stats).get("source") == SAMPLE:
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


def seen_in_training(path: Path) -> "Seen | None":
    """What the train split beside a file holds, if there is one."""
    from ..evaluation import Seen

    train = path.parent / "train.spacy"
    return Seen.in_file(train) if train.is_file() else None


def evaluate(nlp: "Language", path: Path, seen: "Seen | None") -> dict[str, Any]:
    """The scores of a pipeline on a DocBin, named as spaCy names them, its words per second on gold tokens, and the
    parts of `spacy_seqtag.evaluation.BreakdownScorer`.

    Args:
        nlp: The pipeline.
        path: The DocBin.
        seen: What the training data hold, if that is known.
    """
    from ..evaluation import PARTS, BreakdownScorer, examples_with_gold_tokens

    scorer = BreakdownScorer(nlp, seen)
    scores = nlp.evaluate(examples_with_gold_tokens(path, nlp), scorer=scorer)
    return {name: scores[name] for name in (*OVERALL, *PARTS) if scores.get(name) is not None}


def evaluate_raw(nlp: "Language", path: Path, scores: dict[str, Any]) -> dict[str, Any]:
    """The scores of a pipeline on the texts of a DocBin, by `spacy_seqtag.evaluation.score_running_text`, and as
    ``difference`` how far they are above those on gold tokens.

    Args:
        nlp: The pipeline.
        path: The DocBin.
        scores: Those on gold tokens, of `evaluate`. What the pipeline does not predict is not in them.

    Raises:
        ValueError: If the texts are not known.
    """
    from ..evaluation import examples_of_running_text, score_running_text

    on_text = score_running_text(examples_of_running_text(path, nlp))
    on_text = {name: score for name, score in on_text.items() if name.startswith("token") or name in scores}
    difference = {name: score - scores[name] for name, score in on_text.items() if name in scores}
    return {**on_text, "difference": difference}


def write_scores(path: Path, scores: dict[str, Any]) -> None:
    """Write scores as JSON, to the last digit."""
    path.write_text(json.dumps(scores, indent=2) + "\n", encoding="utf8")  # srsly would round to ten digits


def print_scores(scores: dict[str, Any]) -> None:
    """Print the scores as tables, each left out where there is nothing of its kind."""
    confidence = scores["confidence"]
    overall = [
        (title, percent(scores[name]), " to ".join(map(percent, confidence.get(name, ()))))
        for name, title in TITLES.items()
        if name in scores
    ]
    if "speed" in scores:
        overall.append(("Words per second", f"{scores['speed']:,.0f}", ""))
    msg.divider(scores["corpus"])
    print_table(("Overall", "score", f"{confidence['level']:.0%} interval"), overall)
    if (raw := scores.get("raw")) is not None:
        on_text = [
            (title, percent(scores.get(name)), percent(raw[name]), percent(raw["difference"].get(name)))
            for name, title in ON_TEXT.items()
            if name in raw
        ]
        print_table(("On running text", "gold tokens", "text", "difference"), on_text)
    by_type = scores.get("ents_per_type", {})
    n_of_type = {label: sum(row.values()) for label, row in scores.get("ents_confusion", {}).items()}
    entities = [(label, *prf(by_type[label]), n_of_type.get(label, 0)) for label in sorted(by_type)]
    for name, score in scores.get("ents_by_training", {}).items():
        entities.append((f"{name} in training", *prf(score), score["entities"]))
    print_table(("Entities", "P", "R", "F1", "annotated"), entities)
    if "ents_errors" in scores:
        print_table(("Entities found", *scores["ents_errors"]), [("", *scores["ents_errors"].values())])
    words = [
        (f"{name} in training", percent(score["acc"]), score["words"])
        for name, score in scores.get("tag_acc_by_training", {}).items()
    ]
    print_table(("Words", "tag accuracy", "words"), words)
    sentences = [
        (
            "in capitals" if name == "capitals" else f"{name} tokens",
            percent(score.get("tag_acc")),
            percent(score.get("ents_f")),
            score["sentences"],
        )
        for name, score in scores.get("by_sentence", {}).items()
        if score["sentences"] > 0
    ]
    print_table(("Sentences", "tag accuracy", "NER F1", "sentences"), sentences)
    print_table(("Types confused", "times"), most_confused(scores.get("ents_confusion", {})))
    print_table(("Tags confused", "times"), most_confused(scores.get("tag_confusion", {})))
    if TITLES.keys() & scores.keys():
        print_what_is_left_out(scores)


def print_what_is_left_out(scores: dict[str, Any]) -> None:
    """Say which scores a corpus gives no ground for."""
    if "tag_acc_by_training" not in scores and "ents_by_training" not in scores:
        msg.info(f"No train.spacy beside {scores['corpus']}: no scores on what was seen in training and what was not")
    if "by_sentence" not in scores:
        msg.info("The documents have no sentence boundaries: no scores by sentence")
    elif "unsegmented" in scores:
        msg.info(f"Left out of the scores by sentence: {scores['unsegmented']} documents without sentence boundaries")


def print_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table whose columns but the first are figures, if it has rows."""
    if rows:
        msg.table(rows, header=header, divider=True, aligns=("l", *"r" * (len(header) - 1)))


def most_confused(confusion: dict[str, dict[str, int]]) -> list[tuple[str, int]]:
    """The most frequent pairs of a gold label and another that was predicted, and how often."""
    pairs = [
        (f"{gold or '(none)'} as {predicted or '(none)'}", n)
        for gold, row in confusion.items()
        for predicted, n in row.items()
        if gold != predicted
    ]
    return sorted(pairs, key=lambda pair: -pair[1])[:N_CONFUSIONS]


def prf(score: dict[str, Any]) -> tuple[str, str, str]:
    """Precision, recall and F1 in per cent."""
    return percent(score["p"]), percent(score["r"]), percent(score["f"])


def percent(score: float | None) -> str:
    """A score in per cent; nothing where there is none."""
    return "" if score is None else f"{100 * score:.2f}"
