"""A chain of convolutional blocks as a sequence of layers, for what cuts networks into parts."""

from torch import Tensor, nn
from torch.nn import functional

from brainray.networks.blocks import ConvChain


class Standardize(nn.Module):
    """Brings each sample to mean 0 and variance 1, as `ConvChain` does first."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Return samples of the same shape `(B, ...)`."""
        return functional.layer_norm(inputs, inputs.shape[1:])


class AverageOverPositions(nn.Module):
    """Averages maps, as `ConvChain` does before its head."""

    def forward(self, maps_BCHW: Tensor) -> Tensor:
        """Return one vector a sample, `(B, C)`."""
        return maps_BCHW.mean((2, 3))


def as_sequential(network: ConvChain) -> nn.Sequential:
    """Return the network's own layers in their order; what trains them trains the network.

    Blocks are taken apart, so that a cut may go through one. The outputs are the logits.

    Args:
        network: LeNet, MediumNet, SparseNet or a grown one.
    """
    blocks = [layer for block in network.blocks.values() for layer in block.children()]
    return nn.Sequential(Standardize(), *blocks, AverageOverPositions(), network.head)
