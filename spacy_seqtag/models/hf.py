"""The layer around a pretrained transformer, which needs spacy-transformers; :mod:`.pretrained` registers it."""

import math
import mmap
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import srsly
import torch
from spacy_transformers.data_classes import HFObjects, TransformerData, WordpieceBatch
from spacy_transformers.layers import trfs2arrays
from spacy_transformers.layers.hf_shim import HFShim
from spacy_transformers.layers.trfs2arrays import forward as forward_arrays
from thinc.api import Model, get_torch_default_device, xp2torch
from thinc.layers.pytorchwrapper import forward
from thinc.types import ArgsKwargs, Floats2d, Ragged
from transformers.modeling_outputs import BaseModelOutput
from transformers.utils.generic import ModelOutput

from .batches import MAX_PADDED_TOKENS, Indices, Places, batches
from .lazy import LazyVectors
from .shim import RestingShim, load_weights, to_floats
from .threads import for_each

MAX_PADDED_PIECES = 1024
"""Most word pieces, padding included, that the transformer predicts at once."""
ROUND = 16
"""Windows are padded to a multiple of so many word pieces: for every other length PyTorch makes kernels of its own, and
keeps them, which takes more memory than a long document."""

Transformer = Model[Any, Any]
"""Takes a ``WordpieceBatch``, gives a ``BaseModelOutput``."""


class PretrainedShim(RestingShim, HFShim):
    """The shim of spacy-transformers, with what :class:`~spacy_seqtag.models.shim.RestingShim` adds."""

    def from_bytes(self, bytes_data: bytes) -> "PretrainedShim":
        """Load the transformer and its tokenizer, without running code that the bytes may bring: the parent unpickles
        the weights with versions of PyTorch that allow it, and takes settings and file names as they are.

        Raises:
            ValueError: If a file of the tokenizer would be written elsewhere, or weights are missing.
        """
        msg = srsly.msgpack_loads(bytes_data)
        if not msg["config"]:
            settings = msg["_init_tokenizer_config"], msg["_init_transformer_config"]
            self._hfmodel = HFObjects(None, None, None, *settings)
            return self
        files = msg["tokenizer"]
        use_fast = files.pop("kwargs", {}).get("use_fast", True)
        with TemporaryDirectory() as folder:
            srsly.write_json(Path(folder) / "config.json", msg["config"])
            for name, content in files.items():
                if name != Path(name).name:
                    raise ValueError(f"the tokenizer has a file {name!r}, which is no plain file name")
                (Path(folder) / name).write_bytes(content)
            config = self.config_cls.from_pretrained(folder, trust_remote_code=False)
            tokenizer = self.tokenizer_cls.from_pretrained(folder, use_fast=use_fast, trust_remote_code=False)
            vocabulary = None
            if hasattr(tokenizer, "vocab_file"):
                vocabulary = (Path(folder) / tokenizer.vocab_files_names["vocab_file"]).read_bytes()
        transformer = self.model_cls.from_config(config, trust_remote_code=False)
        self._model = transformer.to(get_torch_default_device()).eval()
        load_weights(self._model, msg["state"])
        self._hfmodel = HFObjects(tokenizer, self._model, vocabulary, {}, {})
        if getattr(config, "int8", False):
            self.quantize()
        return self

    def quantize(self) -> None:
        super().quantize()
        config: Any = self.module.config
        config.int8 = True  # which is saved with the transformer


