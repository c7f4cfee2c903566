"""LeNet3 and LeNet5, the plain convolutional networks of paper Table 6."""

from brainray.networks.blocks import ConvNetwork, Layer


class LeNet3(ConvNetwork):
    """Three convolutions of 5x5, 3x3 and 3x3 (paper Table 6); 6,016 weights at one channel.

    Taps: ``conv1`` (8 channels), ``conv2`` (16), ``conv3`` (32), ``logits``.
    """

    LAYERS = (Layer(8, 5), Layer(16, 3), Layer(32, 3))


class LeNet5(ConvNetwork):
    """Five convolutions, the first of 5x5, then of 3x3 (paper Table 6); 98,368 weights.

    Taps: ``conv1`` (8 channels), ``conv2`` (16), ``conv3`` (32), ``conv4`` (64), ``conv5`` (128),
    ``logits``. Table 6 shows it at 112x112; five halvings of a 28x28 image need the rounding up
    of `ConvBlock`: 14, 7, 4, 2, 1.
    """

    LAYERS = (Layer(8, 5), Layer(16, 3), Layer(32, 3), Layer(64, 3), Layer(128, 3))
