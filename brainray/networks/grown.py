"""Convolutional networks that a search writes layer by layer (paper 3.1.2 and Figure 6).

Figure 6's controller writes for each layer the number of filters, the filter's height and width,
and the stride's height and width; the string is as long as the network is deep. Here it is part of
the architecture's name: ``grown/16x5x5x2x2-32x3x3x1x1`` has two layers. So a network is built
again from its name alone, as those of a zoo are.
"""

import re
from collections.abc import Sequence
from dataclasses import astuple, dataclass

from torch import nn

from brainray.errors import NetworkError
from brainray.networks.blocks import ConvChain, check_build
from brainray.networks.interface import Preparation

GROWN = "grown"
"""The name of these networks in the entry-point group ``brainray.zoos``."""
MOST_LAYERS = 16
LARGEST = 4096
"""Of any number of a layer: beyond it a name is a mistake."""
_LAYER = re.compile(r"([1-9][0-9]{0,3}x){4}[1-9][0-9]{0,3}")


@dataclass(frozen=True)
class ConvLayer:
    """One layer of Figure 6.

    Attributes:
        filters: channels of its output, 1 to `LARGEST`.
        height: of the filters, odd.
        width: of the filters, odd.
        stride_height: how far a filter moves down.
        stride_width: how far a filter moves to the right.
    """

    filters: int
    height: int
    width: int
    stride_height: int
    stride_width: int

    def size_after(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return height and width of the layer's maps: those before it by the stride, upwards."""
        height, width = size
        return -(-height // self.stride_height), -(-width // self.stride_width)


def architecture_of(layers: Sequence[ConvLayer]) -> str:
    """Return the name of the architecture of some layers; `layers_of` gives them back."""
    return f"{GROWN}/" + "-".join("x".join(map(str, astuple(layer))) for layer in layers)


def layers_of(architecture: str) -> tuple[ConvLayer, ...]:
    """Return the layers of an architecture, from the input to the output.

    Raises:
        NetworkError: it is no name of such a network.
    """
    name = architecture.removeprefix(f"{GROWN}/")
    parts = name.split("-")
    if len(parts) > MOST_LAYERS or not all(map(_LAYER.fullmatch, parts)):
        raise NetworkError(
            f"architecture {architecture!r}: must be {GROWN}/ and 1 to {MOST_LAYERS} layers joined "
            "by '-', each filters x height x width x stride height x stride width, such as "
            f"{GROWN}/16x5x5x2x2-32x3x3x1x1"
        )
    layers = tuple(ConvLayer(*map(int, part.split("x"))) for part in parts)
    for layer in layers:
        if max(astuple(layer)) > LARGEST:
            raise NetworkError(f"architecture {architecture!r}: no number may exceed {LARGEST}")
        if layer.height % 2 == 0 or layer.width % 2 == 0:
            raise NetworkError(
                f"architecture {architecture!r}: filters of {layer.height} x {layer.width} have "
                "no middle, height and width must be odd"
            )
    return layers


class GrownBlock(nn.Sequential):
    """Convolution around every position that its stride reaches, group norm, ReLU.

    The norm is over all channels and positions of a sample (one group), so that it means the same
    in training and use, for one sample or many, and on maps of a single position.
    """

    def __init__(self, channels_in: int, layer: ConvLayer) -> None:
        conv = nn.Conv2d(
            channels_in,
            layer.filters,
            (layer.height, layer.width),
            (layer.stride_height, layer.stride_width),
            (layer.height // 2, layer.width // 2),
            bias=False,  # the norm has one
        )
        nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
        super().__init__(conv, nn.GroupNorm(1, layer.filters), nn.ReLU())


class GrownNetwork(ConvChain):
    """A chain of `GrownBlock`; taps ``conv1``, ``conv2``, … and the logits.

    Args:
        layers: from the input to the output, at least one.
        input_shape: `(C, H, W)`; any size will do, a filter may reach beyond the maps.
        classes: the number of logits.

    Raises:
        NetworkError: the shape or the number of classes is impossible.
    """

    def __init__(
        self, layers: Sequence[ConvLayer], input_shape: tuple[int, ...], classes: int
    ) -> None:
        check_build(architecture_of(layers), input_shape, ("channels", "height", "width"), classes)
        widths = [input_shape[0], *(layer.filters for layer in layers)]
        blocks = [GrownBlock(*pair) for pair in zip(widths, layers, strict=False)]
        super().__init__(blocks, widths[-1], classes)


def build(name: str, preparation: Preparation, classes: int) -> GrownNetwork:
    """Build an untrained network.

    Args:
        name: the architecture's, without ``grown/``.
        preparation: gives maps, float32 `(channels, H, W)`.
        classes: the number of logits.

    Raises:
        NetworkError: see `layers_of` and `GrownNetwork`.
    """
    return GrownNetwork(layers_of(name), preparation.shape, classes)