def replace_layer(
    model: Any,
    *,
    mixed_layers: int,
    learn_rate_scale: float,
    mixed_precision: bool,
    grad_scaler_config: dict[str, Any],
) -> None:
    """Put the layer of this module in place of spacy-transformers' own.

    Args:
        model: A ``TransformerModel`` of spacy-transformers.
        mixed_layers: Number of layers, counted from the last, whose states are mixed.
        learn_rate_scale: Factor of the learning rate.
        mixed_precision: Whether to use half precision: float16 on GPU, bfloat16 on CPU.
        grad_scaler_config: Settings of gradient scaling.
    """
    config = {**model._init_transformer_config, **({"output_hidden_states": True} if mixed_layers > 1 else {})}
    objects = HFObjects(None, None, None, model._init_tokenizer_config, config)
    # bfloat16 has the range of float32, so only float16 needs its gradients scaled.
    is_scaled = mixed_precision and get_torch_default_device().type == "cuda"
    shim = PretrainedShim(objects, grad_scaler_config={"enabled": is_scaled, **grad_scaler_config})
    shim.mixed_precision = mixed_precision
    shim.learn_rate_scale = learn_rate_scale
    layer: Transformer = model.layers[0]
    layer.shims[0] = shim
    layer.attrs["convert_outputs"] = convert_outputs
    # Further outputs that one may ask for have other shapes.
    layer.attrs["has_further_outputs"] = bool(model._init_transformer_config)
    if not layer.attrs["has_further_outputs"]:
        layer._func = forward_in_batches
    if mixed_layers > 1:
        layer.set_param("mix", layer.ops.alloc1f(mixed_layers))


def convert_outputs(
    model: Transformer, inputs_outputs: tuple[Any, Any], is_train: bool
) -> tuple[ModelOutput, Callable[[Any], ArgsKwargs]]:
    """The states of the last layer, or a learnt mix of the last layers' (Peters et al. 2018, "Deep Contextualized Word
    Representations", without the scale), in single precision; and what else was asked for."""
    output = inputs_outputs[1]
    states = output.last_hidden_state
    if model.has_param("mix"):
        layers = output.hidden_states
        mix = xp2torch(model.get_param("mix"), requires_grad=is_train, device=states.device)
        if is_train:
            mix.register_hook(partial(add_mix_gradient, model))
        states = sum(weight * layer for weight, layer in zip(mix.softmax(0), layers[-len(mix) :], strict=True))
    states = states.float()

    def to_torch(d_output: Any) -> ArgsKwargs:
        return ArgsKwargs(args=((states,),), kwargs={"grad_tensors": tuple(d_output.values())})

    if not model.attrs["has_further_outputs"]:
        return BaseModelOutput(last_hidden_state=states), to_torch
    further = {name: to_single(value) for name, value in output.items() if name != "last_hidden_state"}
    return ModelOutput(last_hidden_state=states, **further), to_torch  # type: ignore[no-untyped-call]


def add_mix_gradient(model: Transformer, gradient: torch.Tensor) -> None:
    """Add a gradient of the mix, which has the scale that half precision on GPU gives to gradients."""
    (scale,) = model.shims[0]._grad_scaler.scale([torch.ones_like(gradient)])  # type: ignore[attr-defined]
    if gradient.isfinite().all():
        model.inc_grad("mix", to_floats(gradient / scale))


def to_single(value: Any) -> Any:
    """A tensor, or each of several, in single precision."""
    return value.float() if isinstance(value, torch.Tensor) else tuple(map(to_single, value))


def batch_pieces(lengths: Indices, device: torch.device) -> list[Indices]:
    """Group windows of similar length, on a CPU of one length: in half precision, padding changes more than the last
    bits of what is computed, and what a document is annotated with should not depend on those beside it. On GPU larger
    groups matter more.

    Args:
        lengths: Number of word pieces of each window.
        device: Where the transformer is.

    Returns:
        The indices of the windows of each group, the groups with most word pieces first.
    """
    groups = [lengths]
    if device.type == "cpu":
        groups = [np.where(lengths == length, lengths, 0) for length in np.unique(lengths)]
    found = [batch for group in groups for batch in batches(group, max_padded_tokens=MAX_PADDED_PIECES)]
    return sorted(found, key=lambda batch: -len(batch) * int(lengths[batch[0]]))


