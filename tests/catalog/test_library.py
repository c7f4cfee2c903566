import pickle
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from brainray.catalog import Library, NewModel
from brainray.datasets.dataset import Dataset
from brainray.errors import CatalogError
from brainray.settings import Settings

Build = Callable[..., NewModel]


def test_a_pickled_library_opens_the_same_catalog(library: Library, new_model: Build) -> None:
    model = library.register(new_model())
    copy = pickle.loads(pickle.dumps(library))
    assert copy.settings == library.settings
    assert copy.model(model.id) == model


def test_networks_live_in_at_least_one_of_the_sub_regions(library: Library) -> None:
    names = ["lenet3.image", "lenet5.image", "mediumnet.image", "sparsenet.image"]
    asked = ["vision.other", "vision.shape", "audition.speech"]
    assert [network.name for network in library.networks(asked, "image")] == names
    assert library.networks(["vision.other"], "audio") == []
    assert library.networks([], "image") == []
    with pytest.raises(CatalogError, match=r"'vision\.shap': .* did you mean vision\.shape"):
        library.networks(["vision.shap"], "image")


def test_a_network_has_what_builds_it(library: Library) -> None:
    network = library.network("lenet3.audio")
    assert network.architecture == "lenet3"
    assert network.category == "LeNet"
    assert network.sub_regions == ("audition.speech", "audition.sound")
    assert network.preparation == {
        "name": "log_spectrogram",
        "size": 112,
        "window": 222,
        "rate": 8000,
        "range_db": 80,
    }
    with pytest.raises(
        CatalogError, match=r"network 'lenet.image': .* did you mean lenet\d\.image"
    ):
        library.network("lenet.image")


def test_there_are_thirty_sub_regions(library: Library) -> None:
    sub_regions = library.sub_regions()
    assert len(sub_regions) == 30
    assert sub_regions == sorted(sub_regions)
    assert set(library.functions().values()) == set(sub_regions)


def test_a_data_set_is_kept_as_it_was(library: Library, dataset: Dataset) -> None:
    library.add_data_set(dataset, "files")
    library.add_data_set(dataset, "files")
    assert library.dataset_path(dataset.sha256).read_bytes() == dataset.path.read_bytes()
    assert library.stats().counts["data_sets"] == 1
    with pytest.raises(CatalogError, match="data set 'abc'"):
        library.dataset_path("abc")


def test_a_damaged_data_set_is_not_added(library: Library, dataset: Dataset) -> None:
    dataset.path.write_bytes(b"other bytes")
    with pytest.raises(CatalogError, match="is not the sha256"):
        library.add_data_set(dataset, "files")
    assert library.stats().counts["data_sets"] == 0


def test_a_model_is_found_by_recipe_id_name_and_beginning(
    library: Library, new_model: Build
) -> None:
    first, second = (library.register(new_model(seed)) for seed in (1, 2))
    assert library.find(first.recipe) == first
    assert library.find("0" * 64) is None
    assert library.model(first.id) == first
    assert library.model("lenet3.image-adam") == second
    assert library.model(first.id[:-1]) == first
    with pytest.raises(CatalogError, match="'lenet3': 2 begin so: "):
        library.model("lenet3")
    with pytest.raises(CatalogError, match="model 'LENET3': not in the catalog"):
        library.model("LENET3")
    with pytest.raises(CatalogError, match="model '': not in the catalog"):
        library.model("")


def test_filters_narrow_the_list(library: Library, new_model: Build, fused: Build) -> None:
    both = library.register(fused(modality="audio+image"))
    other = library.register(
        new_model(3, network="mediumnet.image", sub_region="vision.other", optimizer="sgd")
    )
    assert len(library.models()) == 4
    assert [model.id for model in library.models()] == sorted(m.id for m in library.models())
    assert library.models(kind="fused") == [both]
    assert library.models(modality="audio") == [both]
    assert len(library.models(modality="image")) == 4
    assert library.models(network="mediumnet.image") == [other]
    assert library.models(sub_region="vision.other", kind="unimodal") == [other]
    assert library.models(sub_region="vision.other", kind="fused") == []
    assert len(library.models(data_set=other.data_set)) == 4


@pytest.mark.parametrize("field", ["kind", "network", "sub_region", "modality", "data_set"])
def test_unknown_filter_values_are_refused(library: Library, field: str) -> None:
    filters: dict[str, Any] = {field: "nothing"}
    with pytest.raises(CatalogError, match="'nothing' is not in the catalog"):
        library.models(**filters)


def test_stats_add_up(library: Library, fused: Build) -> None:
    model = library.register(fused())
    stats = library.stats()
    assert stats.total.models == 3
    assert stats.total.parameters == 24
    assert stats.total.size_bytes == 3 * model.size_bytes
    assert stats.by["region"]["vision"].models == 3
    assert stats.by["sub_region"]["vision.shape"].parameters == 24
    assert stats.by["function"]["shape"].models == 3
    assert "color" not in stats.by["function"]
    assert stats.by["platform"]["PyTorch 2.13"] == stats.total
    assert stats.counts == {
        "regions": 13,
        "sub_regions": 30,
        "functions": 71,
        "networks": 11,
        "data_sets": 1,
        "platforms": 2,
        "optimizers": 5,
        "runs": 0,
    }


def test_a_run_begins_goes_on_and_ends(library: Library, new_model: Build) -> None:
    begun = library.add_run("r1", "digits", 2**63 - 1, "runs/r1")
    assert (begun.status, begun.finished, begun.seed) == ("running", None, 2**63 - 1)
    assert datetime.now(UTC) - begun.created < timedelta(minutes=1)
    model = library.register(new_model())
    ended = library.finish_run("r1", "finished", model.id, {"test": 0.9})
    assert (ended.status, ended.model_id, ended.summary) == ("finished", model.id, {"test": 0.9})
    assert ended.finished is not None
    assert ended.finished >= ended.created
    assert library.run("r") == ended
    again = library.add_run("r1", "digits", 2**63 - 1, "runs/r1")
    assert (again.status, again.finished, again.created) == ("running", None, begun.created)
    with pytest.raises(CatalogError, match="run 'r1': is of scenario 'digits'"):
        library.add_run("r1", "digits", 1, "runs/r1")


def test_impossible_ends_of_a_run_are_refused(library: Library) -> None:
    library.add_run("r1", "digits", 0, "runs/r1")
    with pytest.raises(CatalogError, match="run 'r2': not in the catalog"):
        library.finish_run("r2", "failed")
    with pytest.raises(CatalogError, match="status 'running', allowed are finished"):
        library.finish_run("r1", "running")
    with pytest.raises(CatalogError, match="model 'none'"):
        library.finish_run("r1", "finished", "none")
    with pytest.raises(CatalogError, match="summary"):
        library.finish_run("r1", "finished", summary={"test": float("nan")})
    assert library.run("r1").status == "running"


def test_runs_are_listed_newest_first(library: Library) -> None:
    for number in range(3):
        library.add_run(f"r{number}", f"scenario{number % 2}", 0, "runs")
    assert [run.id for run in library.runs()] == ["r2", "r1", "r0"]
    assert [run.id for run in library.runs("scenario0")] == ["r2", "r0"]


def test_an_object_store_serves_as_well(settings: Settings, dataset: Dataset) -> None:
    far = Library.open(settings.model_copy(update={"store_url": f"memory://{dataset.sha256}"}))
    far.add_data_set(dataset, "files")
    path = far.dataset_path(dataset.sha256)
    assert path.is_relative_to(settings.cache)
    assert path.read_bytes() == dataset.path.read_bytes()
