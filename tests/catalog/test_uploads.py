"""Own networks and weights: a network, a draft, its file; all or nothing."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch

from brainray.catalog import Library, registration
from brainray.catalog.cards import ModelCard, NetworkCard, parse_card, read_card
from brainray.errors import CatalogError, NetworkError
from brainray.networks.interface import build_network
from brainray.seeding import torch_random
from brainray.settings import Settings
from brainray.testing.graphs import picture_graph, picture_weights
from brainray.testing.places import settings_below

NETWORK: dict[str, Any] = {
    "name": "mine.image",
    "architecture": "onnx",
    "category": "Mine",
    "modality": "image",
    "preparation": {"name": "grey_image", "size": 28},
    "sub_regions": ["vision.shape", "vision.other"],
    "functions": ["embedding"],
}
MODEL: dict[str, Any] = {
    "network": "mine.image",
    "data_set": "ImageNet",
    "platform": "ONNX Runtime 1.32",
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_below(tmp_path)


@pytest.fixture
def library(settings: Settings) -> Library:
    opened = Library.open(settings)
    opened.add_named_data_set("ImageNet", "https://image-net.org")
    return opened


def network(library: Library, **changes: Any) -> None:
    library.add_network(parse_card(NETWORK | changes, NetworkCard, "card"))


def draft(library: Library, **changes: Any) -> str:
    return library.declare_card(parse_card(MODEL | changes, ModelCard, "card"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "weights.bin"
    path.write_bytes(picture_graph())
    return path


def files(settings: Settings) -> list[Path]:
    return [path for path in Path(settings.store_url).rglob("*") if path.is_file()]


def test_network_then_draft_then_upload(library: Library, file: Path) -> None:
    network(library)
    waiting = draft(library, labels=["a", "b"], metrics={"test": 0.5})
    assert library.models() == []
    assert list(library.drafts()) == [waiting]
    model = library.upload(waiting, file)
    assert library.drafts() == {}
    assert library.models() == [model]
    assert (model.network, model.sub_region, model.name) == (
        "mine.image",
        "vision.shape",
        "mine.image",
    )
    assert model.key == f"models/vision/shape/{model.sha256}.onnx"
    assert library.store.local_path(model.key).read_bytes() == file.read_bytes()
    assert model.size_bytes == len(file.read_bytes())
    assert model.parameters == sum(value.size for value in picture_weights().values())
    assert (model.accuracy, model.parent, model.run_id) == (0.5, None, None)
    assert [tap["name"] for tap in model.spec["taps"]] == ["conv1", "conv2", "scores"]
    entry = library.entry("networks", "mine.image")
    assert entry["taps"][0] == {"name": "conv1", "shape": [4, 28, 28]}
    assert entry["features"]["parameters"] == model.parameters


def test_weights_of_an_architecture_are_uploaded_too(library: Library, file: Path) -> None:
    labels = [str(digit) for digit in range(10)]
    waiting = draft(library, network="lenet3.image", platform="PyTorch 2.13", labels=labels)
    with torch_random(0):
        module = build_network(library.network("lenet3.image"), 10)
    state = {name: value.contiguous() for name, value in module.state_dict().items()}
    file.write_bytes(safetensors.torch.save(state))
    model = library.upload(waiting, file)
    assert model.key.endswith(".safetensors")
    assert model.parameters == sum(value.numel() for value in state.values())
    assert model.spec == {"labels": labels, "classes": 10, "input": "image"}


def test_the_first_upload_shows_the_taps_and_later_ones_must_have_them(
    library: Library, file: Path
) -> None:
    network(library)
    library.upload(draft(library), file)
    other = draft(library, name="second")
    file.write_bytes(picture_graph(weights=grown("w2", 8)))
    with pytest.raises(CatalogError, match=r"the tap conv2 has the shape \(8, 13, 13\), but that "):
        library.upload(other, file)
    file.write_bytes(picture_graph(weights=picture_weights() | {"b3": np.zeros(5, np.float32)}))
    assert library.upload(other, file).name == "second"


def grown(name: str, channels: int) -> dict[str, np.ndarray]:
    weights = picture_weights()
    weights[name] = np.zeros((channels, *weights[name].shape[1:]), np.float32)
    weights["w3"] = np.zeros((channels, 5), np.float32)
    return weights


def test_a_refused_file_leaves_no_file_and_no_row(
    library: Library, settings: Settings, file: Path
) -> None:
    network(library)
    waiting = draft(library)
    weights = picture_weights()
    weights["w1"][0] = np.nan
    for data in (picture_graph(weights=weights), b"\x80\x04K\x01.", picture_graph(size=30)):
        file.write_bytes(data)
        with pytest.raises(CatalogError, match=r"^weights\.bin: "):
            library.upload(waiting, file)
    assert files(settings) == []
    assert library.models() == []
    assert list(library.drafts()) == [waiting]


def test_a_registration_that_fails_leaves_no_row_and_the_draft(
    library: Library, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network(library)
    waiting = draft(library)

    def fails(*_: object) -> None:
        raise CatalogError("the database is gone")

    monkeypatch.setattr(registration, "register_model", fails)
    with pytest.raises(CatalogError, match="gone"):
        library.upload(waiting, file)
    monkeypatch.undo()
    assert library.models() == []
    assert list(library.drafts()) == [waiting]
    assert library.upload(waiting, file).network == "mine.image"


def test_the_same_weights_come_in_once(library: Library, file: Path) -> None:
    network(library)
    first = library.upload(draft(library), file)
    with pytest.raises(CatalogError, match=f"are in the catalog already, as {first.id}$"):
        library.upload(draft(library, name="again"), file)


def test_the_order_is_kept(library: Library, file: Path) -> None:
    with pytest.raises(CatalogError, match=r"^network 'mine\.image': not in the catalog"):
        draft(library)
    network(library)
    with pytest.raises(CatalogError, match=r"^draft 'mine\.image': is a network; declare a pretr"):
        library.upload("mine.image", file)
    with pytest.raises(CatalogError, match=r"^draft 'other': not in the catalog"):
        library.upload("other", file)


def test_a_draft_is_named_by_its_id_its_beginning_or_its_name(library: Library, file: Path) -> None:
    network(library)
    first, second = draft(library, name="one"), draft(library, name="one", optimizer="sgd")
    assert draft(library, name="one") == first
    with pytest.raises(CatalogError, match=r"^draft 'one': .* are meant, name one$"):
        library.upload("one", file)
    assert library.upload(first, file).optimizer == "none"
    assert list(library.drafts()) == [second]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"platform": "Caffe 1"}, "platform 'Caffe 1': not in the catalog"),
        (
            {"platform": "PyTorch 2.13"},
            r"model 'mine\.image': platform 'PyTorch 2\.13' has files of",
        ),
        ({"sub_region": "vision.color"}, r".*vision\.color.*lives in vision\.shape, vision\.other"),
        ({"data_set": "Nowhere"}, "data set 'Nowhere': not in the catalog"),
        ({"optimizer": "magic"}, "optimizer 'magic': not in the catalog"),
        (
            {"network": "lenet3.image"},
            r"model 'lenet3\.image': platform 'ONNX Runtime 1\.32' has f",
        ),
        (
            {"network": "lenet3.image", "platform": "PyTorch 2.13"},
            r"model 'lenet3\.image': labels: are missing",
        ),
    ],
)
def test_a_model_that_does_not_fit_is_refused(
    changes: dict[str, Any], reason: str, library: Library
) -> None:
    network(library)
    with pytest.raises(CatalogError, match=f"^{reason}"):
        draft(library, **changes)
    assert library.drafts() == {}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"name": "lenet3.image"}, r"network 'lenet3\.image': is in the catalog already"),
        ({"sub_regions": ["vision.nose"]}, r"sub-region 'vision\.nose': not in the catalog"),
        ({"functions": ["cooking"]}, "function 'cooking': not in the catalog"),
    ],
)
def test_a_network_that_does_not_fit_is_refused(
    changes: dict[str, Any], reason: str, library: Library
) -> None:
    with pytest.raises(CatalogError, match=f"^{reason}"):
        network(library, **changes)


def test_an_architecture_has_its_taps_and_must_take_its_input(library: Library) -> None:
    network(library, name="small.image", architecture="lenet3")
    assert "small.image" in [spec.name for spec in library.networks(["vision.shape"], "image")]
    text = {"modality": "text", "preparation": {"name": "hashed_words"}}
    with pytest.raises(NetworkError, match="input_shape"):
        network(library, name="odd", architecture="lenet3", **text)


@pytest.mark.parametrize(
    ("kind", "changes", "reason"),
    [
        (NetworkCard, {"size": 3}, "size: unknown key, allowed are name, architecture, category"),
        (NetworkCard, {"modality": "smell"}, "modality: .*'image', 'audio' or 'text'"),
        (NetworkCard, {"sub_regions": []}, "sub_regions: "),
        (NetworkCard, {"name": "../up"}, "name: "),
        (NetworkCard, {"modality": "audio"}, "the card: modality is audio, but the prep.*image"),
        (NetworkCard, {"preparation": {"size": 28}}, "preparation: must have a name"),
        (
            NetworkCard,
            {"preparation": {"name": "grey_image", "size": 0}},
            "preparation: grey_image:",
        ),
        (
            NetworkCard,
            {"preparation": {"name": "magic"}},
            "preparation: preparations: unknown name",
        ),
        (NetworkCard, {"architecture": "lenet9"}, "architecture: unknown architecture 'lenet9', a"),
        (
            NetworkCard,
            {"architecture": "lenet3", "taps": ["a"]},
            "the card: taps of lenet3 are its own",
        ),
        (
            ModelCard,
            {"parameters": 3},
            "parameters: unknown key, allowed are name, network, sub_reg",
        ),
        (ModelCard, {"labels": ["a"]}, "labels: must be at least two different names, or none"),
        (ModelCard, {"fill": {"rate": "loud"}}, r"fill\.rate: "),
        (ModelCard, {"metrics": {"test": True}}, r"metrics\.test: must be a number, not True"),
        (ModelCard, {"sha256": "abc"}, "sha256: "),
        (ModelCard, {"size_bytes": 0}, "size_bytes: "),
    ],
)
def test_a_card_that_says_something_impossible_is_refused(
    kind: type[NetworkCard] | type[ModelCard], changes: dict[str, Any], reason: str
) -> None:
    base = NETWORK if kind is NetworkCard else MODEL
    with pytest.raises(CatalogError, match=f"^card: {reason}"):
        parse_card(base | changes, kind, "card")


def test_a_file_that_is_no_card_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "card.yaml"
    with pytest.raises(CatalogError, match=r"card\.yaml: cannot be read"):
        read_card(path, NetworkCard)
    path.write_text("[1, 2]")
    with pytest.raises(CatalogError, match=r"card\.yaml: must be a mapping of keys, not list"):
        read_card(path, NetworkCard)
    path.write_text("a: [")
    with pytest.raises(CatalogError, match=r"card\.yaml: is not YAML"):
        read_card(path, NetworkCard)
    path.write_text("name: a.image")
    with pytest.raises(CatalogError, match=r"card\.yaml: architecture: is missing"):
        read_card(path, NetworkCard)


def test_a_data_set_known_by_name_has_no_file(library: Library) -> None:
    library.add_named_data_set("ImageNet", "another source")
    with pytest.raises(CatalogError, match=r"'ImageNet': is known by name alone, it has no file"):
        library.dataset_path("ImageNet")


def test_what_is_said_of_a_file_is_compared(library: Library, file: Path) -> None:
    network(library)
    waiting = draft(library, sha256="0" * 64)
    with pytest.raises(CatalogError, match=f"but {'0' * 64} is declared"):
        library.upload(waiting, file)