def forward_in_batches(model: Transformer, pieces: Any, is_train: bool) -> tuple[BaseModelOutput, Callable[[Any], Any]]:
    """Predict windows of similar length together, a few at a time."""
    if is_train:
        output: tuple[BaseModelOutput, Callable[[Any], Any]] = forward(model, pieces, is_train)
        return output
    ids, mask, types = pieces.input_ids, pieces.attention_mask, pieces.token_type_ids
    objects: HFObjects = model.shims[0]._hfmodel  # type: ignore[attr-defined]
    most = getattr(objects.transformer.config, "max_position_embeddings", sys.maxsize)
    lengths = mask.sum(axis=1).astype("int64")
    rounded = np.maximum(lengths, np.minimum(-(-lengths // ROUND) * ROUND, most))
    states: Any = None

    def read(rows: Indices) -> None:
        nonlocal states
        # Some tokenizers pad on the left, which moves the pieces from their positions.
        longest = int(lengths[rows].max())
        part = rows[:, None], np.argsort(mask[rows] == 0, axis=1, kind="stable")[:, :longest]
        pad: Any = partial(np.pad, pad_width=((0, 0), (0, int(rounded[rows[0]]) - longest)))
        inputs = WordpieceBatch(
            strings=[],
            lengths=[],
            input_ids=pad(ids[part], constant_values=objects.tokenizer.pad_token_id or 0),
            attention_mask=pad(mask[part]),
            token_type_ids=None if types is None else pad(types[part]),
        )
        state = forward(model, inputs, is_train)[0].last_hidden_state
        if states is None:
            shape = (*ids.shape, state.shape[2])
            states = state.new_zeros(shape) if ids.size <= MAX_PADDED_PIECES or state.is_cuda else sparse_zeros(shape)
        states[part] = state[:, :longest]

    groups = batch_pieces(rounded, get_torch_default_device())
    for group in groups[:1]:
        read(group)  # makes room for the states of all, which may then be read beside each other
    for_each(groups[1:], read)
    return BaseModelOutput(last_hidden_state=states), lambda d_output: []


def sparse_zeros(shape: tuple[int, ...]) -> torch.Tensor:
    """Zeros in single precision that take memory only where something else is written: windows of a document differ
    in their word pieces, and padding all to the longest would take much of the memory."""
    # The system provides pages once they are written to. NumPy's zeros ask for huge pages, which hold whole windows.
    private = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}
    memory = mmap.mmap(-1, 4 * math.prod(shape), **private)
    if hasattr(mmap, "MADV_NOHUGEPAGE"):
        with suppress(OSError):  # of systems without huge pages
            memory.madvise(mmap.MADV_NOHUGEPAGE)
    return torch.frombuffer(memory, dtype=torch.float32).view(shape)


def pool(pooling: Model[Ragged, Floats2d], grad_factor: float) -> Model[list[TransformerData], list[Floats2d]]:
    """spacy-transformers' layer that makes a token's vector of those of its word pieces, here where the vectors of long
    documents are read.

    Args:
        pooling: Makes a vector of several.
        grad_factor: Factor of the gradients that the transformer gets.
    """
    model: Model[list[TransformerData], list[Floats2d]] = trfs2arrays(pooling, grad_factor)
    model._func = forward_pooling
    return model


def forward_pooling(
    model: Model[list[TransformerData], list[Floats2d]], data: list[TransformerData], is_train: bool
) -> tuple[list[Floats2d], Callable[[list[Floats2d]], list[TransformerData]]]:
    is_known = all(isinstance(of_doc, TransformerData) for of_doc in data)
    if is_train or not is_known or sum(len(of_doc.align) for of_doc in data) <= MAX_PADDED_TOKENS:
        output: tuple[list[Floats2d], Callable[[Any], Any]] = forward_arrays(model, data, is_train)
        return output

    def write(places: Places, out: Floats2d) -> None:
        out[:] = 0
        for sequence, start, end, row in places.parts():
            of_doc = data[sequence]
            part = replace(of_doc, align=of_doc.align[start:end])
            out[row : row + end - start] = forward_arrays(model, [part], False)[0][0]

    lengths = [len(of_doc.align) for of_doc in data]
    width = next(of_doc.width for of_doc in data if len(of_doc.align))
    return LazyVectors(model.ops, lengths, width, write), lambda d_output: []
