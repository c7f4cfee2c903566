"""From the cards of a zoo's network to a run in which it is among the candidates."""

from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import timm
import torch
from torchvision.models import resnet18

from brainray.catalog import Library
from brainray.catalog.cards import ModelCard, NetworkCard, parse_card, read_card
from brainray.errors import CatalogError
from brainray.pipeline.local import local_runner
from brainray.pipeline.predict import load_model
from brainray.pipeline.record import Record
from brainray.pipeline.run import run_scenario
from brainray.scenario import Scenario, parse_scenario
from brainray.settings import Settings, load_settings

NETWORK: dict[str, Any] = {
    "name": "own.image",
    "architecture": "timm/test_resnet",
    "category": "ResNet",
    "modality": "image",
    "preparation": {"name": "scaled_image", "height": 32, "width": 32},
    "sub_regions": ["vision.shape"],
}
PAGE = Path(__file__).parents[2] / "docs" / "networks.md"
LABELS = ["d0", "d1", "d2", "d3"]


@pytest.fixture
def settings() -> Settings:
    return load_settings()


@pytest.fixture
def library(settings: Settings) -> Library:
    opened = Library.open(settings)
    opened.add_named_data_set("Elsewhere", "")
    return opened


def draft(library: Library, **changes: Any) -> str:
    library.add_network(parse_card(NETWORK | changes, NetworkCard, "card"))
    model = {"network": "own.image", "data_set": "Elsewhere", "platform": "PyTorch 2.13"}
    return library.declare_card(parse_card(model | {"labels": LABELS}, ModelCard, "card"))


def scenario(manifest: Path, **pretraining: Any) -> Scenario:
    return parse_scenario(
        {
            "name": "digits",
            "goal": {"target": "label"},
            "inputs": {
                "picture": {"modality": "image", "networks": ["own.image", "lenet3.image"]},
                "caption": {"modality": "text", "networks": ["fasttext.text"]},
            },
            "data": {"manifest": manifest},
            "search": {"budget": 8, "brood": 4, "epochs": 2, "depth": 2, "finalists": 1},
            "pretraining": {"epochs": 2, "optimizers": ["adam"], **pretraining},
            "training": {"epochs": 2, "workers": 1, "fine_tuning_epochs": 1},
        },
        origin="test",
    )


def test_the_card_of_the_page_is_taken(library: Library, tmp_path: Path) -> None:
    section = PAGE.read_text(encoding="utf-8").split("## A network of a zoo\n")[1]
    (tmp_path / "resnet.yaml").write_text(section.split("```yaml\n")[1].split("```")[0])
    spec = library.add_network(read_card(tmp_path / "resnet.yaml", NetworkCard))
    assert spec.architecture == "torchvision/resnet18"
    assert library.entry("networks", spec.name)["taps"][0]["shape"] == [64, 32, 32]


def test_weights_of_the_package_itself_are_uploaded(library: Library, tmp_path: Path) -> None:
    file = tmp_path / "weights.safetensors"
    waiting = draft(library, architecture="torchvision/resnet18")
    entry = library.entry("networks", "own.image")
    assert [tap["name"] for tap in entry["taps"]] == [
        "conv1",
        "layer1",
        "layer2",
        "layer3",
        "layer4",
        "logits",
    ]
    assert entry["features"]["layers"]["BatchNorm2d"] == 20
    state = resnet18(num_classes=4).state_dict()
    safetensors.torch.save_file({"fc.bias": state.pop("fc.bias")}, file)
    with pytest.raises(CatalogError, match=r"own\.image with 4 classes: the file lacks bn1"):
        library.upload(waiting, file)
    safetensors.torch.save_file(state, file)
    with pytest.raises(CatalogError, match=r"the file lacks fc\.bias$"):
        library.upload(waiting, file)
    safetensors.torch.save_file(resnet18(num_classes=7).state_dict(), file)
    with pytest.raises(CatalogError, match=r"fc\.\w+ is float32 .*, but .* in the file$"):
        library.upload(waiting, file)
    state = resnet18(num_classes=4).state_dict()
    safetensors.torch.save_file(state, file)
    model = library.upload(waiting, file)
    assert model.parameters == sum(value.numel() for value in state.values())


def test_a_run_trains_it_from_nothing_and_fuses_it(
    library: Library, settings: Settings, manifest: Path
) -> None:
    library.add_network(parse_card(NETWORK, NetworkCard, "card"))
    first = run_scenario(scenario(manifest), 1, settings, local_runner)
    second = run_scenario(scenario(manifest), 1, settings, local_runner)
    assert first.search.history == second.search.history
    (own,) = library.models(network="own.image")
    assert any(own.id in entry.models.values() for entry in first.search.history)
    assert load_model(library, first.model.id) is not None


def test_a_run_starts_from_uploaded_weights(
    library: Library, settings: Settings, manifest: Path, tmp_path: Path
) -> None:
    waiting = draft(library)
    file = tmp_path / "weights.safetensors"
    torch.manual_seed(5)
    safetensors.torch.save_file(timm.create_model("test_resnet", num_classes=4).state_dict(), file)
    parent = library.upload(waiting, file)
    report = run_scenario(scenario(manifest, start=[parent.id]), 1, settings, local_runner)
    children = [model for model in library.models(network="own.image") if model.parent]
    assert [model.parent for model in children] == [parent.id]
    assert list(Record(settings.runs / report.run_id).events("finished"))
