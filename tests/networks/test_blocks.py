import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from brainray import seeding
from brainray.errors import NetworkError
from brainray.networks.blocks import ConvBlock, ConvNetwork, Layer
from brainray.networks.lenet import LeNet3, LeNet5
from brainray.networks.medium import MediumNet
from brainray.networks.sparse import SparseNet

TABLE_6 = {
    LeNet3: ((1, 28, 28), [(8, 28, 28), (16, 14, 14), (32, 7, 7)], 6_016),
    MediumNet: (
        (1, 112, 112),
        [(8, 112, 112), (16, 56, 56), (32, 28, 28), (64, 14, 14)],
        24_384,
    ),
    LeNet5: (
        (1, 112, 112),
        [(8, 112, 112), (16, 56, 56), (32, 28, 28), (64, 14, 14), (128, 7, 7)],
        98_368,
    ),
    SparseNet: (
        (1, 112, 112),
        [
            *[(12, 112, 112), (1, 112, 112), (8, 112, 112), (16, 56, 56)],
            *[(32, 28, 28), (64, 14, 14), (128, 7, 7)],
        ],
        12_495,
    ),
}
NETWORKS = pytest.mark.parametrize("architecture", list(TABLE_6))
SIZES = pytest.mark.parametrize("size", [28, 112])


def build(architecture: type[ConvNetwork], input_shape: tuple[int, ...] = (1, 28, 28)):
    with seeding.torch_random(0, "test"):
        return architecture(input_shape, 10)


def convolutions(network: nn.Module) -> list[nn.Conv2d]:
    return [module for module in network.modules() if isinstance(module, nn.Conv2d)]


@NETWORKS
def test_convolutions_have_the_sizes_of_table_6(architecture):
    input_shape, sizes, _ = TABLE_6[architecture]
    network = build(architecture, input_shape)
    seen = []
    for block in network.blocks.values():
        *_, last = convolutions(block)
        last.register_forward_hook(lambda _conv, _in, out: seen.append(tuple(out.shape[1:])))
    network(torch.zeros(2, *input_shape))
    assert seen == sizes


@NETWORKS
def test_convolutions_have_the_weights_of_table_6(architecture):
    convs = convolutions(build(architecture))
    assert sum(p.numel() for conv in convs for p in conv.parameters()) == TABLE_6[architecture][2]


@NETWORKS
@SIZES
def test_taps_are_named_in_order_and_are_halved_maps(architecture, size):
    _, sizes, _ = TABLE_6[architecture]
    taps = build(architecture, (1, size, size)).forward_taps(torch.rand(3, 1, size, size))
    assert list(taps) == [f"conv{i + 1}" for i in range(len(sizes))] + ["logits"]
    side = size
    for (channels, _, _), layer, tap in zip(
        sizes, architecture.LAYERS, list(taps.values())[:-1], strict=True
    ):
        side = -(-side // 2) if layer.pooled else side
        assert tap.shape == (3, channels, side, side)
    assert taps["logits"].shape == (3, 10)


@NETWORKS
@SIZES
def test_features_are_the_taps_averaged_over_positions(architecture, size):
    network = build(architecture, (1, size, size))
    inputs = torch.rand(3, 1, size, size)
    taps = network.forward_taps(inputs)
    features = network.tap_features(inputs)
    assert list(features) == list(taps)
    for name in list(taps)[:-1]:
        torch.testing.assert_close(features[name], taps[name].mean((2, 3)))
    assert torch.equal(features["logits"], taps["logits"])
    assert torch.equal(network(inputs), taps["logits"])


def test_a_block_is_convolution_pooling_and_leaky_relu():
    block = ConvBlock(2, Layer(3, 3))
    maps = torch.randn(4, 2, 9, 9, generator=seeding.torch_generator(0, "maps"))
    conv = block[0]
    expected = nn.functional.conv2d(maps, conv.weight, conv.bias, padding=1)
    # 9 becomes 5: the last window holds one row and column only.
    padded = nn.functional.pad(expected, (0, 1, 0, 1), value=-torch.inf)
    expected = padded.unfold(2, 2, 2).unfold(3, 2, 2).amax((4, 5))
    torch.testing.assert_close(block(maps), torch.where(expected > 0, expected, 0.01 * expected))


def test_a_separable_block_is_a_convolution_of_each_channel_then_one_over_channels():
    block = ConvBlock(2, Layer(3, 3, separable=True, pooled=False))
    maps = torch.randn(4, 2, 6, 6, generator=seeding.torch_generator(0, "maps"))
    depthwise, pointwise = convolutions(block)
    alone = [
        nn.functional.conv2d(
            maps[:, i : i + 1], depthwise.weight[i : i + 1], depthwise.bias[i : i + 1], padding=1
        )
        for i in range(2)
    ]
    expected = nn.functional.conv2d(torch.cat(alone, 1), pointwise.weight, pointwise.bias)
    torch.testing.assert_close(block(maps), torch.where(expected > 0, expected, 0.01 * expected))


@NETWORKS
def test_brightness_and_contrast_of_a_sample_do_not_matter(architecture):
    network = build(architecture)
    inputs = torch.rand(2, 1, 28, 28, generator=seeding.torch_generator(0, "inputs"))
    torch.testing.assert_close(network(0.5 * inputs + 0.2), network(inputs), rtol=1e-2, atol=1e-2)


@NETWORKS
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_blank_sample_gives_finite_logits(architecture, value):
    assert build(architecture)(torch.full((1, 1, 28, 28), value)).isfinite().all()


@NETWORKS
@settings(max_examples=15, deadline=None)
@given(channels=st.integers(1, 4), height=st.integers(1, 40), width=st.integers(1, 40))
def test_any_positive_shape_will_do(architecture, channels, height, width):
    network = build(architecture, (channels, height, width))
    assert network(torch.rand(2, channels, height, width)).shape == (2, 10)


@NETWORKS
@pytest.mark.parametrize("shape", [(), (28, 28), (64,), (1, 0, 28), (1, 28, -1), (1, 1, 28, 28)])
def test_an_impossible_shape_is_refused(architecture, shape):
    with pytest.raises(NetworkError, match=rf"^{architecture.__name__}: input_shape \(") as error:
        architecture(shape, 10)
    assert str(shape) in str(error.value)
    assert "(channels, height, width)" in str(error.value)


@NETWORKS
@pytest.mark.parametrize("classes", [-1, 0, 1])
def test_too_few_classes_are_refused(architecture, classes):
    with pytest.raises(NetworkError, match=f"classes must be at least 2, not {classes}"):
        architecture((1, 28, 28), classes)


@NETWORKS
def test_the_same_seed_gives_the_same_weights(architecture):
    first, second = build(architecture).state_dict(), build(architecture).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


@NETWORKS
def test_variance_survives_the_convolutions(architecture):
    """Kaiming initialisation: a deep map is neither lost nor exploded."""
    inputs = torch.randn(8, 1, 64, 64, generator=seeding.torch_generator(0, "inputs"))
    taps = build(architecture, (1, 64, 64)).forward_taps(inputs)
    deepest = list(taps.values())[-2]
    assert 0.3 < deepest.std() < 10
