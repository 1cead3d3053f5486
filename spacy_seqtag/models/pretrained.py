"""The pretrained transformer of spacy-transformers, in bounded memory, and with an error that says what to do where it
is missing."""

from collections.abc import Callable
from typing import Any

import numpy as np
from spacy.tokens import Doc, Span
from thinc.api import Model
from thinc.layers.pytorchwrapper import forward
from thinc.types import Floats2d, Ragged

from .types import Tok2Vec
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
) -> Model[list[Doc], Any]:
    """``spacy-transformers.TransformerModel.v3``, with a clear error where the pretrained model cannot be had, and with
    bounded memory: it predicts windows of similar length together, a few at a time, however long the documents are.

    Args:
        name: A local folder, or a name on the Hugging Face Hub.
        get_spans: Cuts documents into the windows that the transformer reads.
        tokenizer_config: Settings of the word-piece tokenizer.
        transformer_config: Settings of the transformer's forward pass.
        mixed_precision: Whether to use half precision on GPU.
        grad_scaler_config: Settings of gradient scaling.

    Raises:
        ImportError: If spacy-transformers is not installed.
    """
    try:
        from spacy_transformers.layers import TransformerModel
    except ImportError:
        raise ImportError(
            "pretrained transformers need a further package: pip install 'spacy-seqtag[transformers]'"
        ) from None
    model: Model[list[Doc], Any] = TransformerModel(
        name, get_spans, dict(tokenizer_config), dict(transformer_config), mixed_precision, dict(grad_scaler_config)
    )
    model.init = init
    model.attrs["replace_listener_cfg"] = replace_listener_cfg
    if not transformer_config:  # Further outputs that one may ask for have other shapes.
        model.layers[0]._func = forward_in_batches
    return model


def build_tok2vec_transformer(
    name: str,
    get_spans: Callable[[list[Doc]], list[list[Span]]],
    pooling: Model[Ragged, Floats2d],
    grad_factor: float = 1.0,
    tokenizer_config: dict[str, Any] = {},  # noqa: B006
    transformer_config: dict[str, Any] = {},  # noqa: B006
    mixed_precision: bool = False,
    grad_scaler_config: dict[str, Any] = {},  # noqa: B006
) -> Tok2Vec:
    """``spacy-transformers.Tok2VecTransformer.v3`` over :func:`build_transformer_model`, which see for the arguments: a
    transformer for one component alone, as ``nlp.replace_listeners`` makes it.

    Args:
        pooling: Makes a token's vector of those of its word pieces.
        grad_factor: Factor of the gradients that the transformer gets.
    """
    from spacy_transformers.layers import split_trf_batch, trfs2arrays
    from thinc.api import chain

    transformer = build_transformer_model(
        name, get_spans, tokenizer_config, transformer_config, mixed_precision, grad_scaler_config
    )
    # A chain of chains, which is the structure that `nlp.replace_listeners` saves.
    model: Tok2Vec = chain(chain(transformer, split_trf_batch()), trfs2arrays(pooling, grad_factor))
    return model


def replace_listener_cfg(transformer: dict[str, Any], listener: dict[str, Any]) -> dict[str, Any]:
    settings: dict[str, Any] = {key: listener[key] for key in ("pooling", "grad_factor") if key in listener}
    return {**transformer, **settings, "@architectures": "spacy-seqtag.Tok2VecTransformer.v1"}


def forward_in_batches(model: Model[Any, Any], pieces: Any, is_train: bool) -> tuple[Any, Callable[[Any], Any]]:
    from spacy_transformers.data_classes import WordpieceBatch
    from transformers.modeling_outputs import BaseModelOutput

    if is_train:
        output: tuple[Any, Callable[[Any], Any]] = forward(model, pieces, is_train)
        return output
    ids, mask, types = pieces.input_ids, pieces.attention_mask, pieces.token_type_ids
    lengths = mask.sum(axis=1).astype("int64").tolist()
    windows = [Window(row, 0, length, 0, length) for row, length in enumerate(lengths)]
    states = None
    for batch in batch_windows(windows, max_padded_tokens=MAX_PADDED_PIECES):
        rows = np.asarray([w.sequence for w in batch])
        # Some tokenizers pad on the left.
        part = np.ix_(rows, np.flatnonzero(mask[rows].any(axis=0)))
        inputs = WordpieceBatch(
            strings=[],
            lengths=[],
            input_ids=ids[part],
            attention_mask=mask[part],
            token_type_ids=None if types is None else types[part],
        )
        state = forward(model, inputs, is_train)[0].last_hidden_state
        if states is None:
            states = state.new_zeros(*ids.shape, state.shape[2])
        states[part] = state
    return BaseModelOutput(last_hidden_state=states), lambda d_output: []


def init(model: Any, X: list[Doc] | None = None, Y: Any = None) -> None:
    from spacy_transformers.layers.transformer_model import init as init_transformer

    try:
        init_transformer(model, X, Y)
    except (OSError, ValueError) as err:
        raise ValueError(
            f"cannot load the pretrained transformer {model.attrs['name']!r}: it is neither a local folder with a "
            "model and its tokenizer, nor can it be fetched from the Hugging Face Hub. Give a local folder: "
            "`spacy project run all . --vars.config bert --vars.transformer FOLDER`, or "
            f"`spacy train configs/bert.cfg --paths.transformer FOLDER`. The error was: {err}"
        ) from err
