"""MediumNet of paper Table 6."""

from brainray.networks.blocks import ConvNetwork


class MediumNet(ConvNetwork):
    """Four 3x3 convolutions (paper Table 6); 24,384 weights at one channel.

    Taps: ``conv1`` (8 channels), ``conv2`` (16), ``conv3`` (32), ``conv4`` (64), ``logits``.
    """

    LAYERS = ((8, 3), (16, 3), (32, 3), (64, 3))
