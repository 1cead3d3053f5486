"""Loading a pipeline, with an error that says what to do."""

from typing import TYPE_CHECKING

from wasabi import msg

if TYPE_CHECKING:
    from spacy.language import Language


def load_pipeline(name: str) -> "Language":
    """Load a pipeline by its name or folder; where that fails, say why and exit with 1."""
    import spacy

    try:
        return spacy.load(name)
    except (OSError, ValueError) as err:
        msg.fail(f"Cannot load {name!r}: give the folder of a pipeline, or install its package", str(err), exits=1)
        raise AssertionError from err  # msg.fail exits
