"""Endpoints that track objects, and the files of their detectors."""

from pathlib import Path
from typing import Any

import pytest

from brainray.catalog import Library, NewModel
from brainray.errors import CatalogError


@pytest.fixture
def weights(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "first.onnx", tmp_path / "second.onnx"]
    for path in paths:
        path.write_bytes(path.name.encode())
    return paths


def deploy(library: Library, path: Path | None, name: str = "street", **options: Any) -> Any:
    files = {} if path is None else {"weights": path}
    return library.deploy_tracking(name, "nanodet", {"threads": 1}, files, "sort", options)


def test_an_endpoint_comes_changes_and_goes_with_its_files(
    library: Library, weights: list[Path]
) -> None:
    first, second = weights
    made = deploy(library, first)
    assert (made.detector, made.detector_options, made.tracker) == (
        "nanodet",
        {"threads": 1},
        "sort",
    )
    assert library.store.local_path(made.files["weights"]).read_bytes() == first.read_bytes()
    assert deploy(library, first) == made
    assert library.tracking_endpoints() == [made]
    changed = deploy(library, first, max_age=3)
    assert (changed.revision, changed.tracker_options) == (2, {"max_age": 3})
    other = deploy(library, first, "yard")
    replaced = deploy(library, second)
    assert replaced.revision == 3
    assert set(library.store.files("models/detectors/")) == {
        *replaced.files.values(),
        *other.files.values(),
    }
    library.undeploy("yard")
    assert set(library.store.files()) == set(replaced.files.values())
    assert library.verify().whole
    library.undeploy("street")
    assert (library.tracking_endpoints(), library.store.files()) == ([], {})
    with pytest.raises(CatalogError, match="endpoint 'street': not in the catalog"):
        library.undeploy("street")


def test_a_name_stands_for_a_model_or_a_tracker(
    library: Library, new_model: Any, weights: list[Path]
) -> None:
    new: NewModel = new_model(1)
    model = library.register(new).id
    library.deploy(model, "digits")
    deploy(library, weights[0])
    with pytest.raises(CatalogError, match="endpoint 'digits': a model answers there"):
        deploy(library, weights[1], "digits")
    with pytest.raises(CatalogError, match="endpoint 'street': tracks objects; undeploy it first"):
        library.deploy(model, "street")
    with pytest.raises(CatalogError, match="endpoint 'street': tracks objects"):
        library.roll_back("street")
    assert len(library.store.files("models/detectors/")) == 1  # what was refused leaves nothing


def test_what_cannot_be_deployed_is_refused(library: Library, weights: list[Path]) -> None:
    with pytest.raises(CatalogError, match="must be up to 63 small letters"):
        deploy(library, weights[0], "A street")
    with pytest.raises(CatalogError, match="options: Out of range float"):
        deploy(library, None, min_score=float("nan"))
    with pytest.raises(CatalogError, match=r"none\.onnx: cannot be read"):
        deploy(library, weights[0].with_name("none.onnx"))
    assert (library.tracking_endpoints(), library.store.files()) == ([], {})


def test_a_damaged_file_is_found_and_named(
    library: Library, weights: list[Path], behind: Any
) -> None:
    key = deploy(library, weights[0]).files["weights"]
    whole = behind.read(key)
    behind.write(key, b"other")
    (finding,) = library.verify().findings
    assert (finding.kind, finding.where) == ("damaged file", key)
    assert "`brainray undeploy street`" in finding.fix
    library.store.put(f"quarantine/{key}", whole)
    assert library.repair().whole
    assert behind.read(key) == whole
