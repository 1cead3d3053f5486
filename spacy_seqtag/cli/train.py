"""`train`: spaCy's own training, and a record of what was trained and how long it took."""

import hashlib
import shutil
import time
from pathlib import Path
from typing import Annotated, Any

import srsly
import typer
from wasabi import msg

from ..corpus.convert import DICTIONARY, LABELS, STATS, TAG_DICTIONARY

UNFINISHED = ".unfinished"
"""Folder beside the trained pipelines that a training writes to."""
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
    except KeyboardInterrupt:
        state = "has the best pipeline so far" if (out / "model-best").is_dir() else "has no pipeline yet"
        msg.fail(f"Interrupted: {out} {state}")
        raise typer.Exit(130) from None
    record = {
        "digest": training_digest(config, corpus, overrides),
        "source": corpus_source(corpus),
        "minutes": round((time.monotonic() - start) / 60, 2),
        "device": f"GPU {gpu_id}" if gpu_id >= 0 else "CPU",
    }
    srsly.write_json(out / RECORD, record)


def train(config: Path, out: Path, *, use_gpu: int, overrides: dict[str, Any]) -> None:
    """Train as ``spacy train`` does, which removes the best pipeline before it writes the next one: here it writes to a
    folder of its own, from which a pipeline is moved once it is whole. So whatever ends the training, the best pipeline
    that it had is in its place.

    Args:
        config: The training config.
        out: Folder for model-best and model-last.
        use_gpu: GPU ID, or -1 for the CPU.
        overrides: Settings to override.
    """
    from spacy.cli._util import setup_gpu, show_validation_error
    from spacy.training.initialize import init_nlp
    from spacy.training.loop import train as train_nlp
    from spacy.util import load_config

    from ..pipeline.saving import save_safely

    setup_gpu(use_gpu)
    with show_validation_error(config):
        settings = load_config(config, overrides=overrides, interpolate=False)
    msg.divider("Initializing pipeline")
    with show_validation_error(config, hint_fill=False):
        nlp = save_safely(init_nlp(settings, use_gpu=use_gpu))
    msg.divider("Training pipeline")
    unfinished = out / UNFINISHED
    if unfinished.exists():  # of a training that was killed
        shutil.rmtree(unfinished)
    unfinished.mkdir(parents=True)
    update = nlp.update

    def update_between_savings(*args: Any, **kwargs: Any) -> Any:
        move_pipelines(unfinished, out)
        return update(*args, **kwargs)

    nlp.update = update_between_savings  # type: ignore[method-assign]
    try:
        train_nlp(nlp, unfinished, use_gpu=use_gpu)
    finally:
        move_pipelines(unfinished, out)
        shutil.rmtree(unfinished)
    msg.good(f"Saved model-best and model-last in {out}")


def move_pipelines(source: Path, target: Path) -> None:
    """Move the pipelines of a folder that are whole to another one, in place of those that it has."""
    from ..pipeline.saving import is_whole, replace_folder

    for folder in source.glob("model-*"):
        if is_whole(folder):
            replace_folder(target / folder.name, folder)


def training_overrides(config: Path, corpus: Path, transformer: str | None) -> dict[str, Any]:
    """What a config is given of the project's settings: the corpus and its language, with spaCy's tokenizer for any but
    English, a transformer only if it has one, and of the components only those that the corpus has labels for.

    Raises:
        ValueError: If the config cannot be read, or the corpus has labels for none of its components.
    """
    from spacy.util import load_config

    settings = load_config(config)
    overrides: dict[str, Any] = {"paths.corpus": str(corpus)}
    if (corpus / STATS).is_file():
        overrides["nlp.lang"] = lang = srsly.read_json(corpus / STATS)["lang"]
        if lang != "en" and "tokenizer" in settings["nlp"]:  # the configs have one for English
            overrides["nlp.tokenizer.@tokenizers"] = "spacy.Tokenizer.v1"
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
    for name in ("train.spacy", "dev.spacy", DICTIONARY, TAG_DICTIONARY, *LABELS.values()):
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
