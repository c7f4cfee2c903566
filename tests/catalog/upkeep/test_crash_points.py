"""Points at which a process may be killed while it writes; with ``--long`` none is left out."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import pytest
import torch
from sqlalchemy import Connection, delete

from brainray.catalog import Library, NewModel, tables
from brainray.catalog.sealing import seal
from brainray.datasets.dataset import Dataset
from brainray.settings import Settings
from brainray.testing.crashes import Crash, crash_at

NOW = timedelta(0)
METADATA = tables.Region.metadata
Build = Callable[..., NewModel]
Unchecked = Callable[[], AbstractContextManager[Connection]]
Kill = Callable[..., int]


def forget(*names: str) -> Callable[[Library], None]:
    def undo(library: Library) -> None:
        for model in library.models():
            if model.name in names:
                library.remove(model.id, force=True)
        library.collect(NOW)

    return undo


def test_register(kill_everywhere: Kill, library: Library, new_model: Build) -> None:
    points = kill_everywhere(lambda one: one.register(new_model(5)), forget("lenet3.image-adam"))
    assert points >= 10  # marker, weights, row, marker: three, three, two, two


def test_register_fused(kill_everywhere: Kill, library: Library, fused: Build) -> None:
    assert kill_everywhere(lambda one: one.register(fused()), forget("two-eyes")) >= 10


def test_add_data_set(
    kill_everywhere: Kill, library: Library, dataset: Dataset, unchecked: Unchecked, behind: Any
) -> None:
    def undo(library: Library) -> None:
        with unchecked() as connection:
            connection.execute(delete(METADATA.tables["data_set"]))
        for key in library.store.files():
            behind.remove(key)

    points = kill_everywhere(lambda one: one.add_data_set(dataset, "files"), undo)
    assert points >= 10


def test_store_a_bank(kill_everywhere: Kill, library: Library, new_model: Build) -> None:
    model = library.register(new_model())
    key = f"banks/{model.sha256}/{'1' * 64}.safetensors"
    bank = seal({"x": torch.ones(3)}, {"taps": ["x"]})
    points = kill_everywhere(
        lambda one: None if one.store.holds(key) else one.store.put(key, bank),
        lambda one: one.store.remove(key),
    )
    assert points >= 2  # before and after; in a local folder also half-way


def test_remove(kill_everywhere: Kill, whole: Library, fused: Build) -> None:
    def remove(library: Library) -> None:
        # Killed when the row had gone, there is nothing to remove; what is left is collected.
        if "two-eyes" in {model.name for model in library.models()}:
            library.remove("two-eyes", force=True)

    def undo(library: Library) -> None:
        made = library.register(fused())
        key = f"banks/{made.sha256}/{'2' * 64}.safetensors"
        library.store.put(key, seal({}, {"taps": []}))
        library.finish_run("run", "finished", made.id)

    assert kill_everywhere(remove, undo) >= 10


def test_collect(kill_everywhere: Kill, whole: Library, new_model: Build, behind: Any) -> None:
    def undo(library: Library) -> None:
        new_model(77)  # stored, not registered
        behind.write(f"models/.{'3' * 32}.tmp", b"half")
        behind.write(f"banks/{'3' * 64}/{'4' * 64}.safetensors", seal({}, {"taps": []}))
        behind.write("quarantine/notes.txt", b"notes")

    points = kill_everywhere(lambda one: one.collect(NOW, quarantine=True), undo)
    assert points >= 10


def test_repair(
    kill_everywhere: Kill, whole: Library, fused: Build, unchecked: Unchecked, behind: Any
) -> None:
    first = min(whole.models(), key=lambda model: model.created)
    data = behind.read(first.key)

    def undo(library: Library) -> None:
        library.collect(NOW, quarantine=True)
        fused_model = library.register(fused())
        behind.remove(first.key)
        behind.write(f"other/{first.key.rpartition('/')[2]}", data)
        behind.write("models/vision/notes.txt", b"notes")
        behind.write(f"banks/{first.sha256}/{'5' * 64}.safetensors", b"damaged")
        with unchecked() as connection:
            part = METADATA.tables["model_backbone"]
            connection.execute(part.delete().where(part.c.fused == fused_model.id))

    def repair(library: Library) -> None:
        assert library.repair().whole

    assert kill_everywhere(repair, undo, sound=False) >= 10


@pytest.mark.parametrize("number", range(3))
def test_a_killed_writer_leaves_what_the_next_one_ends(
    library: Library, new_model: Build, settings: Settings, number: int
) -> None:
    with pytest.raises(Crash), crash_at(number):
        new_model(9)
    model = Library.open(settings).register(new_model(9))
    found = library.verify()
    assert found.whole
    assert all(finding.where.endswith(".tmp") for finding in found.findings)
    assert library.models() == [model]
