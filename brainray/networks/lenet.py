"""LeNet3, the smallest convolutional network of paper Table 6."""

from brainray.networks.blocks import ConvNetwork


class LeNet3(ConvNetwork):
    """Three convolutions of 5x5, 3x3 and 3x3 (paper Table 6); 6,016 weights at one channel.

    Taps: ``conv1`` (8 channels), ``conv2`` (16), ``conv3`` (32), ``logits``.
    """

    LAYERS = ((8, 5), (16, 3), (32, 3))
