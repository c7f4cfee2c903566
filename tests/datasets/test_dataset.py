import pickle
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from brainray.datasets import Dataset, open_dataset, pack_table
from brainray.errors import DataError


@pytest.fixture
def packed(tmp_path: Path) -> Dataset:
    table = pa.table({"note": list("abcdef"), "label": list("xyxyxy"), "group": list("ppqqrr")})
    return pack_table(table, "mine", {"note": "text"}, "label", 0, tmp_path)


def test_unknown_names_are_refused(packed: Dataset) -> None:
    with pytest.raises(DataError, match="split 'dev': allowed are train, validation, test"):
        packed.target("dev")
    with pytest.raises(DataError, match="input 'image': allowed are note"):
        packed.column("train", "image")


def test_a_worker_gets_the_same_data(packed: Dataset) -> None:
    sent = pickle.loads(pickle.dumps(packed))
    assert sent == packed
    assert sent.column("train", "note") == packed.column("train", "note")


def test_damaged_and_foreign_files_are_refused(packed: Dataset, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        open_dataset(tmp_path / "no.parquet")
    renamed = tmp_path / "renamed.parquet"
    renamed.write_bytes(packed.path.read_bytes())
    with pytest.raises(DataError, match=f"damaged or renamed: .* is {packed.sha256}"):
        open_dataset(renamed)
    content = bytearray(packed.path.read_bytes())
    content[10] ^= 1
    packed.path.write_bytes(content)
    with pytest.raises(DataError, match="damaged"):
        open_dataset(packed.path)


def test_rows_of_a_group_are_in_one_split(packed: Dataset) -> None:
    table = pq.read_table(packed.path)
    pairs = set(zip(table["group"].to_pylist(), table["split"].to_pylist(), strict=True))
    assert len(pairs) == 3
