"""From stored weights to networks that compute."""

from collections.abc import Mapping

import torch
from torch import Tensor

from brainray.errors import NetworkError
from brainray.networks.interface import NetworkSpec, TappedNetwork, build_network


def load_network(spec: NetworkSpec, classes: int, weights: Mapping[str, Tensor]) -> TappedNetwork:
    """Build a network around stored weights, without a copy of them.

    Raises:
        NetworkError: the weights are not those of this network.
    """
    with torch.device("meta"):
        network = build_network(spec, classes)
    try:
        network.load_state_dict(dict(weights), assign=True)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise NetworkError(f"network {spec.name}: {reason}") from error
    return network.eval()
