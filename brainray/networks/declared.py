"""What is declared of a network: the part of `brainray.networks.interface` that needs no torch.

The catalog and the command line know networks by this alone, so that they begin without the
seconds that torch takes.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from brainray import plugins
from brainray.errors import NetworkError
from brainray.shapes import Array, Modality, Raw

LOGITS = "logits"
"""The last tap of every network: its unnormalised class scores, shape `(B, C)`."""

ONNX = "onnx"
"""The architecture of networks whose files are graphs; it is no entry point, for it needs one."""


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


def zoo_of(architecture: str) -> str | None:
    """Return the zoo that names an architecture, e.g. ``timm`` of ``timm/resnet18``."""
    zoo, is_of_zoo, _ = architecture.partition("/")
    return zoo if is_of_zoo else None


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
