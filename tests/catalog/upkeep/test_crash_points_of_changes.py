"""Points at which a process may be killed that changes regions or brings own networks."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, delete

from brainray.catalog import Library, NewModel, tables
from brainray.catalog.cards import ModelCard, NetworkCard, parse_card
from brainray.catalog.regions import Part
from brainray.testing.graphs import picture_graph

METADATA = tables.Region.metadata
Build = Callable[..., NewModel]
Kill = Callable[..., int]
Unchecked = Callable[[], AbstractContextManager[Connection]]
NETWORK: dict[str, Any] = {
    "name": "mine.image",
    "architecture": "onnx",
    "category": "Mine",
    "modality": "image",
    "preparation": {"name": "grey_image", "size": 28},
    "sub_regions": ["vision.shape"],
}
MODEL = {"network": "mine.image", "data_set": "ImageNet", "platform": "ONNX Runtime 1.32"}
OWN = ("draft", "network_sub_region", "network_function", "network")


@pytest.fixture
def forget(unchecked: Unchecked) -> Callable[[Library], None]:
    """Forgets the user's own network, its drafts and its model."""

    def undo(library: Library) -> None:
        for model in library.models():
            library.remove(model.id)
        with unchecked() as connection:
            for name in OWN:
                table = METADATA.tables[name]
                column = table.c["name" if name == "network" else "network"]
                connection.execute(delete(table).where(column == NETWORK["name"]))

    return undo


def add_network(library: Library) -> None:
    if NETWORK["name"] not in {row["name"] for row in library.entries("networks")}:
        library.add_network(parse_card(NETWORK, NetworkCard, "card"))


def declare(library: Library) -> str:
    return library.declare_card(parse_card(MODEL, ModelCard, "card"))


def test_add_network(
    kill_everywhere: Kill, library: Library, forget: Callable[[Library], None]
) -> None:
    assert kill_everywhere(add_network, forget) >= 2


def test_declare(
    kill_everywhere: Kill, library: Library, forget: Callable[[Library], None]
) -> None:
    library.add_named_data_set("ImageNet")

    def undo(library: Library) -> None:
        forget(library)
        add_network(library)

    assert kill_everywhere(declare, undo) >= 2


def test_upload(
    kill_everywhere: Kill, library: Library, forget: Callable[[Library], None], tmp_path: Path
) -> None:
    library.add_named_data_set("ImageNet")
    path = tmp_path / "graph.onnx"
    path.write_bytes(picture_graph())

    def undo(library: Library) -> None:
        forget(library)
        add_network(library)
        declare(library)

    def upload(library: Library) -> None:
        # Killed when the rows had changed, there is no draft any more; the rest is collected.
        for draft in library.drafts():
            library.upload(draft, path)

    assert kill_everywhere(upload, undo) >= 10


def test_move_a_region(kill_everywhere: Kill, library: Library, new_model: Build) -> None:
    library.register(new_model())
    assert kill_everywhere(renamed("vision", "sight"), renamed("sight", "vision")) >= 15


def test_move_a_sub_region(kill_everywhere: Kill, library: Library, new_model: Build) -> None:
    library.register(new_model())
    there, back = ("vision.shape", "audition.shape"), ("audition.shape", "vision.shape")
    assert kill_everywhere(renamed(*there), renamed(*back)) >= 15


def test_merge_and_split(kill_everywhere: Kill, library: Library, new_model: Build) -> None:
    library.add_region("vision.form")
    library.merge_regions(["vision.shape", "vision.other"], "vision.form")
    models = [library.register(new_model(seed, sub_region="vision.form")).id for seed in (1, 2)]

    def is_split(library: Library) -> bool:
        return library.model(models[1]).sub_region == "vision.form.face"

    def split(library: Library) -> None:
        if not is_split(library):
            part = Part(functions=("shape",), models=(models[1],))
            library.split_region("vision.form", {"vision.form.face": part})

    def merge(library: Library) -> None:
        if is_split(library):
            library.merge_regions(["vision.form.face"], "vision.form")

    assert kill_everywhere(split, merge) >= 15
    assert kill_everywhere(merge, split) >= 15


def renamed(name: str, new: str) -> Callable[[Library], None]:
    top = new.count(".") == 0

    def rename(library: Library) -> None:
        there = {row["name"] for row in library.entries("regions" if top else "sub-regions")}
        if new not in there:
            library.rename_region(name, new)

    return rename
