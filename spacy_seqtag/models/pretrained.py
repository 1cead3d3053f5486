"""The pretrained transformer of spacy-transformers, in bounded memory, and with an error that says what to do where it
is missing."""

from collections.abc import Callable
from typing import Any

import numpy as np
from spacy.tokens import Doc, Span
from spacy_transformers.data_classes import FullTransformerBatch, WordpieceBatch
from spacy_transformers.layers import TransformerModel
from spacy_transformers.layers.transformer_model import init as init_transformer
from thinc.api import Model
from thinc.layers.pytorchwrapper import forward
from transformers.modeling_outputs import BaseModelOutput

from .windows import Window, batch_windows

MAX_PADDED_PIECES = 4096
"""Most word pieces, padding included, that the transformer predicts at once."""


def build_transformer_model(
    name: str,
    get_spans: Callable[[list[Doc]], list[list[Span]]],
    tokenizer_config: dict[str, Any] = {},  # noqa: B006, spacy-transformers' own signature
    transformer_config: dict[str, Any] = {},  # noqa: B006
    mixed_precision: bool = False,
    grad_scaler_config: dict[str, Any] = {},  # noqa: B006
) -> Model[list[Doc], FullTransformerBatch]:
    """``spacy-transformers.TransformerModel.v3``, with a clear error where the pretrained model cannot be had, and with
    bounded memory: it predicts windows of similar length together, a few at a time, however long the documents are.

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
    if not transformer_config:  # Further outputs that one may ask for have other shapes.
        model.layers[0]._func = forward_in_batches
    return model


def forward_in_batches(
    model: Model[WordpieceBatch, BaseModelOutput], pieces: WordpieceBatch, is_train: bool
) -> tuple[BaseModelOutput, Callable[[Any], Any]]:
    if is_train:
        output: tuple[BaseModelOutput, Callable[[Any], Any]] = forward(model, pieces, is_train)
        return output
    ids: Any = pieces.input_ids
    mask: Any = pieces.attention_mask
    types: Any = pieces.token_type_ids
    lengths = mask.sum(axis=1).astype("int64").tolist()
    windows = [Window(row, 0, length, 0, length) for row, length in enumerate(lengths)]
    states = None
    for batch in batch_windows(windows, max_padded_tokens=MAX_PADDED_PIECES):
        rows, longest = np.asarray([w.sequence for w in batch]), batch[0].end
        part = WordpieceBatch(
            strings=[],
            lengths=[],
            input_ids=ids[rows, :longest],
            attention_mask=mask[rows, :longest],
            token_type_ids=None if types is None else types[rows, :longest],
        )
        state = forward(model, part, is_train)[0].last_hidden_state
        if states is None:
            states = state.new_zeros(*ids.shape, state.shape[2])
        states[rows, :longest] = state
    return BaseModelOutput(last_hidden_state=states), lambda d_output: []


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
