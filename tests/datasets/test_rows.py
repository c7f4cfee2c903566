"""Rows of a manifest that are read a few at a time are those of the packed data set."""

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from brainray.datasets import pack_manifest
from brainray.datasets.rows import read_rows
from brainray.datasets.samples import encode_image
from brainray.errors import DataError
from brainray.shapes import Modality, Recording

INPUTS: dict[str, Modality] = {"picture": "image", "call": "audio", "note": "text"}


def wav(seed: int) -> bytes:
    buffer = io.BytesIO()
    wave_T = np.random.default_rng(seed).normal(0, 0.2, 50).astype(np.float32)
    soundfile.write(buffer, wave_T, 8000, subtype="FLOAT", format="WAV")
    return buffer.getvalue()


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    rows = [
        {
            "picture": None if n % 3 == 0 else encode_image(pixels + n),
            "call": None if n % 4 == 0 else wav(n),
            "note": f"row {n}",
            "kind": "ab"[n % 2],
            "split": "test",
        }
        for n in range(11)
    ]
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


@pytest.mark.parametrize("at_once", [1, 4, 100])
def test_rows_are_those_that_a_network_is_trained_on(
    manifest: Path, tmp_path: Path, at_once: int
) -> None:
    chunks = list(read_rows(manifest, INPUTS, at_once))
    assert max(map(len, chunks)) <= at_once
    rows = [row for chunk in chunks for row in chunk]
    assert [row.number for row in rows] == list(range(11))
    packed = pack_manifest(manifest, INPUTS, "kind", 0, tmp_path, classes=("a", "b"))
    for name in INPUTS:
        for row, raw in zip(rows, packed.column("test", name), strict=True):
            if raw is None:
                assert name not in row.inputs
            elif isinstance(raw, Recording):
                found = row.inputs[name]
                assert isinstance(found, Recording)
                assert found.rate == raw.rate
                assert np.array_equal(found.wave_T, raw.wave_T)
            else:
                assert np.array_equal(row.inputs[name], raw)


def test_csv_counts_rows_over_chunks(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("other,note\n" + "".join(f"{n},text {n}\n" for n in range(7)) + "7,\n")
    chunks = read_rows(path, INPUTS, 3)
    found = [(row.number, row.inputs) for row in [*next(chunks), *next(chunks)]]
    assert found == [(n, {"note": f"text {n}"}) for n in range(6)]
    with pytest.raises(DataError, match=r"rows\.csv: row 7: all inputs are missing \(note\)"):
        next(chunks)


def test_what_cannot_be_read_names_row_and_column(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("picture,note\n,a\nnosuch.png,b\n")
    with pytest.raises(DataError, match=r"row 1, column picture: 'nosuch\.png' cannot be read"):
        list(read_rows(path, INPUTS, 1))
    path.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"no column of an input \(picture, call, note\)"):
        list(read_rows(path, INPUTS, 1))


def test_a_model_is_judged_by_its_own_classes_alone(manifest: Path, tmp_path: Path) -> None:
    packed = pack_manifest(manifest, INPUTS, "kind", 0, tmp_path, classes=("b", "z", "a"))
    assert packed.classes == ("b", "z", "a")
    assert packed.target("test").tolist() == [2 if n % 2 == 0 else 0 for n in range(11)]
    with pytest.raises(DataError, match=r"row 1, column kind: 'b' is no class of the model"):
        pack_manifest(manifest, INPUTS, "kind", 0, tmp_path, classes=("a", "c"))
