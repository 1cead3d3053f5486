"""The pretrained transformer of spacy-transformers, with an error that says what to do where there is none."""

from collections.abc import Callable
from typing import Any

from spacy.tokens import Doc, Span
from spacy_transformers.data_classes import FullTransformerBatch
from spacy_transformers.layers import TransformerModel
from spacy_transformers.layers.transformer_model import init as init_transformer
from thinc.api import Model


def build_transformer_model(
    name: str,
    get_spans: Callable[[list[Doc]], list[list[Span]]],
    tokenizer_config: dict[str, Any] = {},  # noqa: B006, spacy-transformers' own signature
    transformer_config: dict[str, Any] = {},  # noqa: B006
    mixed_precision: bool = False,
    grad_scaler_config: dict[str, Any] = {},  # noqa: B006
) -> Model[list[Doc], FullTransformerBatch]:
    """``spacy-transformers.TransformerModel.v3``, with a clear error where the pretrained model cannot be had.

    Args:
        name: A local folder, or a name on the Hugging Face Hub.
        get_spans: Cuts documents into the windows that the transformer reads.
        tokenizer_config: Settings of the word-piece tokenizer.
        transformer_config: Settings of the transformer's forward pass.
        mixed_precision: Whether to use half precision on GPU.
        grad_scaler_config: Settings of gradient scaling.
    """
    model = TransformerModel(
        name, get_spans, dict(tokenizer_config), dict(transformer_config), mixed_precision, dict(grad_scaler_config)
    )
    model.init = init
    return model


def init(model: TransformerModel, X: list[Doc] | None = None, Y: Any = None) -> None:
    try:
        init_transformer(model, X, Y)
    except (OSError, ValueError) as err:
        raise ValueError(
            f"cannot load the pretrained transformer {model.attrs['name']!r}: it is neither a local folder with a "
            "model and its tokenizer, nor can it be fetched from the Hugging Face Hub. Give a local folder: "
            "`spacy project run all . --vars.config bert --vars.transformer FOLDER`, or "
            f"`spacy train configs/bert.cfg --paths.transformer FOLDER`. The error was: {err}"
        ) from err
