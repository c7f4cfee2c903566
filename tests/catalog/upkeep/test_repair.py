from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, delete, select, update

from brainray.catalog import Library, NewModel, load_weights, tables
from brainray.catalog.upkeep.rows import foreign_keys, last

METADATA = tables.Region.metadata
MODEL = METADATA.tables["pretrained_model"]
Unchecked = Callable[[], AbstractContextManager[Connection]]


def test_a_whole_catalog_stays_as_it_is(whole: Library) -> None:
    before, models = whole.store.files(), whole.models()
    assert whole.repair().repaired == ()
    assert (whole.store.files(), whole.models()) == (before, models)


@pytest.mark.parametrize(
    "column",
    [
        f"{table.name}.{last(key).name}"
        for table in METADATA.sorted_tables
        for key in foreign_keys(table)
    ],
)
def test_every_reference_to_nothing_is_repaired(
    whole: Library, unchecked: Unchecked, column: str
) -> None:
    table = METADATA.tables[column.partition(".")[0]]
    name = column.partition(".")[2]
    with unchecked() as connection:
        row = connection.execute(select(table).limit(1)).mappings().one()
        chosen = [table.c[key.name] == row[key.name] for key in table.primary_key.columns]
        connection.execute(update(table).where(*chosen).values({name: "gone"}))
    found = whole.repair()
    assert found.whole, found.findings
    assert column in {finding.where for finding in found.repaired}
    assert whole.verify().whole


@pytest.mark.parametrize(
    "name", ["region", "sub_region", "optimizer", "platform", "data_set", "scenario"]
)
def test_no_model_goes_with_a_row_of_a_dictionary(
    whole: Library, unchecked: Unchecked, name: str
) -> None:
    models = whole.models()
    with unchecked() as connection:
        connection.execute(delete(METADATA.tables[name]))
    found = whole.repair()
    assert found.whole, found.findings
    assert whole.models() == models
    assert not whole.store.files("quarantine/")


def test_models_that_cannot_be_built_go_and_their_weights_are_kept(
    whole: Library, unchecked: Unchecked
) -> None:
    first, second, fused, child = (whole.model(m.id) for m in ordered(whole))
    with unchecked() as connection:
        connection.execute(delete(MODEL).where(MODEL.c.id == first.id))
    assert whole.repair().whole
    assert {model.id for model in whole.models()} == {second.id, child.id}
    assert whole.model(child.id).parent is None
    assert whole.run("run").model_id is None
    aside = whole.store.files("quarantine/")
    assert set(aside) == {f"quarantine/{first.key}", f"quarantine/{fused.key}"}


def test_a_model_whose_weights_are_lost_is_named_until_they_are_back(
    whole: Library, behind: Any
) -> None:
    model = ordered(whole)[0]
    data = behind.read(model.key)
    for spoil in (lambda: behind.write(model.key, data[:-1]), lambda: behind.remove(model.key)):
        spoil()
        (left,) = whole.repair().findings
        assert (left.what, left.where) == (f"model {model.id}", model.key)
        assert left.fix == (
            "put the file back, run the scenario that made it again, or "
            f"`brainray catalog remove model {model.id}`"
        )
    behind.write(model.key, data)
    assert whole.verify().whole


@pytest.mark.parametrize("spoil", ["removed", "damaged"])
@pytest.mark.parametrize("elsewhere", ["quarantine/{key}", "other/{name}"])
def test_lost_weights_are_taken_from_a_copy_in_the_store(
    whole: Library, behind: Any, spoil: str, elsewhere: str
) -> None:
    model = ordered(whole)[0]
    data = behind.read(model.key)
    copy = elsewhere.format(key=model.key, name=model.key.rpartition("/")[2])
    behind.write(copy, data)
    if spoil == "removed":
        behind.remove(model.key)
    else:
        behind.write(model.key, b"damaged")
    assert whole.repair().whole
    assert behind.read(model.key) == data
    assert load_weights(whole.store, model.key)


def test_lost_weights_are_taken_from_the_local_copy(whole: Library, behind: Any) -> None:
    model = ordered(whole)[0]
    copy: Path = whole.store.cached_path(model.key)
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_bytes(behind.read(model.key))
    behind.remove(model.key)
    assert whole.repair().whole
    assert load_weights(whole.store, model.key)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("parameters", 7),
        ("size_bytes", 7),
        ("sha256", "1" * 64),
        ("key", f"models/vision/motion/{'1' * 64}.safetensors"),
    ],
)
def test_a_wrong_row_takes_what_the_file_says(
    whole: Library, unchecked: Unchecked, column: str, value: Any
) -> None:
    models = whole.models()
    for model in models:
        with unchecked() as connection:
            chosen = update(MODEL).where(MODEL.c.id == model.id)
            connection.execute(chosen.values({column: value}))
        assert whole.repair().whole
        assert whole.models() == models


def test_a_model_of_another_sub_region_gets_its_file_there(
    whole: Library, unchecked: Unchecked
) -> None:
    model = ordered(whole)[0]
    with unchecked() as connection:
        chosen = update(MODEL).where(MODEL.c.id == model.id)
        connection.execute(chosen.values(sub_region="vision.motion"))
    assert whole.repair().whole
    moved = whole.model(model.id)
    assert moved.key == f"models/vision/motion/{model.sha256}.safetensors"
    assert not whole.store.exists(model.key)


def test_orphans_are_put_aside_and_damaged_banks_go(whole: Library, behind: Any) -> None:
    (bank, _other) = whole.store.files("banks/")
    behind.write(bank, b"damaged")
    behind.write("models/my notes (1).txt", b"notes")
    assert whole.repair().whole
    assert not whole.store.exists(bank)
    assert behind.read("quarantine/models/my notes (1).txt") == b"notes"


def ordered(library: Library) -> list[Any]:
    """Return the backbones, the fused model and the child, in the order they were made."""
    return sorted(library.models(), key=lambda model: model.created)


def test_it_was_made_in_this_order(whole: Library, new_model: Callable[..., NewModel]) -> None:
    assert [model.name for model in ordered(whole)][2:] == ["two-eyes", "child"]
