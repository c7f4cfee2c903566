from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from brainray.datasets import SPLITS, Dataset, load_dataset, open_dataset, pack_manifest, pack_table
from brainray.datasets.split import NO_CLASS, keep_labels, split_rows
from brainray.errors import DataError
from brainray.scenario.model import Data
from brainray.settings import Settings
from brainray.shapes import Modality

TEXT: dict[str, Modality] = {"note": "text"}


def packed(folder: Path, **changes: Any) -> Dataset:
    columns = {
        "note": list("abcdef"),
        "label": ["x", None, "y", None, "x", "y"],
        "split": ["train", "train", "train", "train", "validation", "test"],
    }
    return pack_table(pa.table({**columns, **changes}), "mine", TEXT, "label", 0, folder)


def test_they_stand_apart_from_the_labelled_rows_of_train(tmp_path: Path) -> None:
    dataset = packed(tmp_path)
    assert dataset.row_counts == {"train": 2, "validation": 1, "test": 1, "unlabelled": 2}
    assert open_dataset(dataset.path) == dataset
    assert dataset.classes == ("x", "y")
    assert dataset.column("train", "note") == ["a", "c"]
    assert dataset.target("train").tolist() == [0, 1]
    assert dataset.column("unlabelled", "note") == ["b", "d"]
    assert dataset.row_numbers("unlabelled").tolist() == [1, 3]
    with pytest.raises(DataError, match="split 'unlabelled': its rows have no target"):
        dataset.target("unlabelled")


def test_a_data_set_without_them_has_no_such_rows(tmp_path: Path) -> None:
    dataset = packed(tmp_path, label=list("xyxyxy"))
    assert set(dataset.row_counts) == set(SPLITS)
    assert dataset.rows("unlabelled") == 0
    assert dataset.column("unlabelled", "note") == []


def test_an_empty_cell_of_a_csv_file_is_no_target(tmp_path: Path) -> None:
    manifest = tmp_path / "my.csv"
    rows = ["a,1,train", "b,,train", "c,2,train", "d,1,validation", "e,2,test"]
    manifest.write_text("\n".join(["note,label,split", *rows]))
    dataset = pack_manifest(manifest, TEXT, "label", 0, tmp_path)
    assert dataset.classes == ("1", "2")
    assert (dataset.rows("train"), dataset.rows("unlabelled")) == (2, 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"label": ["x", None, "y", "x", "x", None]},
            "row 5, column label: the target is missing, but the row is in test; only rows of",
        ),
        ({"label": pa.array([None] * 6, pa.string())}, "needs two classes, there is none"),
        ({"label": ["x", None, None, None, "x", "y"]}, "row 5: class 'y' is in test, but no row"),
        ({"group": [None, "g", None, None, "g", None]}, "row 4, column group: 'g' is in valid"),
    ],
)
def test_useless_ones_are_refused(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        packed(tmp_path, **changes)
    assert list(tmp_path.iterdir()) == []


def test_data_to_be_judged_by_may_have_them_in_train_alone(tmp_path: Path) -> None:
    columns = {"note": list("abc"), "label": [None, "x", "y"]}
    splits = {"split": ["train", "test", "test"]}
    known = pack_table(
        pa.table(columns | splits), "m", TEXT, "label", 0, tmp_path / "a", classes=["x", "y"]
    )
    assert known.row_counts == {"train": 0, "validation": 0, "test": 2, "unlabelled": 1}
    with pytest.raises(DataError, match=r"row 0, column label: the target is missing, but .* test"):
        pack_table(pa.table(columns), "m", TEXT, "label", 0, tmp_path / "b", classes=["x", "y"])


def test_they_and_their_groups_are_split_to_train_beside_the_others() -> None:
    target = np.array([0, 1] * 50 + [NO_CLASS] * 300)
    groups: list[str | None] = [None] * 400
    groups[0] = groups[399] = "ann"
    splits = split_rows(target, groups, 0)
    assert splits[0] == "train"
    assert set(splits[100:]) == {"train"}
    assert Counter(splits[:100]) == {"train": 70, "validation": 15, "test": 15}


def test_a_few_labels_are_kept_of_each_class_alike() -> None:
    target = np.array([0] * 50 + [1] * 50 + [2] * 3 + [NO_CLASS] * 5 + [0, 1])
    splits = ["train"] * 108 + ["validation", "test"]
    kept = keep_labels(target, splits, 23, seed=0)
    assert Counter(kept[:108].tolist()) == {0: 10, 1: 10, 2: 3, NO_CLASS: 85}
    assert kept[108:].tolist() == [0, 1]
    assert set(kept[kept != NO_CLASS] == target[kept != NO_CLASS]) == {True}
    fewer, other = keep_labels(target, splits, 9, seed=0), keep_labels(target, splits, 23, seed=1)
    assert set(np.flatnonzero(fewer != NO_CLASS)) < set(np.flatnonzero(kept != NO_CLASS))
    assert kept.tolist() != other.tolist()
    assert keep_labels(target, splits, 103, seed=0).tolist() == target.tolist()
    with pytest.raises(DataError, match=r"data.labelled: must be from 3 .* to 103 .*, not 104"):
        keep_labels(target, splits, 104, seed=0)


@pytest.mark.parametrize("kind", ["manifest", "ready"])
def test_a_scenario_may_leave_labels_out(kind: str, tmp_path: Path) -> None:
    settings = Settings(
        database_url="sqlite://", store_url="", data=None, cache=tmp_path, runs=tmp_path
    )
    if kind == "ready":
        options = {"train": 100, "validation": 10, "test": 10}
        data = Data(name="audio_visual_digits", source="embedded", options=options, labelled=20)
        dataset, _ = load_dataset(data, {"image": "image"}, "digit", 0, settings)
        assert Counter(dataset.target("train").tolist()) == dict.fromkeys(range(10), 2)
        assert dataset.rows("unlabelled") == 80
        return
    manifest = tmp_path / "my.csv"
    manifest.write_text("\n".join(["note,label", *(f"n{i},{'xy'[i % 2]}" for i in range(40))]))
    few = Data(manifest=manifest, labelled=4)
    dataset, _ = load_dataset(few, TEXT, "label", 0, settings)
    assert (dataset.rows("train"), dataset.rows("unlabelled")) == (4, 24)
    with pytest.raises(DataError, match=r"my.csv: data.labelled: .* to 28 .*, not 99"):
        load_dataset(few.model_copy(update={"labelled": 99}), TEXT, "label", 0, settings)
