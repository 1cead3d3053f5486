"""Loading a pipeline, with errors that say what to do."""

from pathlib import Path
from typing import TYPE_CHECKING

import srsly
from wasabi import msg

if TYPE_CHECKING:
    from spacy.language import Language


def load_pipeline(name: str, gpu_id: int = -1) -> "Language":
    """Load a pipeline by its name or folder, for the CPU (-1) or a GPU; where that fails, say why and exit with 1."""
    import spacy
    from spacy.cli._util import setup_gpu

    from ..pipeline.saving import read

    # What spaCy reads itself, without saying where it fails.
    readers = {"meta.json": srsly.read_json, "config.cfg": spacy.util.load_config}
    try:
        setup_gpu(gpu_id, silent=True)
        for file, reader in readers.items():
            if (path := Path(name) / file).is_file():
                read(reader, path)
        return spacy.load(name)
    except (ImportError, OSError, ValueError) as err:
        msg.fail(f"Cannot load {name!r}: give the folder of a pipeline, or install its package", str(err))
        raise SystemExit(1) from err
