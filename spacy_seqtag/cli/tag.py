"""`tag`: what a pipeline says of a text."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from wasabi import msg

from .load import load_pipeline


def tag_command(
    pipeline: Annotated[str, typer.Argument(help="Name or folder of a pipeline")],
    text: Annotated[str, typer.Argument(help="Text to tag")],
    target: Annotated[
        Path | None, typer.Option(help="Folder into which `pip install --target` installed the pipeline")
    ] = None,
) -> None:
    """Print the tokens of a text with their tags and entities."""
    if target is not None:
        sys.path.insert(0, str(target.resolve()))
    nlp = load_pipeline(pipeline)
    doc = nlp(text)
    msg.good(f"Loaded {nlp.meta['lang']}_{nlp.meta['name']} {nlp.meta['version']} from {nlp.path}")
    rows = [(token.text, token.tag_, f"{token.ent_iob_}-{token.ent_type_}" if token.ent_type_ else "") for token in doc]
    msg.table(rows, header=("token", "tag", "entity"), divider=True)
    msg.info(f"Entities: {', '.join(f'{ent.text} ({ent.label_})' for ent in doc.ents) or 'none'}")
