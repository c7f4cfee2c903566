"""Stages and their taps, on networks made of torch alone; and what is said without a zoo."""

import copy
import sys
from importlib.metadata import version
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from brainray.catalog.cards import NetworkCard, parse_card
from brainray.errors import CatalogError, NetworkError
from brainray.networks.interface import NetworkSpec, build_network
from brainray.networks.zoo.building import building, package
from brainray.networks.zoo.taps import ZooNetwork, stages
from brainray.pipeline.versions import recipe_versions

PICTURE = {"name": "scaled_image", "height": 8, "width": 8}


def block(width_in: int, width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(width_in, width, 3, padding=1), nn.BatchNorm2d(width), nn.Dropout(0.5)
    )


class Net(nn.Module):
    """A stem, a list of blocks, a norm and a head."""

    def __init__(self, blocks: int) -> None:
        super().__init__()
        self.stem = block(3, 4)
        self.blocks = nn.ModuleList(block(4, 4) for _ in range(blocks))
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Linear(4, 2)
        self.register_buffer("shift", torch.ones(4), persistent=False)

    def forward(self, inputs: Tensor) -> Tensor:
        maps_BCHW = self.stem(inputs)
        for part in self.blocks:
            maps_BCHW = part(maps_BCHW)
        logits: Tensor = self.head(self.norm(maps_BCHW).mean((2, 3)) + self.get_buffer("shift"))
        return logits


@pytest.mark.parametrize(
    ("blocks", "names"),
    [
        (3, ["stem", "blocks.0", "blocks.1", "blocks.2"]),
        (1, ["stem.0", "blocks.0.0"]),
        (12, ["stem", *(f"blocks.{number}" for number in (1, 3, 5, 7, 9, 11))]),
    ],
)
def test_stages_are_the_parts_with_matrices_below_the_head(blocks: int, names: list[str]) -> None:
    assert stages(Net(blocks)) == names


def test_taps_come_in_order_and_weights_keep_their_names() -> None:
    inner = Net(3)
    network = ZooNetwork("zoo/net", inner)
    taps = network.forward_taps(torch.rand(5, 3, 8, 8))
    assert list(taps) == ["stem", "blocks.0", "blocks.1", "blocks.2", "logits"]
    assert network.state_dict().keys() == inner.state_dict().keys()
    # Below another network too.
    whole = nn.ModuleList([network])
    assert whole.state_dict().keys() == {f"0.{name}" for name in inner.state_dict()}
    other = nn.ModuleList([ZooNetwork("zoo/net", Net(3))])
    other.load_state_dict(whole.state_dict())
    for name, value in other.state_dict().items():
        assert torch.equal(value, whole.state_dict()[name])


def test_a_copy_has_taps_of_its_own() -> None:
    network = ZooNetwork("zoo/net", Net(3))
    twin = copy.deepcopy(network)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.zero_()
    inputs = torch.rand(2, 3, 8, 8)
    assert not bool(twin.forward_taps(inputs)["blocks.0"].any())
    assert bool(network.forward_taps(inputs)["blocks.0"].any())


class Tokens(nn.Module):
    """Positions, words with their features last, and two stages that give tuples."""

    def __init__(self) -> None:
        super().__init__()
        self.positions = nn.Embedding(6, 4)
        self.words = nn.Embedding(9, 4)
        self.first = Pair()
        self.second = Pair()
        self.head = nn.Linear(4, 2)

    def forward(self, inputs: Tensor) -> Tensor:
        places = self.positions(torch.arange(inputs.shape[1])[None])
        words_BTD, _ = self.second(self.first(self.words(inputs) + places)[0])
        logits: Tensor = self.head(words_BTD.mean(1))
        return logits


class Pair(nn.Module):
    """What attention gives: values, and something else."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, inputs: Tensor) -> tuple[Tensor, None]:
        return self.linear(inputs), None


def test_features_come_to_the_second_axis_and_every_sample_has_its_row() -> None:
    taps = ZooNetwork("zoo/tokens", Tokens()).forward_taps(torch.ones(3, 6, dtype=torch.int64))
    assert {name: tuple(tap.shape) for name, tap in taps.items()} == {
        "positions": (3, 4, 6),
        "words": (3, 4, 6),
        "first": (3, 4, 6),
        "second": (3, 4, 6),
        "logits": (3, 2),
    }


def test_an_input_that_does_not_fit_is_named() -> None:
    network = ZooNetwork("zoo/net", Net(3))
    with pytest.raises(NetworkError, match=r"^architecture 'zoo/net': does not take float32 \(1, "):
        network(torch.rand(2, 1, 8, 8))


def test_on_the_meta_device_networks_are_built_whole_and_draw_nothing() -> None:
    state = torch.get_rng_state()
    with torch.device("meta"), building("zoo/net"):
        network = Net(1)
    assert network.get_buffer("shift").device.type == "cpu"
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("zoo", ["torchvision", "timm", "transformers"])
def test_without_its_package_a_zoo_says_what_to_install(
    zoo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, zoo, None)
    spec = NetworkSpec("own", f"{zoo}/resnet18", "ResNet", "image", PICTURE, ("vision.shape",))
    with pytest.raises(NetworkError) as refused:
        build_network(spec, 3)
    assert str(refused.value) == (
        f"architecture '{zoo}/resnet18': needs {zoo}; install brainray[zoo]"
    )


def test_a_recipe_has_the_version_of_its_zoo() -> None:
    assert recipe_versions("lenet3").keys() == {"brainray", "torch"}
    assert recipe_versions("numpy/net")["numpy"] == version("numpy")
    with pytest.raises(NetworkError, match=r"^architecture 'no-zoo/net': needs no-zoo; install b"):
        recipe_versions("no-zoo/net")


def test_a_package_for_another_torch_is_named(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "odd_zoo.py").write_text("raise RuntimeError('operator odd::nms is missing')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with (
        pytest.raises(NetworkError, match=r"'odd/net': odd_zoo does not go with torch .*odd::nms"),
        building("odd/net"),
    ):
        package("odd_zoo", "odd/net")


def test_a_zoo_that_nobody_offers_is_refused_in_the_card() -> None:
    card = {
        "name": "own.image",
        "architecture": "vineyard/resnet18",
        "category": "ResNet",
        "modality": "image",
        "preparation": PICTURE,
        "sub_regions": ["vision.shape"],
    }
    with pytest.raises(CatalogError, match=r"'vineyard/resnet18', allowed are onnx, .*timm/\.\.\."):
        parse_card(card, NetworkCard, "card")
    assert parse_card(card | {"architecture": "timm/resnet18"}, NetworkCard, "card").taps == ()
