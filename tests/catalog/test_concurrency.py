"""Several processes work on one catalog at the same time."""

import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from brainray.catalog import Library, NewModel, load_weights, recipe_of, relocation, upkeep
from brainray.catalog.regions import Part
from brainray.catalog.store import Store
from brainray.settings import Settings
from brainray.testing import catalog_work as work

COUNT = 12


@pytest.fixture
def processes(settings: Settings) -> Iterator[Executor]:
    """Two processes that have inherited nothing but the environment."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([work.__name__])
    with ProcessPoolExecutor(2, context, work.enter, (dict(os.environ),)) as executor:
        yield executor


@pytest.fixture
def both(processes: Executor, settings: Settings, tmp_path: Path) -> Callable[..., list[Any]]:
    """Has two processes do something from the same moment on; returns what they return."""
    meeting = tmp_path / "meeting"
    meeting.mkdir()

    def do(*jobs: tuple[Any, ...]) -> list[Any]:
        started = [
            processes.submit(job[0], settings, meeting, str(number), *job[1:])
            for number, job in enumerate(jobs)
        ]
        return [future.result(300) for future in started]

    return do


def test_both_add_the_same_data_sets(
    both: Callable[..., list[Any]], library: Library, tmp_path: Path
) -> None:
    paths = [tmp_path / f"{number}.parquet" for number in range(8)]
    for path in paths:
        path.write_bytes(path.name.encode() * 10_000)
    both((work.add_data_sets, paths), (work.add_data_sets, paths))
    rows = library.entries("data-sets")
    assert sorted(row["name"] for row in rows) == [path.name for path in paths]
    assert len(library.store.files()) == len(paths)
    assert library.verify().findings == ()


def test_both_write_one_key(both: Callable[..., list[Any]], library: Library) -> None:
    one, two = b"1" * 300_000, b"2" * 300_000
    both((work.put_often, "other/one.bin", one), (work.put_often, "other/one.bin", two))
    assert library.store.files() == {"other/one.bin": 300_000}
    with library.store.open("other/one.bin") as file:
        assert file.read() in (one, two)


def test_both_register_the_same_models(both: Callable[..., list[Any]], library: Library) -> None:
    library.add_named_data_set(work.DATA_SET)
    both((work.register, COUNT), (work.register, COUNT))
    assert_whole(library)


def test_upkeep_leaves_alone_what_another_one_registers(
    both: Callable[..., list[Any]], library: Library
) -> None:
    library.add_named_data_set(work.DATA_SET)
    assert both((work.register, COUNT), (work.look_after, COUNT)) == [0, []]
    assert_whole(library)


def test_a_sub_region_is_renamed_while_another_one_registers_into_it(
    both: Callable[..., list[Any]], library: Library
) -> None:
    library.add_named_data_set(work.DATA_SET)
    both((work.register, COUNT), (work.rename_often, 5))
    assert library.verify().whole
    library.collect(timedelta(0))  # what was stored for a name that had just gone
    assert_whole(library)


def test_a_file_that_another_one_takes_away_while_it_moves_comes_again(
    library: Library, new_model: Callable[..., NewModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    library.register(new_model(1))
    prepare, moved = relocation._prepare, []

    def late(store: Store, moves: relocation.Moves, done: relocation.Moves) -> None:
        prepare(store, moves, done)
        for key in done.copies:  # as one does who wanted to register the same weights there
            store.remove(key)
            moved.append(key)

    monkeypatch.setattr(relocation, "_prepare", late)
    library.rename_region("vision.shape", "vision.form")
    assert len(moved) == 1
    (model,) = library.models()
    assert model.sub_region == "vision.form"
    assert library.verify().findings == ()
    assert list(library.store.files("models")) == [model.key] == moved


def test_a_file_that_is_registered_while_it_moves_stays(
    library: Library,
    new_model: Callable[..., NewModel],
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = library.register(new_model(1))
    again = new_model(1, recipe=recipe_of({"again": True}))
    settle, others = upkeep.settle, iter([Library.open(settings)])

    def late(*arguments: Any) -> None:
        for other in others:
            other.register(again)
        settle(*arguments)

    monkeypatch.setattr(upkeep, "settle", late)
    library.split_region("vision.shape", {"vision.part": Part(models=(first.id,))})
    assert {model.sub_region for model in library.models()} == {"vision.shape", "vision.part"}
    assert library.verify().findings == ()


def assert_whole(library: Library) -> None:
    models = library.models()
    assert len(models) == COUNT
    assert sorted(model.version for model in models) == list(range(1, COUNT + 1))
    assert sorted(library.store.files()) == sorted(model.key for model in models)
    for model in models:
        assert load_weights(library.store, model.key)
    assert library.verify().findings == ()
