"""The bridge between Thinc and PyTorch modules whose sizes are known only at initialization."""

import copy
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from io import BytesIO
from pickle import UnpicklingError
from typing import Any

import numpy as np
import srsly
import torch
from thinc.api import Model, Optimizer, PyTorchShim, get_torch_default_device, torch2xp, xp2torch
from thinc.layers.pytorchwrapper import forward
from thinc.shims import Shim
from thinc.types import ArgsKwargs, FloatsXd

from .pytorch.prepared import forget
from .quantization import quantized
from .threads import can_set_threads, one_thread
from .types import MixedPrecision

Dims = dict[str, int]

SMALL_WORK = 50_000_000
"""Weights times tokens up to which a module predicts with one thread. That is about a millisecond of work, and less for
each of several threads than it takes to wake them up and to wait for the last at every step of a recurrent network:
on a machine that has other things to do, many times longer."""


@cache
def has_bfloat16() -> bool:
    """Whether the CPU computes in bfloat16; where it does not, PyTorch emulates it, which is slower than float32."""
    return bool(torch.cpu._is_avx512_bf16_supported())


class RestingShim(PyTorchShim):
    """A ``PyTorchShim`` whose module rests in evaluation mode, so that threads can predict at once.

    It differs from its parent further in that parameters are updated in place; that the optimizer's parameter averages
    apply to them; and that a copy is a new set of parameters to the optimizer.
    """

    learn_rate_scale = 1.0
    """Factor of the optimizer's learning rate for the module's parameters."""
    mixed_precision: MixedPrecision = False
    int8: torch.nn.Module | None = None
    """What predicts in place of the module, once it is quantized."""

    @property
    def module(self) -> torch.nn.Module:
        """The module; an error if there is none yet."""
        if self._model is None:
            raise ValueError("the PyTorch module has no weights yet: call nlp.initialize() or load a trained pipeline")
        module: torch.nn.Module = self._model
        return module

    def predict(self, inputs: ArgsKwargs) -> Any:
        if self.int8 is not None:
            with torch.inference_mode():
                return self.int8(*inputs.args, **inputs.kwargs)
        module = self.module
        with torch.inference_mode(), self.autocast(bool(self.mixed_precision)):
            return module(*inputs.args, **inputs.kwargs)

    def quantize(self) -> None:
        """Predict with linear and recurrent layers in int8 from now on, also when saved and loaded again.

        Raises:
            ValueError: If there is no module yet, or PyTorch cannot quantize on this machine.
        """
        self.int8 = quantized(self.module)

    def begin_update(self, inputs: ArgsKwargs) -> Any:
        if self.int8 is not None:
            raise ValueError("a quantized pipeline cannot be trained: train the one that it was made from")
        module = self.module
        # The parent enters or forbids half precision on GPU itself.
        half = self.mixed_precision is True
        self._mixed_precision = half and self.device.type == "cuda"
        try:
            with self.autocast(half):
                return super().begin_update(inputs)
        finally:
            module.eval()

    def autocast(self, half: bool) -> AbstractContextManager[Any]:
        """Half precision, where it is asked for and the device computes in it."""
        if half:
            device = self.device.type
            if device == "cuda" or (device == "cpu" and has_bfloat16()):
                return torch.autocast(device)
        return nullcontext()

    def finish_update(self, optimizer: Optimizer) -> None:
        # In place: the parent gives each parameter a new storage that wraps the old one, a chain that grows with every
        # step and keeps the memory between its links from being used again.
        for name, parameter in self.module.named_parameters():
            if parameter.grad is not None and not self._grad_scaler.found_inf:
                weights, gradient = to_floats(parameter.data), to_floats(parameter.grad)
                weights, _ = optimizer((self.id, name), weights, gradient, lr_scale=self.learn_rate_scale)
                updated = xp2torch(weights, device=parameter.device)
                if updated.data_ptr() != parameter.data_ptr():
                    parameter.data.copy_(updated)
            parameter.grad = None
        forget(self.module)  # PyTorch has not seen the weights change
        self._grad_scaler.update()

    @contextmanager
    def use_params(self, params: dict[Any, Any]) -> Iterator[None]:
        backup = {}
        for name, parameter in self.module.named_parameters() if self._model is not None else ():
            if (self.id, name) in params:
                backup[parameter] = parameter.data
                parameter.data = xp2torch(params[(self.id, name)], device=parameter.device)
        if backup:
            forget(self.module)  # the arrays may have been given before, with other values
        try:
            yield
        finally:
            for parameter, data in backup.items():
                parameter.data = data
            if backup:
                forget(self.module)

    def to_device(self, device_type: str, device_id: int) -> None:
        if self._model is not None:
            super().to_device(device_type, device_id)

    def copy(self) -> Any:
        copied = copy.deepcopy(self)
        copied.renew_id()
        return copied

    def renew_id(self) -> None:
        """Become a new set of parameters to the optimizer."""
        with Shim.global_id_lock:
            Shim.global_id += 1
            self.id = Shim.global_id


