import pytest
import torch

from brainray.networks.interface import NetworkSpec, build_network, tap_names
from brainray.networks.structure import structure_of

LENET = NetworkSpec("n", "lenet3", "LeNet", "image", {"name": "grey_image", "size": 28}, ())
WORDS = {"name": "hashed_words", "tokens": 64, "buckets": 8192}
TEXT = NetworkSpec("n", "textcnn", "TextCNN", "text", WORDS, ())


@pytest.mark.parametrize("spec", [LENET, TEXT])
def test_features_and_taps_are_those_of_the_network(spec: NetworkSpec) -> None:
    structure = structure_of(spec, classes=7)
    network = build_network(spec, 7)
    assert structure.features["parameters"] == sum(p.numel() for p in network.parameters())
    assert structure.features["classes"] == 7
    assert tuple(tap["name"] for tap in structure.taps) == tap_names(spec, 7)
    assert structure.taps[-1] == {"name": "logits", "shape": [7]}


def test_layers_are_counted_by_type() -> None:
    features = structure_of(LENET).features
    assert features["input"] == [1, 28, 28]
    assert features["layers"] == {"Conv2d": 3, "LeakyReLU": 3, "Linear": 1, "MaxPool2d": 3}
    assert structure_of(LENET).taps[0] == {"name": "conv1", "shape": [8, 14, 14]}


def test_looking_draws_nothing_from_the_generator() -> None:
    torch.manual_seed(1)
    expected = torch.rand(2)
    torch.manual_seed(1)
    structure_of(LENET)
    assert torch.equal(torch.rand(2), expected)
