"""The registered pretrained transformers: spacy-transformers' own, in bounded memory, and with an error that says what
to do where they cannot be had."""

from collections.abc import Callable
from typing import Any

from spacy.tokens import Doc, Span
from thinc.api import Model, chain
from thinc.types import Floats2d, Ragged

from .types import Tok2Vec

NEEDS_TRANSFORMERS = "pretrained transformers need a further package: pip install 'spacy-seqtag[transformers]'"


def build_transformer_model(
    name: str,
    get_spans: Callable[[list[Doc]], list[list[Span]]],
    tokenizer_config: dict[str, Any] = {},  # noqa: B006, spacy-transformers' own signature
    transformer_config: dict[str, Any] = {},  # noqa: B006
    mixed_precision: bool = False,
    grad_scaler_config: dict[str, Any] = {},  # noqa: B006
    mixed_layers: int = 1,
    learn_rate_scale: float = 1.0,
) -> Model[list[Doc], Any]:
    """``spacy-transformers.TransformerModel.v3``, with a clear error where the pretrained model cannot be had, and with
    bounded memory: it predicts windows of similar length together, a few at a time, however long the documents are.

    Args:
        name: A local folder, or a name on the Hugging Face Hub.
        get_spans: Cuts documents into the windows that the transformer reads.
        tokenizer_config: Settings of the word-piece tokenizer.
        transformer_config: Settings of the transformer's forward pass.
        mixed_precision: Whether to use half precision: float16 on GPU, bfloat16 on CPU.
        grad_scaler_config: Settings of gradient scaling.
        mixed_layers: Number of layers, counted from the last, of whose states a learnt mix is the output.
        learn_rate_scale: Factor of the learning rate of the pretrained weights, to train new layers faster than them.

    Raises:
        ImportError: If spacy-transformers is not installed.
    """
    try:
        from spacy_transformers.layers import TransformerModel

        from .hf import replace_layer
    except ImportError:
        raise ImportError(NEEDS_TRANSFORMERS) from None
    model: Model[list[Doc], Any] = TransformerModel(
        name, get_spans, dict(tokenizer_config), dict(transformer_config), mixed_precision, dict(grad_scaler_config)
    )
    replace_layer(
        model,
        mixed_layers=mixed_layers,
        learn_rate_scale=learn_rate_scale,
        mixed_precision=mixed_precision,
        grad_scaler_config=dict(grad_scaler_config),
    )
    model.init = init
    model.attrs["replace_listener_cfg"] = replace_listener_cfg
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
    mixed_layers: int = 1,
    learn_rate_scale: float = 1.0,
) -> Tok2Vec:
    """``spacy-transformers.Tok2VecTransformer.v3`` over :func:`build_transformer_model`, which see for the arguments: a
    transformer for one component alone, as ``nlp.replace_listeners`` makes it.

    Args:
        pooling: Makes a token's vector of those of its word pieces.
        grad_factor: Factor of the gradients that the transformer gets.
    """
    from spacy_transformers.layers import split_trf_batch

    transformer = build_transformer_model(
        name,
        get_spans,
        tokenizer_config,
        transformer_config,
        mixed_precision,
        grad_scaler_config,
        mixed_layers,
        learn_rate_scale,
    )
    from .hf import pool

    # A chain of chains, which is the structure that `nlp.replace_listeners` saves.
    model: Tok2Vec = chain(chain(transformer, split_trf_batch()), pool(pooling, grad_factor))
    return model


def build_transformer_listener(
    pooling: Model[Ragged, Floats2d], grad_factor: float = 1.0, upstream: str = "*"
) -> Tok2Vec:
    """``spacy-transformers.TransformerListener.v1``, with bounded memory: where what comes next reads a part at a time,
    as the encoders and the linear heads of this package do, the vectors of long documents are made a part at a time.

    Args:
        pooling: Makes a token's vector of those of its word pieces.
        grad_factor: Factor of the gradients that the transformer gets.
        upstream: Name of the transformer component, "*" for any.

    Raises:
        ImportError: If spacy-transformers is not installed.
    """
    try:
        from spacy_transformers.layers import TransformerListener

        from .hf import pool
    except ImportError:
        raise ImportError(NEEDS_TRANSFORMERS) from None
    listener = TransformerListener(upstream_name=upstream)
    model: Tok2Vec = chain(listener, pool(pooling, grad_factor))
    model.set_ref("listener", listener)
    return model


def replace_listener_cfg(transformer: dict[str, Any], listener: dict[str, Any]) -> dict[str, Any]:
    settings = listener_settings(listener)
    return {**transformer, **settings, "@architectures": "spacy-seqtag.Tok2VecTransformer.v1"}


def listener_settings(config: dict[str, Any]) -> dict[str, Any]:
    """The settings of a listener, which may be one of several layers."""
    if "pooling" in config:
        return {key: config[key] for key in ("pooling", "grad_factor") if key in config}
    sections = (listener_settings(value) for value in config.values() if isinstance(value, dict))
    return next(filter(None, sections), {})


def init(model: Any, X: list[Doc] | None = None, Y: Any = None) -> None:
    from spacy_transformers.layers.transformer_model import huggingface_from_pretrained

    if model.attrs["has_transformer"]:
        return
    try:
        transformer = huggingface_from_pretrained(
            model.attrs["name"], model._init_tokenizer_config, model._init_transformer_config
        )
    except (OSError, ValueError) as err:
        raise ValueError(
            f"cannot load the pretrained transformer {model.attrs['name']!r}: it is neither a local folder with a "
            "model and its tokenizer, nor can it be fetched from the Hugging Face Hub. Give a local folder: "
            "`spacy project run all . --vars.config bert --vars.transformer FOLDER`, or "
            f"`spacy train CONFIG --paths.transformer FOLDER`. The error was: {err}"
        ) from err
    n_layers = transformer.transformer.config.num_hidden_layers + 1
    layer = model.layers[0]
    if layer.has_param("mix") and len(layer.get_param("mix")) > n_layers:
        raise ValueError(
            f"mixed_layers is {len(layer.get_param('mix'))}, but the transformer has {n_layers} with its embedding"
        )
    model.attrs["set_transformer"](model, transformer)
