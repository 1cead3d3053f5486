"""`package`: a trained pipeline to an installable wheel."""

import tempfile
from pathlib import Path
from typing import Annotated, Any

import srsly
import typer

from .train import RECORD


def package_command(
    pipeline: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Folder of a trained pipeline")],
    out: Annotated[Path, typer.Argument(help="Folder for the package")],
    name: Annotated[str, typer.Option(help="Name of the package, without the language code")],
    version: Annotated[str, typer.Option(help="Version of the package")] = "0.1.0",
    licence: Annotated[str, typer.Option("--license", help="Licence of the pipeline, also as to its data")] = "MIT",
) -> None:
    """Build a wheel with `spacy package`; its meta names the licence, the sources, the scores and the requirements."""
    from spacy.cli.package import package
    from spacy.util import load_config

    sources = []
    if (pipeline.parent / RECORD).is_file():
        sources.append(srsly.read_json(pipeline.parent / RECORD)["source"])
    transformer = load_config(pipeline / "config.cfg").interpolate().get("paths", {}).get("transformer")
    if transformer is not None:
        sources.append(Path(transformer).name if Path(transformer).exists() else transformer)
    meta: dict[str, Any] = {
        "description": f"Trained from {' and '.join(sources)} with spacy-seqtag" if sources else "",
        "license": licence,
        "sources": [{"name": source} for source in sources],
    }
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        meta_path = Path(folder) / "meta.json"
        srsly.write_json(meta_path, meta)
        package(
            pipeline,
            out,
            meta_path=meta_path,
            name=name,
            version=version,
            create_sdist=False,
            create_wheel=True,
            force=True,
            silent=False,
        )