class ModuleShim(RestingShim):
    """A shim that builds its module when the sizes are known, be it from data or from a saved model. Weights load
    without unpickling code.

    Args:
        build: Called with the sizes as keywords, returns the module.
    """

    def __init__(self, build: Callable[..., torch.nn.Module]) -> None:
        super().__init__(None)
        self.build = build
        self.on = get_torch_default_device()

    @property
    def device(self) -> torch.device:
        """The device of the module."""
        return self.on

    def to_device(self, device_type: str, device_id: int) -> None:
        super().to_device(device_type, device_id)
        self.on = torch.device("cuda", device_id) if device_type == "gpu" else torch.device("cpu")

    def construct(self, dims: Dims) -> None:
        """Build the module with fresh weights, on the device in use."""
        self.renew_id()
        self.cfg = dict(dims)
        self.int8 = None
        self.on = get_torch_default_device()
        self._model = self.build(**dims).to(self.on).eval()
        self.n_weights = sum(weights.numel() for weights in self._model.parameters())

    def predict(self, inputs: ArgsKwargs) -> Any:
        if self._model is None or not self.is_small(inputs.args[0]) or not can_set_threads():
            return super().predict(inputs)
        with one_thread():
            return super().predict(inputs)

    def is_small(self, x: Any) -> bool:
        """Whether predicting is too little work for several threads.

        Args:
            x: The module's input: vectors, or rows of an embedding.
        """
        n_tokens = x.numel() // x.shape[-1] if x.is_floating_point() else x.numel()
        return self.device.type == "cpu" and bool(n_tokens * self.n_weights <= SMALL_WORK)

    def to_bytes(self) -> bytes:
        state = BytesIO()
        if self._model is not None:
            torch.save(self._model.state_dict(), state)
        serialized: bytes = srsly.msgpack_dumps(
            {"dims": self.cfg, "state": state.getvalue(), "int8": self.int8 is not None}
        )
        return serialized

    def from_bytes(self, bytes_data: bytes) -> "ModuleShim":
        msg = srsly.msgpack_loads(bytes_data)
        if msg["state"]:
            self.construct(msg["dims"])
            load_weights(self.module, msg["state"])
            if msg.get("int8"):
                self.quantize()
        return self


def load_weights(module: torch.nn.Module, state: bytes) -> None:
    """Load weights that ``torch.save`` wrote into a module; nothing else is unpickled. Integers beside them, such as
    the numbers of positions, in which versions of a library differ, need not fit.

    Raises:
        ValueError: If the weights cannot be read, or are not those of the module.
    """
    try:
        weights = torch.load(BytesIO(state), map_location="cpu", weights_only=True)
        differences = module.load_state_dict(weights, strict=False)
    except (RuntimeError, EOFError, UnpicklingError) as err:
        raise ValueError(f"the weights are damaged, or not of this {type(module).__name__}: {err}") from err
    lacking = dict(module.named_parameters()).keys() & set(differences.missing_keys)
    further = {name for name in differences.unexpected_keys if weights[name].is_floating_point()}
    if lacking or further:
        raise ValueError(
            f"the weights are not of this {type(module).__name__}: only one of the two has "
            f"{', '.join(sorted(lacking | further))}"
        )


def wrap_module(
    name: str,
    build: Callable[..., torch.nn.Module],
    *,
    init: Callable[..., None],
    convert_inputs: Callable[..., Any],
    nI: int | None = None,
    nO: int | None = None,
) -> Model[Any, Any]:
    """Wrap a PyTorch module as Thinc's ``PyTorchWrapper`` does, for a module that is built at initialization.

    Args:
        name: Name of the layer.
        build: Returns the module, called with the sizes that ``init`` gives.
        init: Thinc's ``init`` callback; it calls :func:`construct`.
        convert_inputs: As for ``PyTorchWrapper``.
        nI: Input width, if known.
        nO: Output width, if known.
    """
    return Model(
        name,
        forward,
        init=init,
        dims={"nI": nI, "nO": nO},
        attrs={"convert_inputs": convert_inputs, "convert_outputs": convert_outputs},
        shims=[ModuleShim(build)],
    )


def convert_outputs(
    model: Model[Any, Any], inputs_outputs: tuple[Any, torch.Tensor], is_train: bool
) -> tuple[FloatsXd, Callable[[FloatsXd], ArgsKwargs]]:
    """Hand a module's output tensor to Thinc, and its gradient back."""
    y = inputs_outputs[1].float()  # Thinc's arrays are in single precision

    def to_torch(dY: FloatsXd) -> ArgsKwargs:
        return ArgsKwargs(args=((y,),), kwargs={"grad_tensors": (xp2torch(dY, device=y.device),)})

    return to_floats(y), to_torch


def to_floats(x: torch.Tensor) -> Any:
    """A tensor of floats as an array of Thinc's, which shares its memory."""
    # For a sentence the case distinctions of Thinc's functions cost more than what they distinguish.
    return x.detach().numpy() if x.device.type == "cpu" else torch2xp(x)


def to_tensor(model: Model[Any, Any], x: Any, *, requires_grad: bool = False) -> torch.Tensor:
    """An array of Thinc's as a tensor on the device of the module of a model that :func:`wrap_module` made; where it is
    there already, they share their memory."""
    device = module_shim(model).device
    if isinstance(x, np.ndarray) and device.type == "cpu":
        return torch.from_numpy(x).requires_grad_(requires_grad)
    return xp2torch(x, requires_grad=requires_grad, device=device)


def module_shim(model: Model[Any, Any]) -> ModuleShim:
    """The shim of a model that :func:`wrap_module` made."""
    shim = model.shims[0]
    assert isinstance(shim, ModuleShim)
    return shim


def has_weights(model: Model[Any, Any]) -> bool:
    """Whether a model has its weights, those of PyTorch modules and Thinc's, by initialization or from a saved one."""
    nodes = list(model.walk())
    shims = [shim for node in nodes for shim in node.shims if isinstance(shim, ModuleShim)]
    return all(shim._model is not None for shim in shims) and all(
        node.has_param(name) for node in nodes for name in node.param_names
    )


def construct(model: Model[Any, Any], **dims: int) -> None:
    """Build the module of a model that :func:`wrap_module` made, with fresh weights."""
    module_shim(model).construct(dims)
