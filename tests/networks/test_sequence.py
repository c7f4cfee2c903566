import pytest
import torch
from torch import nn

from brainray import seeding
from brainray.networks.blocks import ConvBlock, ConvChain, Layer
from brainray.networks.grown import ConvLayer, GrownNetwork
from brainray.networks.lenet import LeNet3
from brainray.networks.medium import MediumNet
from brainray.networks.sequence import as_sequential
from brainray.networks.sparse import SparseNet

SHAPE = (2, 12, 9)


@pytest.mark.parametrize(
    "build",
    [
        lambda: LeNet3(SHAPE, 3),
        lambda: MediumNet(SHAPE, 3),
        lambda: SparseNet(SHAPE, 3),
        lambda: GrownNetwork([ConvLayer(4, 3, 5, 2, 1), ConvLayer(6, 3, 3, 1, 1)], SHAPE, 3),
    ],
)
def test_layers_give_the_logits_and_are_the_network_s_own(build):
    with seeding.torch_random(0, "sequence"):
        network: ConvChain = build()
        inputs_BCHW = torch.randn(4, *SHAPE)
    layers = as_sequential(network)
    torch.testing.assert_close(layers(inputs_BCHW), network(inputs_BCHW), rtol=0, atol=0)
    assert set(layers.parameters()) == set(network.parameters())


def test_blocks_are_taken_apart():
    network = ConvChain([ConvBlock(2, Layer(4, 3)), ConvBlock(4, Layer(8, 3))], 8, 3)
    kinds = [type(layer) for layer in as_sequential(network)]
    assert kinds[1:7] == [nn.Conv2d, nn.MaxPool2d, nn.LeakyReLU] * 2
