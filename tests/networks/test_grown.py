import pytest
import torch

from brainray.errors import NetworkError
from brainray.networks.grown import ConvLayer, GrownNetwork, architecture_of, layers_of
from brainray.networks.interface import NetworkSpec, build_network, tap_names
from brainray.pipeline.versions import recipe_versions

LAYERS = (ConvLayer(8, 5, 3, 2, 1), ConvLayer(16, 1, 7, 1, 3))
ARCHITECTURE = "grown/8x5x3x2x1-16x1x7x1x3"


def test_a_name_holds_the_tokens_of_every_layer() -> None:
    assert architecture_of(LAYERS) == ARCHITECTURE
    assert layers_of(ARCHITECTURE) == LAYERS


@pytest.mark.parametrize("size", [(1, 1), (2, 9), (28, 28), (40, 7)])
def test_a_network_takes_any_size_and_has_a_tap_a_layer(size: tuple[int, int]) -> None:
    network = GrownNetwork(LAYERS, (3, *size), classes=5)
    taps = network.forward_taps(torch.rand(2, 3, *size))
    after, expected = size, {}
    for number, layer in enumerate(LAYERS, start=1):
        after = layer.size_after(after)
        expected[f"conv{number}"] = (2, layer.filters, *after)
    assert {name: tuple(tap.shape) for name, tap in taps.items()} == expected | {"logits": (2, 5)}
    assert taps["logits"].isfinite().all()
    assert taps["conv2"].any()  # the norm leaves something even on a single position


def test_a_sample_is_answered_the_same_alone_and_among_others() -> None:
    network = GrownNetwork(LAYERS, (1, 12, 12), classes=3)
    inputs = torch.rand(4, 1, 12, 12)
    torch.testing.assert_close(network(inputs)[:1], network(inputs[:1]))


def test_it_is_built_from_a_spec_as_any_network() -> None:
    preparation = {"name": "log_spectrogram", "size": 56, "window": 110}
    spec = NetworkSpec("g", ARCHITECTURE, "Grown", "audio", preparation, ("audition.sound",))
    assert tap_names(spec, 4) == ("conv1", "conv2", "logits")
    assert build_network(spec, 4).head.out_features == 4
    assert recipe_versions(ARCHITECTURE).keys() == {"brainray", "torch"}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("grown/", "must be grown/ and 1 to 16 layers"),
        ("grown/8x3x3x1", "must be grown/ and 1 to 16 layers"),
        ("grown/0x3x3x1x1", "must be grown/ and 1 to 16 layers"),
        ("grown/8x2x3x1x1", "filters of 2 x 3 have no middle"),
        ("grown/9999x3x3x1x1", "no number may exceed 4096"),
        ("-".join(["grown/8x3x3x1x1", *["8x3x3x1x1"] * 16]), "1 to 16 layers"),
    ],
)
def test_what_is_no_string_of_layers_is_refused(name: str, why: str) -> None:
    with pytest.raises(NetworkError, match=why):
        layers_of(name)
