"""Whatever is done to regions: every model is reachable, every file is at its key."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brainray.catalog import Library, NewModel
from brainray.catalog.database import reading
from brainray.catalog.regions import Part
from brainray.catalog.upkeep import rows
from brainray.errors import CatalogError

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
def catalog(library: Library, fused: Callable[..., NewModel]) -> Library:
    """A catalog of three models that nobody uses."""
    library.register(fused())
    library._engine.dispose()
    return library


@pytest.fixture
def copy_of(
    copy_database: Callable[[str, Path], str], new_store: Callable[[Path], str]
) -> Callable[[Library, Path], Library]:
    """Copies a catalog that nobody uses, rows and files, into a folder."""

    def copy(library: Library, home: Path) -> Library:
        places = {
            "database_url": copy_database(library.settings.database_url, home),
            "store_url": new_store(home),
            "cache": home / "cache",
        }
        copied = Library.open(library.settings.model_copy(update=places))
        for key in library.store.files():
            copied.store.put(key, library.store.local_path(key).read_bytes())
            copied.store.finish(key)
        return copied

    return copy


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
        assert list(rows.findings(session)) == []
    assert set(library.functions().values()) <= set(library.sub_regions())


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(STEPS, max_size=6))
def test_any_sequence_keeps_the_catalog_whole(
    catalog: Library, copy_of: Callable[[Library, Path], Library], steps: list[Step]
) -> None:
    with TemporaryDirectory() as folder:
        library = copy_of(catalog, Path(folder))
        recipes = [model.recipe for model in library.models()]
        names = {model.sub_region for model in library.models()}
        for step in steps:
            with suppress(CatalogError):  # what is impossible is refused, and changes nothing
                do(library, step)
            check(library, recipes)
        for name in names:  # every old name leads somewhere
            assert library.current_name(name)
