"""SparseNet of paper Table 6."""

from brainray.networks.blocks import ConvNetwork, Layer


class SparseNet(ConvNetwork):
    """A plain 3x3 and a 1x1 convolution, then five separable ones; 12,495 weights at one channel.

    Taps: ``conv1`` (12 channels), ``conv2`` (1), ``conv3`` (8), ``conv4`` (16), ``conv5`` (32),
    ``conv6`` (64), ``conv7`` (128), ``logits``.

    The paper says that pooling follows every convolution, but the output sizes of its Table 6
    (112, 112, 112, 56, 28, 14, 7) leave none after the first two; the sizes are followed. All
    that the network sees passes the single channel of ``conv2``, which by itself explains why it
    falls behind the others.
    """

    LAYERS = (
        Layer(12, 3, pooled=False),
        Layer(1, 1, pooled=False),
        Layer(8, 5, separable=True),
        Layer(16, 3, separable=True),
        Layer(32, 3, separable=True),
        Layer(64, 3, separable=True),
        Layer(128, 3, separable=True),
    )
