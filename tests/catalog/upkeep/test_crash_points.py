"""Every point at which a process may be killed while it writes; none is left out."""

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from datetime import timedelta
from typing import Any

import pytest
import torch
from sqlalchemy import Connection, delete

from brainray.catalog import Library, NewModel, load_weights, tables
from brainray.catalog.sealing import seal
from brainray.datasets.dataset import Dataset
from brainray.settings import Settings
from brainray.testing.crashes import Crash, crash_at

NOW = timedelta(0)
MOST = 200
METADATA = tables.Region.metadata
MODEL = METADATA.tables["pretrained_model"]
Build = Callable[..., NewModel]
Unchecked = Callable[[], AbstractContextManager[Connection]]
State = tuple[Any, ...]


def state(library: Library) -> State:
    """What can be seen, but for times and what a later process collects."""
    models = [(model.id, model.key, model.parent, model.backbones) for model in library.models()]
    runs = [(run.id, run.model_id) for run in library.runs()]
    return models, runs, sorted(library.store.files())


def kill_everywhere(
    settings: Settings,
    write: Callable[[Library], object],
    undo: Callable[[Library], object],
    sound: bool = True,
) -> int:
    """Kill ``write`` at every point and look at what is left; return how many points there are.

    Args:
        settings: of the catalog.
        write: what is killed, and then done again.
        undo: brings the catalog back to what it was before.
        sound: whether the catalog is whole before.
    """
    undo(Library.open(settings))
    before = Library.open(settings).models()
    write(Library.open(settings))
    Library.open(settings).collect(NOW)
    ended, after = state(Library.open(settings)), Library.open(settings).models()
    for number in range(MOST):
        undo(Library.open(settings))
        with crash_at(number) as points, suppress(Crash):
            write(Library.open(settings))
        library = Library.open(settings)
        assert names(library.models()) in (names(before), names(after)), number
        if sound:
            assert library.verify().whole, (number, library.verify().findings)
            for model in library.models():
                assert load_weights(library.store, model.key)
        write(library)
        library.collect(NOW)
        assert state(library) == ended, number
        assert library.verify().whole
        if points.left >= 0:
            return number
    raise AssertionError("it never ends")


def names(models: list[Any]) -> list[str]:
    return [model.id for model in models]


def forget(*names: str) -> Callable[[Library], None]:
    def undo(library: Library) -> None:
        for model in library.models():
            if model.name in names:
                library.remove(model.id, force=True)
        library.collect(NOW)

    return undo


def test_register(settings: Settings, library: Library, new_model: Build) -> None:
    points = kill_everywhere(
        settings, lambda one: one.register(new_model(5)), forget("lenet3.image-adam")
    )
    assert points >= 10  # marker, weights, row, marker: three, three, two, two


def test_register_fused(settings: Settings, library: Library, fused: Build) -> None:
    assert kill_everywhere(settings, lambda one: one.register(fused()), forget("two-eyes")) >= 10


def test_add_data_set(
    settings: Settings, library: Library, dataset: Dataset, unchecked: Unchecked, behind: Any
) -> None:
    def undo(library: Library) -> None:
        with unchecked() as connection:
            connection.execute(delete(METADATA.tables["data_set"]))
        for key in library.store.files():
            behind.remove(key)

    points = kill_everywhere(settings, lambda one: one.add_data_set(dataset, "files"), undo)
    assert points >= 10


def test_store_a_bank(settings: Settings, library: Library, new_model: Build) -> None:
    model = library.register(new_model())
    key = f"banks/{model.sha256}/{'1' * 64}.safetensors"
    bank = seal({"x": torch.ones(3)}, {"taps": ["x"]})
    points = kill_everywhere(
        settings,
        lambda one: None if one.store.holds(key) else one.store.put(key, bank),
        lambda one: one.store.remove(key),
    )
    assert points >= 3


def test_remove(settings: Settings, whole: Library, fused: Build) -> None:
    def remove(library: Library) -> None:
        # Killed when the row had gone, there is nothing to remove; what is left is collected.
        if "two-eyes" in {model.name for model in library.models()}:
            library.remove("two-eyes", force=True)

    def undo(library: Library) -> None:
        made = library.register(fused())
        key = f"banks/{made.sha256}/{'2' * 64}.safetensors"
        library.store.put(key, seal({}, {"taps": []}))
        library.finish_run("run", "finished", made.id)

    assert kill_everywhere(settings, remove, undo) >= 10


def test_collect(settings: Settings, whole: Library, new_model: Build, behind: Any) -> None:
    def undo(library: Library) -> None:
        new_model(77)  # stored, not registered
        behind.write(f"models/.{'3' * 32}.tmp", b"half")
        behind.write(f"banks/{'3' * 64}/{'4' * 64}.safetensors", seal({}, {"taps": []}))
        behind.write("quarantine/notes.txt", b"notes")

    points = kill_everywhere(settings, lambda one: one.collect(NOW, quarantine=True), undo)
    assert points >= 10


def test_repair(
    settings: Settings, whole: Library, fused: Build, unchecked: Unchecked, behind: Any
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

    assert kill_everywhere(settings, repair, undo, sound=False) >= 10


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
