import pytest
import torch

from brainray.errors import NetworkError, PluginError
from brainray.networks.interface import (
    NetworkSpec,
    TappedNetwork,
    build_network,
    build_preparation,
)


def spec(architecture: str, preparation: str) -> NetworkSpec:
    return NetworkSpec("test", architecture, "Test", "image", {"name": preparation}, ())


@pytest.mark.parametrize(
    ("architecture", "preparation"),
    [
        ("lenet3", "grey_image"),
        ("mediumnet", "grey_image"),
        ("lenet3", "log_spectrogram"),
        ("mediumnet", "log_spectrogram"),
        ("fasttext", "hashed_words"),
        ("textcnn", "hashed_words"),
    ],
)
def test_a_network_takes_what_its_preparation_gives(architecture, preparation):
    network = build_network(spec(architecture, preparation), classes=3)
    prepare = build_preparation({"name": preparation})
    blank = torch.zeros(2, *prepare.shape, dtype=getattr(torch, prepare.dtype.name))
    assert network(blank).shape == (2, 3)


@pytest.mark.parametrize(
    ("architecture", "preparation"), [("lenet3", "hashed_words"), ("textcnn", "grey_image")]
)
def test_a_preparation_of_another_modality_is_refused(architecture, preparation):
    with pytest.raises(NetworkError, match="input_shape"):
        build_network(spec(architecture, preparation), classes=3)


def test_unknown_names_are_refused():
    with pytest.raises(PluginError, match="unknown name 'lenet9'"):
        build_network(spec("lenet9", "grey_image"), classes=3)
    with pytest.raises(PluginError, match="unknown name 'gray_image'"):
        build_network(spec("lenet3", "gray_image"), classes=3)


def test_a_network_without_taps_says_so():
    class Untapped(TappedNetwork):
        pass

    with pytest.raises(NetworkError, match="Untapped does not implement forward_taps"):
        Untapped()(torch.zeros(1))
