"""`train`: spaCy's own training, and a record of what was trained and how long it took."""

import hashlib
import time
from pathlib import Path
from typing import Annotated, Any

import srsly
import typer
from wasabi import msg

from ..corpus.convert import LABELS, STATS

RECORD = "training.json"
"""File beside the trained pipelines: a digest of what they were trained from, the minutes and the device."""


def train_command(
    ctx: typer.Context,
    config: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Training config, as for `spacy train`")],
    out: Annotated[Path, typer.Argument(help="Folder for model-best and model-last")],
    corpus: Annotated[Path, typer.Option(help="Folder that `convert` wrote")] = Path("corpus"),
    transformer: Annotated[
        str | None,
        typer.Option(help="Pretrained transformer, a folder or a name on the Hub, for the configs that have one"),
    ] = None,
    gpu_id: Annotated[int, typer.Option("--gpu-id", help="GPU ID, or -1 for the CPU")] = -1,
) -> None:
    """Train a config on a converted corpus. Further options override the config, as with `spacy train`."""
    from spacy.cli._util import parse_config_overrides
    from spacy.cli.train import train

    missing = [name for name in ("train.spacy", "dev.spacy") if not (corpus / name).is_file()]
    if missing:
        msg.fail(f"{corpus} has no {' and no '.join(missing)}", "Run `python -m spacy_seqtag convert` first.", exits=1)
    overrides = training_overrides(config, corpus, transformer) | parse_config_overrides(ctx.args)
    if "nlp.pipeline" in overrides:
        msg.info(f"Training only {', '.join(overrides['nlp.pipeline'])}: the corpus has no annotation for the rest")
    (out / RECORD).unlink(missing_ok=True)
    start = time.monotonic()
    try:
        train(config, out, use_gpu=gpu_id, overrides=overrides)
    except ValueError as err:
        msg.fail(f"Cannot train {config}", str(err), exits=1)
    record = {
        "digest": training_digest(config, corpus, overrides),
        "minutes": round((time.monotonic() - start) / 60, 2),
        "device": f"GPU {gpu_id}" if gpu_id >= 0 else "CPU",
    }
    srsly.write_json(out / RECORD, record)


def training_overrides(config: Path, corpus: Path, transformer: str | None) -> dict[str, Any]:
    """What a config is given of the project's settings: the corpus and its language, a transformer only if it has one,
    and of the components only those that the corpus has labels for."""
    from spacy.util import load_config

    settings = load_config(config)
    overrides: dict[str, Any] = {"paths.corpus": str(corpus)}
    if (corpus / STATS).is_file():
        overrides["nlp.lang"] = srsly.read_json(corpus / STATS)["lang"]
    if transformer is not None and "transformer" in settings["paths"]:
        overrides["paths.transformer"] = transformer
    pipeline: list[str] = settings["nlp"]["pipeline"]
    unlabelled = [name for name in pipeline if name in LABELS and not (corpus / LABELS[name]).is_file()]
    if unlabelled:
        overrides["nlp.pipeline"] = [name for name in pipeline if name not in unlabelled]
    return overrides


def training_digest(config: Path, corpus: Path, overrides: dict[str, Any]) -> str:
    """A digest of what a training depends on: the config with its overrides, and the data."""
    from spacy.util import load_config

    digest = hashlib.sha256(load_config(config, overrides).to_str().encode("utf8"))
    for name in ("train.spacy", "dev.spacy"):
        digest.update((corpus / name).read_bytes())
    return digest.hexdigest()
