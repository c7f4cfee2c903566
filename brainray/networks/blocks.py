"""What the convolutional networks of paper Table 6 have in common."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from brainray.errors import NetworkError
from brainray.networks.interface import LOGITS, TappedNetwork


def check_build(
    network: str, input_shape: Sequence[int], dimensions: Sequence[str], classes: int
) -> None:
    """Refuse what no network of this kind can be built for.

    Args:
        network: named in the error.
        input_shape: the sizes given.
        dimensions: the names of the sizes wanted, e.g. ``("channels", "height", "width")``.
        classes: the number of classes given.

    Raises:
        NetworkError: another number of sizes, a size below 1, or fewer than 2 classes.
    """
    if len(input_shape) != len(dimensions) or min(input_shape) < 1:
        raise NetworkError(
            f"{network}: input_shape {tuple(input_shape)} must be ({', '.join(dimensions)}), "
            "each at least 1"
        )
    if classes < 2:
        raise NetworkError(f"{network}: classes must be at least 2, not {classes}")


@dataclass(frozen=True)
class Layer:
    """One row of Table 6.

    Attributes:
        channels: of its output.
        kernel: height and width of the convolution.
        separable: a convolution of each channel alone, then one over the channels of 1x1
            (Xception, Chollet, CVPR 2017).
        pooled: whether max pooling by 2 follows.
    """

    channels: int
    kernel: int
    separable: bool = False
    pooled: bool = True


class ConvBlock(nn.Sequential):
    """Convolution of unchanged size, max pooling by 2 if asked for, leaky ReLU (paper Table 6).

    An odd height or width is halved upwards, so that 7 becomes 4 and 1 stays 1.
    """

    def __init__(self, channels_in: int, layer: Layer) -> None:
        activation = nn.LeakyReLU()
        parts: list[nn.Module] = []
        kernel = layer.kernel
        if layer.separable:
            depthwise = nn.Conv2d(
                channels_in, channels_in, kernel, padding="same", groups=channels_in
            )
            nn.init.kaiming_normal_(depthwise.weight, nonlinearity="linear")
            parts.append(_unbiased(depthwise))
            kernel = 1
        conv = nn.Conv2d(channels_in, layer.channels, kernel, padding="same")
        # Without batch norm the variance has to survive by itself: He et al., ICCV 2015, eq. 15.
        nn.init.kaiming_normal_(conv.weight, a=activation.negative_slope)
        parts.append(_unbiased(conv))
        if layer.pooled:
            parts.append(nn.MaxPool2d(2, ceil_mode=True))
        super().__init__(*parts, activation)


def _unbiased(conv: nn.Conv2d) -> nn.Conv2d:
    """Let a convolution start without a bias."""
    assert conv.bias is not None
    nn.init.zeros_(conv.bias)
    return conv


class ConvChain(TappedNetwork):
    """A chain of convolutional blocks; each block's output is a tap ``conv1``, ``conv2``, ….

    The paper gives no classifier. As in the published code of CentralNet (Vielzeuf et al., 2018)
    and MFAS (Pérez-Rúa et al., 2019) the last block is averaged over all positions and one linear
    layer follows, so that any height and width will do. Each sample is brought to mean 0 and
    variance 1 first, a constant one to 0; no weights belong to this. Without it, and without the
    batch norm that Table 6 does not have, the averages are dominated by the sample's own level,
    and spectrograms are hardly learned within a few epochs.

    Args:
        blocks: modules from maps `(B, C, H, W)` to maps, at least one.
        channels: of the last block's maps.
        classes: the number of logits.
    """

    def __init__(self, blocks: Sequence[nn.Module], channels: int, classes: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleDict(
            {f"conv{number}": block for number, block in enumerate(blocks, start=1)}
        )
        self.head = nn.Linear(channels, classes)

    def forward_taps(self, inputs: Tensor) -> dict[str, Tensor]:
        """Return ``conv1``, ``conv2``, … of shape `(B, C', H', W')`, and the logits `(B, C)`.

        Args:
            inputs: shape `(B, C, H, W)`.
        """
        taps: dict[str, Tensor] = {}
        maps_BCHW = functional.layer_norm(inputs, inputs.shape[1:])
        for name, block in self.blocks.items():
            maps_BCHW = block(maps_BCHW)
            taps[name] = maps_BCHW
        taps[LOGITS] = self.head(maps_BCHW.mean((2, 3)))
        return taps


class ConvNetwork(ConvChain):
    """A chain of `ConvBlock`, as a class of fixed layers."""

    LAYERS: tuple[Layer, ...]

    def __init__(self, input_shape: tuple[int, ...], classes: int) -> None:
        """Build the untrained network.

        Args:
            input_shape: `(C, H, W)`.
            classes: the number of logits.

        Raises:
            NetworkError: the shape or the number of classes is impossible.
        """
        check_build(type(self).__name__, input_shape, ("channels", "height", "width"), classes)
        widths = [input_shape[0], *(layer.channels for layer in self.LAYERS)]
        blocks = [ConvBlock(*pair) for pair in zip(widths, self.LAYERS, strict=False)]
        super().__init__(blocks, widths[-1], classes)
