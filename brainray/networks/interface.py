"""The seam between a network and what fuses it.

A network names its *taps*, the fusable layers ("key layers" in paper 2.4), from the input to
the output. The pipeline uses it like this::

    prepare = preparation.prepare                    # raw sample -> network input
    inputs = stack([prepare(raw) for raw in raws])   # (B, *preparation.shape)
    network.forward(inputs)                          # (B, C) logits, for pretraining
    network.tap_features(inputs)                     # {tap: (B, D)}, for the feature bank

Architectures and preparations are found by name through the entry-point groups
``brainray.networks`` and ``brainray.preparations``; networks that a zoo names, such as
``timm/resnet18``, through ``brainray.zoos``.
"""

from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from brainray import plugins
from brainray.errors import NetworkError
from brainray.networks.declared import (
    LOGITS,
    NetworkSpec,
    Preparation,
    build_preparation,
    zoo_of,
)

__all__ = [
    "LOGITS",
    "AugmentingPreparation",
    "NetworkSpec",
    "Preparation",
    "TappedNetwork",
    "ViewingPreparation",
    "build_network",
    "build_preparation",
    "tap_names",
    "zoo_of",
]


@runtime_checkable
class AugmentingPreparation(Preparation, Protocol):
    """A preparation that can also vary what it prepared, so that a network sees more than there is.

    Only pretraining does so; a preparation without it gives every epoch the same samples.
    """

    def augment(self, inputs: Tensor, strength: float, generator: torch.Generator) -> Tensor:
        """Return prepared samples of the same classes, each varied by its own random draw.

        Args:
            inputs: prepared samples, shape `(B, *shape)`; they are left as they are.
            strength: in [0, 0.5]; 0 varies nothing.
            generator: the only source of randomness.
        """


@runtime_checkable
class ViewingPreparation(Preparation, Protocol):
    """A preparation that also has two kinds of views of what it prepared.

    Semi-supervised learning makes them agree, self-supervised learning tells those of different
    samples apart. Both leave the inputs as they are and return new ones of the same shape and
    classes, each varied by its own draw from the generator, which is the only source of
    randomness.
    """

    def weak_view(self, inputs: Tensor, generator: torch.Generator) -> Tensor:
        """Return prepared samples `(B, *shape)` that are nearly as they were."""

    def strong_view(self, inputs: Tensor, generator: torch.Generator) -> Tensor:
        """Return prepared samples `(B, *shape)` that are changed as much as their class bears."""


class TappedNetwork(nn.Module):
    """A network whose fusable layers have names.

    Subclasses are built as ``Architecture(input_shape, classes)`` and implement `forward_taps`.
    """

    def forward_taps(self, inputs: Tensor) -> dict[str, Tensor]:
        """Return every tap's activation, from the input to the output; the last is `LOGITS`.

        Args:
            inputs: prepared samples, shape `(B, *preparation.shape)`.
        """
        raise NetworkError(f"{type(self).__name__} does not implement forward_taps")

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the logits, shape `(B, C)`."""
        return self.forward_taps(inputs)[LOGITS]

    def tap_features(self, inputs: Tensor) -> dict[str, Tensor]:
        """Return every tap as one vector a sample, shape `(B, D)`.

        Feature maps `(B, D, ...)` are averaged over all positions, as MFAS does
        (Pérez-Rúa et al., CVPR 2019).
        """
        return {
            name: tap.flatten(2).mean(2) if tap.dim() > 2 else tap
            for name, tap in self.forward_taps(inputs).items()
        }


def build_network(spec: NetworkSpec, classes: int) -> TappedNetwork:
    """Build the untrained network of ``spec`` for ``classes`` classes.

    Raises:
        PluginError: the architecture or the preparation is not installed.
        NetworkError: the architecture does not take this input.
    """
    preparation = build_preparation(spec.preparation)
    network: TappedNetwork
    if zoo := zoo_of(spec.architecture):
        name = spec.architecture.removeprefix(f"{zoo}/")
        network = plugins.load("zoos", zoo)(name, preparation, classes)
    else:
        network = plugins.load("networks", spec.architecture)(preparation.shape, classes)
    return network


def tap_names(spec: NetworkSpec, classes: int) -> tuple[str, ...]:
    """Return the names of a network's taps, from the input to the output; the last is `LOGITS`."""
    preparation = build_preparation(spec.preparation)
    blank = torch.from_numpy(np.zeros((1, *preparation.shape), preparation.dtype))
    with torch.inference_mode():
        return tuple(build_network(spec, classes).eval().forward_taps(blank))
