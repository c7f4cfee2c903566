"""Whatever is done to regions: every model is reachable, every file is at its key."""

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from brainray.catalog import Library, NewModel
from brainray.catalog.database import reading
from brainray.catalog.regions import Part
from brainray.errors import CatalogError
from brainray.settings import Settings

Step: TypeAlias = tuple[str, tuple[str, ...]]

PLACES = ("vision", "senses", "vision.shape", "vision.other", "vision.shape.face", "senses.shape")
NAMES = st.sampled_from(PLACES)
STEPS = st.one_of(
    st.tuples(st.just("create"), st.tuples(NAMES)),
    st.tuples(st.just("remove"), st.tuples(NAMES)),
    st.tuples(st.just("rename"), st.tuples(NAMES, NAMES)),
    st.tuples(st.just("merge"), st.tuples(NAMES, NAMES, NAMES)),
    st.tuples(st.just("split"), st.tuples(NAMES, NAMES, NAMES)),
)


@pytest.fixture
def home(library: Library, fused: Callable[..., NewModel], tmp_path: Path) -> Path:
    """A folder with a catalog of three models."""
    library.register(fused())
    return tmp_path


def do(library: Library, step: Step) -> None:
    what, names = step
    if what == "create":
        library.add_region(*names)
    elif what == "remove":
        library.remove_entry("sub-regions" if "." in names[0] else "regions", names[0])
    elif what == "rename":
        library.rename_region(*names)
    elif what == "merge":
        library.merge_regions(names[:2], names[2])
    else:
        one = next((m.id for m in library.models() if m.sub_region == names[0]), None)
        parts = {names[1]: Part(models=(one,) if one else ())}
        library.split_region(names[0], parts | {names[2]: Part(networks=("lenet3.image",))})


def check(library: Library, recipes: list[str]) -> None:
    models = [library.find(recipe) for recipe in recipes]
    keys = set()
    for model in models:
        assert model is not None
        assert model.sub_region in library.sub_regions()
        assert model.sub_region in library.network(model.network).sub_regions
        assert model.key.rpartition("/")[0] == "models/" + model.sub_region.replace(".", "/")
        assert library.store.holds(model.key)
        keys.add(model.key)
    assert set(library.store.files("models/")) == keys
    regions = {row["name"] for row in library.entries("regions")}
    for sub_region in library.sub_regions():
        above = sub_region.rpartition(".")[0]
        assert above in (library.sub_regions() if "." in above else regions)
    with reading(library._engine) as session:
        assert session.execute(text("PRAGMA foreign_key_check")).all() == []
    assert set(library.functions().values()) <= set(library.sub_regions())


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(STEPS, max_size=6))
def test_any_sequence_keeps_the_catalog_whole(home: Path, steps: list[Step]) -> None:
    with TemporaryDirectory() as folder:
        shutil.copytree(home, Path(folder), dirs_exist_ok=True)
        library = Library.open(
            Settings(
                database_url=f"sqlite:///{folder}/home/catalog.sqlite",
                store_url=f"{folder}/store",
                data=None,
                cache=Path(folder, "cache"),
                runs=Path(folder, "runs"),
            )
        )
        recipes = [model.recipe for model in library.models()]
        names = {model.sub_region for model in library.models()}
        for step in steps:
            with suppress(CatalogError):  # what is impossible is refused, and changes nothing
                do(library, step)
            check(library, recipes)
        for name in names:  # every old name leads somewhere
            assert library.current_name(name)
