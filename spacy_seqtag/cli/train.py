"""`train`: spaCy's own training, and a record of what was trained and how long it took."""

import hashlib
import time
from pathlib import Path
from typing import Annotated, Any

import srsly
import typer
from wasabi import msg

from ..corpus.convert import DICTIONARY, LABELS, STATS

RECORD = "training.json"
"""File beside the trained pipelines: what they were trained from, the minutes and the device."""


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
    force: Annotated[bool, typer.Option("--force", help="Train also if nothing changed since the last time")] = False,
) -> None:
    """Train a config on a converted corpus. Further options override the config, as with `spacy train`."""
    from spacy.cli._util import parse_config_overrides
    from spacy.cli.train import train

    missing = [name for name in ("train.spacy", "dev.spacy") if not (corpus / name).is_file()]
    if missing:
        msg.fail(f"{corpus} has no {' and no '.join(missing)}", "Run `python -m spacy_seqtag convert` first.", exits=1)
    try:
        overrides = training_overrides(config, corpus, transformer) | parse_config_overrides(ctx.args)
        if not force and is_trained(config, corpus, out, overrides):
            msg.good(f"{out} is trained already from this config and corpus; --force trains anew")
            return
        if "nlp.pipeline" in overrides:
            msg.info(f"Training only {', '.join(overrides['nlp.pipeline'])}: the corpus has no annotation for the rest")
        (out / RECORD).unlink(missing_ok=True)
        start = time.monotonic()
        train(config, out, use_gpu=gpu_id, overrides=overrides)
    except ValueError as err:
        msg.fail(f"Cannot train {config}", str(err), exits=1)
    record = {
        "digest": training_digest(config, corpus, overrides),
        "source": corpus_source(corpus),
        "minutes": round((time.monotonic() - start) / 60, 2),
        "device": f"GPU {gpu_id}" if gpu_id >= 0 else "CPU",
    }
    srsly.write_json(out / RECORD, record)


def training_overrides(config: Path, corpus: Path, transformer: str | None) -> dict[str, Any]:
    """What a config is given of the project's settings: the corpus and its language, a transformer only if it has one,
    and of the components only those that the corpus has labels for.

    Raises:
        ValueError: If the config cannot be read, or the corpus has labels for none of its components.
    """
    from spacy.util import load_config

    settings = load_config(config)
    overrides: dict[str, Any] = {"paths.corpus": str(corpus)}
    if (corpus / STATS).is_file():
        overrides["nlp.lang"] = srsly.read_json(corpus / STATS)["lang"]
    if transformer is not None and "transformer" in settings.get("paths", {}):
        overrides["paths.transformer"] = transformer
    pipeline: list[str] = settings["nlp"]["pipeline"]
    unlabelled = [name for name in pipeline if name in LABELS and not (corpus / LABELS[name]).is_file()]
    if unlabelled:
        overrides["nlp.pipeline"] = [name for name in pipeline if name not in unlabelled]
        if not LABELS.keys() & set(overrides["nlp.pipeline"]):
            raise ValueError(f"{corpus} has neither tags nor entities, so there is nothing to learn")
    return overrides


def training_digest(config: Path, corpus: Path, overrides: dict[str, Any]) -> str:
    """A digest of what a training depends on: the config with its overrides, and the data, wherever that lies."""
    from spacy.util import load_config

    settings = {name: value for name, value in overrides.items() if name != "paths.corpus"}
    digest = hashlib.sha256(load_config(config, settings).to_str().encode("utf8"))
    for name in ("train.spacy", "dev.spacy", DICTIONARY, *LABELS.values()):
        if (corpus / name).is_file():
            digest.update((corpus / name).read_bytes())
    return digest.hexdigest()


def is_trained(config: Path, corpus: Path, out: Path, overrides: dict[str, Any]) -> bool:
    """Whether a folder holds a pipeline trained from this config, corpus and overrides."""
    if not (out / RECORD).is_file() or not (out / "model-best").is_dir():
        return False
    recorded: str = srsly.read_json(out / RECORD)["digest"]
    return recorded == training_digest(config, corpus, overrides)


def corpus_source(corpus: Path) -> str:
    """What a corpus was converted from, without the path where that was a folder."""
    if not (corpus / STATS).is_file():
        return ""
    source: str = srsly.read_json(corpus / STATS)["source"]
    return Path(source).resolve().name if Path(source).is_dir() else source
