import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from brainray.datasets import open_dataset, pack_manifest, pack_table
from brainray.datasets.interface import with_sources
from brainray.errors import DataError

NOTES = {
    "note": [f"note {number}" for number in range(12)],
    "label": list("xy" * 6),
    "split": ["train"] * 4 + ["validation"] * 4 + ["test"] * 4,
    "group": ["ann", "ann", None, "bob", *"cdef", *"ghij"],
}


def pack(folder: Path, strata: tuple[str, ...], **columns: Any) -> Any:
    return pack_table(pa.table(NOTES | columns), "m", {"note": "text"}, "label", 0, folder, strata)


def test_strata_are_kept_row_by_row(tmp_path: Path) -> None:
    loudness = [0.5, None, math.nan, -3.25, *range(8)]
    packed = pack(tmp_path, ("loudness", "year"), loudness=loudness, year=list(range(2000, 2012)))
    assert packed.strata == ("loudness", "year")
    assert open_dataset(packed.path) == packed
    train = packed.stratum("train", "loudness")
    assert train.dtype == np.float64
    np.testing.assert_array_equal(train, [0.5, math.nan, math.nan, -3.25])
    np.testing.assert_array_equal(packed.stratum("test", "year"), [2008, 2009, 2010, 2011])
    with pytest.raises(DataError, match="stratum 'pitch': allowed are loudness, year"):
        packed.stratum("train", "pitch")
    with pytest.raises(DataError, match="split 'dev'"):
        packed.stratum("dev", "year")


def test_a_csv_manifest_has_strata(tmp_path: Path) -> None:
    manifest = tmp_path / "m.csv"
    rows = [f"note {i},{'xy'[i % 2]},{'' if i == 1 else i / 2},{i % 3}" for i in range(40)]
    manifest.write_text("\n".join(["note,label,loudness,group", *rows]))
    packed = pack_manifest(manifest, {"note": "text"}, "label", 0, tmp_path / "p", ("loudness",))
    found = {
        row: value
        for split in packed.row_counts
        for row, value in zip(
            packed.row_numbers(split).tolist(), packed.stratum(split, "loudness"), strict=True
        )
    }
    assert math.isnan(found.pop(1))
    assert found == {row: row / 2 for row in range(40) if row != 1}


def test_a_row_without_group_has_a_name_of_its_own(tmp_path: Path) -> None:
    packed = pack(tmp_path, ())
    assert packed.groups("train") == ["ann", "ann", "row 2", "bob"]
    assert packed.groups("test") == list("ghij")


def test_without_strata_and_sources_the_file_does_not_speak_of_them(tmp_path: Path) -> None:
    plain = pack(tmp_path, (), loudness=[1.0] * 12)
    metadata = pq.read_schema(plain.path).metadata[b"brainray"]
    assert plain.strata == ()
    assert plain.sources == {}
    assert b"strata" not in metadata
    assert b"sources" not in metadata
    assert pack(tmp_path, ()).sha256 == plain.sha256
    assert pack(tmp_path, ("loudness",), loudness=[1.0] * 12).sha256 != plain.sha256
    with pytest.raises(DataError, match="allowed are none"):
        plain.stratum("train", "loudness")


def test_sources_are_kept(tmp_path: Path) -> None:
    table = with_sources(pa.table(NOTES), {"a.bin": "12ab"})
    packed = pack_table(table, "m", {"note": "text"}, "label", 0, tmp_path)
    assert packed.sources == {"a.bin": "12ab"}
    assert open_dataset(packed.path).sources == {"a.bin": "12ab"}


@pytest.mark.parametrize(
    ("stratum", "values", "message"),
    [
        ("nosuch", [1] * 12, "has no column 'nosuch', there are note, label, split, group"),
        ("s", [None, "loud", *["x"] * 10], "row 1, column s: is 'loud' .*a stratum holds numbers"),
        ("s", [True] * 12, "row 0, column s: is True .*a stratum holds numbers"),
        ("s", [1.0, math.inf, *[2.0] * 10], "row 1, column s: is inf, .* finite numbers"),
        ("s", [None] * 12, "column s: .* all are missing"),
        ("s", [math.nan] * 12, "column s: .* all are missing"),
        ("note", [1] * 12, "column 'note' cannot be a stratum: it is an input, the target"),
        ("label", [1] * 12, "column 'label' cannot be a stratum"),
        ("group", [1] * 12, "column 'group' cannot be a stratum"),
    ],
)
def test_impossible_strata_are_refused(
    stratum: str, values: list[Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message):
        pack(tmp_path, (stratum,), s=values)
    assert not list(tmp_path.iterdir())


def test_an_input_may_not_take_a_stratums_place(tmp_path: Path) -> None:
    table = pa.table(NOTES | {"stratum_s": NOTES["note"], "s": [1] * 12})
    with pytest.raises(DataError, match="'stratum_s' cannot be an input: the name is reserved"):
        pack_table(table, "m", {"stratum_s": "text"}, "label", 0, tmp_path, ("s",))
