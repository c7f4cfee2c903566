"""From stored weights to networks that compute."""

from collections.abc import Mapping

import torch
from torch import Tensor

from brainray.errors import NetworkError
from brainray.networks.interface import NetworkSpec, TappedNetwork, build_network
from brainray.networks.onnx import OnnxNetwork, OnnxTaps


def load_network(
    spec: NetworkSpec,
    classes: int,
    weights: Mapping[str, Tensor],
    graph: OnnxTaps | None = None,
) -> TappedNetwork:
    """Build a network around stored weights, without a copy of them.

    Args:
        spec: the network.
        classes: that it tells apart.
        weights: its own; those of a frozen network are its head's.
        graph: of a frozen network.

    Raises:
        NetworkError: the weights are not those of this network.
    """
    with torch.device("meta"):
        network = OnnxNetwork(graph, classes) if graph else build_network(spec, classes)
    try:
        network.load_state_dict(dict(weights), assign=True)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise NetworkError(f"network {spec.name}: {reason}") from error
    return network.eval()


def quicken(network: TappedNetwork) -> TappedNetwork:
    """Lay the convolutions' weights out so that pictures of few channels take half the time."""
    torch.nn.utils.convert_conv2d_weight_memory_format(network, torch.channels_last)
    return network


def start_from(
    network: TappedNetwork,
    spec: NetworkSpec,
    classes: int,
    weights: Mapping[str, Tensor],
    same_classes: bool,
) -> frozenset[str]:
    """Copy stored weights of the same kind of network into a new one, in place.

    What the stored ones cannot say stays as it is: with other classes the layers whose shape
    depends on the number of classes, and any tensor of another shape.

    Args:
        network: built from ``spec`` for ``classes`` classes.
        spec: of both.
        classes: of the new one.
        weights: of the stored one.
        same_classes: whether both tell the same classes apart.

    Returns:
        The names of the tensors that were copied.

    Raises:
        NetworkError: nothing of the stored weights fits.
    """
    with torch.device("meta"):
        wider = build_network(spec, classes + 1).state_dict()
    own = network.state_dict()
    taken = {
        name: tensor
        for name, tensor in weights.items()
        if name in own
        and tensor.shape == own[name].shape
        and (same_classes or tensor.shape == wider[name].shape)
    }
    if not taken:
        raise NetworkError(f"network {spec.name}: nothing of the weights to start from fits it")
    network.load_state_dict(taken, strict=False)
    return frozenset(taken)
