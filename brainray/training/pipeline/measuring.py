"""Measures what each layer of a network costs, for `brainray.training.pipeline.cutting`."""

import time
from collections.abc import Iterator
from statistics import median

import torch
from torch import Tensor, nn

from brainray.errors import TrainingError
from brainray.training.loop import Optimizer
from brainray.training.options import whole
from brainray.training.pipeline.cutting import LayerCost

MOMENTS: dict[Optimizer, int] = {"adam": 2, "sgd": 1}
"""Tensors of an optimizer's state, each as large as its parameter."""


def measure(
    layers: nn.Sequential, example: Tensor, optimizer: Optimizer, repeats: int = 5
) -> list[LayerCost]:
    """Return what each layer costs in training, one after the other.

    Parameters, their gradients and torch's random state are left as they are.

    Args:
        layers: in the mode, training or evaluation, in which they will be trained.
        example: a microbatch of inputs, shape `(B, ...)`.
        optimizer: that will train them.
        repeats: whose median is taken, at least 1; one more comes before them, to warm up.

    Raises:
        TrainingError: there is no layer, or one that does not return one tensor or changes its
            input.
    """
    if len(layers) == 0:
        raise TrainingError("layers: a network without layers cannot be measured")
    whole("repeats", repeats, 1, 1000)
    costs = []
    inputs = example.detach()
    counted = False  # whether the inputs are among the activations of the layer before
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        for number, layer in enumerate(layers):
            name = f"layer {number} ({type(layer).__name__})"
            _refuse_in_place(name, layer, inputs)
            saved, outputs = _saved(layer, inputs)
            if not isinstance(outputs, Tensor):
                raise TrainingError(
                    f"{name}: its output must be one tensor, not {type(outputs).__name__}"
                )
            place = _place(inputs)
            activations = sum(
                size for where, size in saved.items() if not (counted and where == place)
            )
            counted = _place(outputs) in saved or (counted and _place(outputs) == place)
            times = [_seconds(layer, inputs) for _ in range(1 + repeats)][1:]
            costs.append(
                LayerCost(
                    name, median(times), _state_bytes(layer, optimizer), activations, _size(outputs)
                )
            )
            inputs = outputs.detach().requires_grad_(outputs.requires_grad)
    return costs


def _refuse_in_place(name: str, layer: nn.Module, inputs: Tensor) -> None:
    """Raise `TrainingError` if a layer changes its input, which autograd forbids a first layer."""
    copied = inputs.detach().clone()
    with torch.no_grad():
        layer(copied)
    if copied._version > 0:
        raise TrainingError(f"{name}: changes its input in place; build it with inplace=False")


def _saved(layer: nn.Module, inputs: Tensor) -> tuple[dict[int, int], object]:
    """Return the bytes of what a forward keeps for its backward, by place, and the output.

    Parameters and buffers are kept anyway, and are not in it.
    """
    own = {_place(tensor) for tensor in _tensors(layer)}
    kept: list[Tensor] = []  # alive until the end, so that no two have one place

    def pack(tensor: Tensor) -> Tensor:
        kept.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        outputs = layer(inputs)
    return (
        {
            _place(tensor): tensor.untyped_storage().nbytes()
            for tensor in kept
            if _place(tensor) not in own
        },
        outputs,
    )


def _seconds(layer: nn.Module, inputs: Tensor) -> float:
    """Return the time of one forward and one backward."""
    wanted: list[Tensor] = [
        parameter for parameter in layer.parameters() if parameter.requires_grad
    ]
    if inputs.requires_grad:
        wanted.append(inputs)
    begin = time.perf_counter()
    outputs = layer(inputs)
    if outputs.requires_grad:
        torch.autograd.grad(outputs, wanted, torch.ones_like(outputs), allow_unused=True)
    return time.perf_counter() - begin


def _state_bytes(layer: nn.Module, optimizer: Optimizer) -> int:
    """Return the bytes of parameters, buffers, gradients and the optimizer's state."""
    trained = sum(_size(tensor) for tensor in layer.parameters() if tensor.requires_grad)
    return sum(map(_size, _tensors(layer))) + trained * (1 + MOMENTS[optimizer])


def _tensors(layer: nn.Module) -> Iterator[Tensor]:
    yield from layer.parameters()
    yield from layer.buffers()


def _place(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _size(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()
