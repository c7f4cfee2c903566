"""The public names of brainray are there, in order, and cost nothing before they are used."""

import inspect
import json
import subprocess
import sys

import pytest

import brainray
import brainray.catalog


def test_the_list_is_sorted_and_has_no_name_twice() -> None:
    assert brainray.__all__ == sorted(set(brainray.__all__))


def test_the_catalog_has_the_names_that_it_lists() -> None:
    assert brainray.catalog.__all__ == list(brainray.catalog._HOMES)
    for name in brainray.catalog.__all__:
        assert inspect.getdoc(getattr(brainray.catalog, name))
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = brainray.catalog.no_such_name


@pytest.mark.parametrize("name", brainray.__all__)
def test_every_name_can_be_imported_and_is_documented(name: str) -> None:
    assert inspect.getdoc(getattr(brainray, name))


def test_the_list_is_complete() -> None:
    lazy = set(brainray._HOMES)
    functions = {
        name
        for name, _ in inspect.getmembers(brainray, inspect.isfunction)
        if not name.startswith("_")
    }
    assert set(brainray.__all__) == lazy | functions


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = brainray.no_such_name


def test_importing_brainray_imports_nothing_heavy() -> None:
    program = "import brainray, json, sys; print(json.dumps(sorted(sys.modules)))"
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    modules = json.loads(result.stdout)
    assert "brainray" in modules
    assert not {"ray", "torch", "numpy", "pydantic", "actors", "serve"} & set(modules)
