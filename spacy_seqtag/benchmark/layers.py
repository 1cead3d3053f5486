"""The layers of a pipeline."""

from typing import Any

from spacy.language import Language
from thinc.api import Model


def layers(nlp: Language) -> list[Model[Any, Any]]:
    """The layers of the models of all components, each with those within it."""
    models = [getattr(component, "model", None) for _, component in nlp.pipeline]
    return [layer for model in models if isinstance(model, Model) for layer in model.walk()]
