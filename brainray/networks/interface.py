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

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from brainray import plugins
from brainray.errors import NetworkError
from brainray.shapes import Array, Modality, Raw

LOGITS = "logits"
"""The last tap of every network: its unnormalised class scores, shape `(B, C)`."""


@dataclass(frozen=True)
class NetworkSpec:
    """One network of a sub-region: an architecture and the preparation of its input.

    Attributes:
        name: unique in the catalog, e.g. ``lenet3.image``.
        architecture: name in the entry-point group ``brainray.networks``, or
            ``<zoo>/<name>`` with a zoo in ``brainray.zoos``.
        category: family in the nine-field code (paper Table 1), e.g. ``LeNet``.
        modality: of its input.
        preparation: ``{"name": ..., **options}`` of the entry-point group
            ``brainray.preparations``.
        sub_regions: where it lives, e.g. ``("vision.shape", "vision.other")``.
        functions: the tasks that it does, e.g. ``("classification",)``.
    """

    name: str
    architecture: str
    category: str
    modality: Modality
    preparation: dict[str, Any]
    sub_regions: tuple[str, ...]
    functions: tuple[str, ...] = ()

    def home_in(self, sub_regions: Collection[str]) -> str | None:
        """Return the first of its sub-regions that is one of these or a finer part of one."""
        for home in self.sub_regions:
            if any(home == place or home.startswith(f"{place}.") for place in sub_regions):
                return home
        return None


class Preparation(Protocol):
    """The declared function from a raw sample to a network's input.

    It is stored with the pretrained model and used alike by banks, training, serving and
    export, so that training and serving cannot drift apart.
    """

    @property
    def modality(self) -> Modality:
        """The modality of the raw samples it takes."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one prepared sample, without the batch."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of one prepared sample's numbers."""

    def prepare(self, raw: Raw) -> Array:
        """Return the network input of one raw sample: ``shape``, ``dtype``, finite."""


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


def zoo_of(architecture: str) -> str | None:
    """Return the zoo that names an architecture, e.g. ``timm`` of ``timm/resnet18``."""
    zoo, is_of_zoo, _ = architecture.partition("/")
    return zoo if is_of_zoo else None


def tap_names(spec: NetworkSpec, classes: int) -> tuple[str, ...]:
    """Return the names of a network's taps, from the input to the output; the last is `LOGITS`."""
    preparation = build_preparation(spec.preparation)
    blank = torch.from_numpy(np.zeros((1, *preparation.shape), preparation.dtype))
    with torch.inference_mode():
        return tuple(build_network(spec, classes).eval().forward_taps(blank))


def build_preparation(declared: dict[str, Any]) -> Preparation:
    """Build the preparation that a network declares as ``{"name": ..., **options}``.

    Raises:
        PluginError: the preparation is not installed.
        NetworkError: it does not take these options.
    """
    options = dict(declared)
    factory = plugins.load("preparations", options.pop("name"))
    try:
        preparation: Preparation = factory(**options)
    except (TypeError, ValueError) as error:
        raise NetworkError(f"preparation {declared}: {error}") from error
    return preparation
