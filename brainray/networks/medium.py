"""MediumNet of paper Table 6."""

from brainray.networks.blocks import ConvNetwork, Layer


class MediumNet(ConvNetwork):
    """Four 3x3 convolutions (paper Table 6); 24,384 weights at one channel.

    Taps: ``conv1`` (8 channels), ``conv2`` (16), ``conv3`` (32), ``conv4`` (64), ``logits``.
    """

    LAYERS = (Layer(8, 3), Layer(16, 3), Layer(32, 3), Layer(64, 3))
