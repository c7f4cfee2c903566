"""A portable manifest gives the same data set, without the files that the original names."""

import io
import shutil
import wave
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from brainray.datasets.manifest import pack_manifest
from brainray.datasets.portable import write_portable
from brainray.errors import DataError
from brainray.shapes import Modality

INPUTS: dict[str, Modality] = {"picture": "image", "sound": "audio", "words": "text"}
ROWS = 24


def png(shade: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (4, 4), shade).save(buffer, "PNG")
    return buffer.getvalue()


def wav(tone: int) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes((np.arange(200) * tone % 500).astype("<i2").tobytes())
    return buffer.getvalue()


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder of samples; in row 3 picture and sound are missing."""
    folder = tmp_path / "files"
    folder.mkdir()
    for row in range(ROWS):
        (folder / f"{row}.png").write_bytes(png(10 * row))
        (folder / f"{row}.wav").write_bytes(wav(row + 1))
    return folder


def csv(folder: Path) -> Path:
    lines = ["picture,sound,words,label,rate,other"]
    for row in range(ROWS):
        there = "," if row == 3 else f"{row}.png,{row}.wav"
        lines.append(f"{there},word{row},{row % 2},44100,x")
    (folder / "all.csv").write_text("\n".join(lines) + "\n")
    return folder / "all.csv"


def parquet(folder: Path) -> Path:
    """Return a manifest of paths and of PCM without a header, whose rate is a column."""
    pcm = [np.arange(100, dtype="<i2").tobytes()] * ROWS
    columns = {
        "picture": pa.array([f"{row}.png" for row in range(ROWS)]).dictionary_encode(),
        "sound": pcm,
        "rate": [8000] * ROWS,
        "words": ["a"] * ROWS,
        "label": [row % 2 for row in range(ROWS)],
    }
    pq.write_table(pa.table(columns), folder / "all.parquet")
    return folder / "all.parquet"


@pytest.mark.parametrize("make", [csv, parquet])
def test_it_gives_the_same_data_set(files: Path, tmp_path: Path, make: object) -> None:
    assert callable(make)
    original = make(files)
    packed = pack_manifest(original, INPUTS, "label", 3, tmp_path / "original")
    portable = write_portable(original, INPUTS, "label", (), tmp_path / "sent")
    shutil.rmtree(files)
    assert portable == tmp_path / "sent" / "all.parquet"
    assert "other" not in pq.read_schema(portable).names
    again = pack_manifest(portable, INPUTS, "label", 3, tmp_path / "again")
    assert again.sha256 == packed.sha256


def test_a_file_that_is_missing_is_named(files: Path, tmp_path: Path) -> None:
    manifest = csv(files)
    (files / "5.wav").unlink()
    with pytest.raises(DataError, match=r"all\.csv: row 5, column sound: '5\.wav' cannot be read"):
        write_portable(manifest, INPUTS, "label", (), tmp_path / "sent")
    assert not (tmp_path / "sent").exists()
