"""What can be read off an architecture: structural features and key layers (paper 2.4)."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from brainray.networks.interface import NetworkSpec, build_network, build_preparation
from brainray.seeding import torch_random

CLASSES = 10
"""The number of classes that features and shapes are stated for."""


@dataclass(frozen=True)
class Structure:
    """What an architecture is made of.

    Attributes:
        features: ``input`` (shape of one prepared sample), ``layers`` (how many of each type),
            ``parameters`` at ``classes`` classes.
        taps: ``{"name", "shape"}`` of one sample's activation, from the input to the output.
    """

    features: dict[str, Any]
    taps: list[dict[str, Any]]


def structure_of(spec: NetworkSpec, classes: int = CLASSES) -> Structure:
    """Build the network of ``spec``, run it once over a blank sample and look at it.

    Raises:
        PluginError: the architecture or the preparation is not installed.
        NetworkError: the architecture does not take this input.
    """
    preparation = build_preparation(spec.preparation)
    blank = torch.from_numpy(np.zeros((1, *preparation.shape), preparation.dtype))
    # The weights do not matter; drawing them must not change what the process draws next.
    with torch_random(0), torch.inference_mode():
        network = build_network(spec, classes).eval()
        taps = network.forward_taps(blank)
    leaves = [module for module in network.modules() if next(module.children(), None) is None]
    return Structure(
        features={
            "input": list(preparation.shape),
            "layers": dict(sorted(Counter(type(leaf).__name__ for leaf in leaves).items())),
            "parameters": sum(tensor.numel() for tensor in network.parameters()),
            "classes": classes,
        },
        taps=[{"name": name, "shape": list(tap.shape[1:])} for name, tap in taps.items()],
    )
