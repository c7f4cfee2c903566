import json
from collections.abc import Callable

import pytest

from brainray.catalog import Library, NewModel
from brainray.catalog.dictionaries import DICTIONARIES
from brainray.datasets.dataset import Dataset
from brainray.errors import CatalogError

Build = Callable[..., NewModel]


def names(library: Library, what: str) -> list[str]:
    return [row["name"] for row in library.entries(what)]


@pytest.mark.parametrize("what", DICTIONARIES)
def test_every_dictionary_is_listed_and_shown(library: Library, what: str) -> None:
    library.add_named_data_set("CIFAR10", "the web", ["cat", "dog"])
    rows = library.entries(what)
    assert rows
    assert json.loads(json.dumps(rows)) == rows
    assert library.entry(what, rows[0]["name"]) == rows[0]
    with pytest.raises(CatalogError, match="'nothing': not in the catalog"):
        library.entry(what, "nothing")


def test_a_network_is_shown_with_its_structure(library: Library) -> None:
    network = library.entry("networks", "lenet3.image")
    assert network["kind"] == "unimodal"
    assert network["sub_regions"] == ["vision.shape", "vision.other"]
    assert network["functions"] == ["classification"]
    assert network["features"]["layers"]["Conv2d"] == 3
    assert network["taps"][-1] == {"name": "logits", "shape": [10]}
    assert network["metrics"] == ["accuracy"]


def test_what_nothing_uses_is_removed(library: Library, dataset: Dataset) -> None:
    library.add_platform("PyTorch 1.6", "safetensors")
    library.add_optimizer("lion")
    library.add_function("dreaming", "vision.other", "pictures at night", ["dream"])
    library.add_data_set(dataset, "files")
    assert library.functions()["dream"] == "vision.other"
    for what, name in (
        ("platforms", "PyTorch 1.6"),
        ("optimizers", "lion"),
        ("functions", "dreaming"),
        ("networks", "lenet5.image"),
    ):
        library.remove_entry(what, name)
        assert name not in names(library, what)
    library.remove_entry("data-sets", dataset.sha256)
    assert library.entries("data-sets") == []
    assert library.store.files() == {}


@pytest.mark.parametrize(
    ("what", "name"),
    [
        ("platforms", "PyTorch 2.13"),
        ("optimizers", "adam"),
        ("functions", "classification"),
        ("networks", "lenet3.image"),
        ("data-sets", ""),
    ],
)
def test_what_is_in_use_is_not_removed(
    library: Library, new_model: Build, what: str, name: str
) -> None:
    model = library.register(new_model())
    with pytest.raises(CatalogError, match=r"is in use by \w+: .*lenet3\.image|is in use by"):
        library.remove_entry(what, name or model.data_set)
    assert library.store.holds(model.key)
    assert library.dataset_path(model.data_set).exists()


def test_a_function_means_one_thing(library: Library) -> None:
    with pytest.raises(CatalogError, match="function 'motion': is 'visual_motion' already"):
        library.add_function("motion", "vision.other")
    with pytest.raises(CatalogError, match="'shape' already"):
        library.add_function("outline", "vision.other", synonyms=["shape"])
    with pytest.raises(CatalogError, match=r"'vision\.nose': not in the catalog"):
        library.add_function("outline", "vision.nose")
    library.add_function("counting")
    assert "counting" not in library.functions()


def test_a_data_set_may_be_known_by_name_alone(library: Library) -> None:
    library.add_named_data_set("CIFAR10")
    library.add_named_data_set("CIFAR10")
    assert names(library, "data-sets") == ["CIFAR10"]
    with pytest.raises(CatalogError, match="is known by name alone, it has no file"):
        library.dataset_path("CIFAR10")
    with pytest.raises(CatalogError, match="the name must not be empty"):
        library.add_named_data_set(" ")
