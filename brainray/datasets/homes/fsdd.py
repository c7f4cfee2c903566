"""FSDD: spoken digits, from GitHub's archive of one commit."""

import io
import re
import wave
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from brainray.datasets.homes.interface import Content, Download, Home, Table

COMMIT = "26eb9aaf76e81b692f806f9140c2d2777410d7a1"
ARCHIVE = "fsdd.zip"
SPEAKERS = ("george", "jackson", "lucas", "nicolas", "yweweler")
RECORDING = re.compile(r"[^/]+/recordings/((\d)_([a-z]+)_(\d+)\.wav)")
SCHEMA = pa.schema(
    [
        ("filename", pa.string()),
        ("digit", pa.int8()),
        ("speaker", pa.string()),
        ("index", pa.int16()),
        ("sample_rate", pa.int32()),
        ("n_samples", pa.int32()),
        ("pcm_int16", pa.binary()),
    ]
)


def unpack(downloads: Mapping[str, Path]) -> dict[str, Content]:
    """Return the table of the recordings, by speaker, digit and index; samples as they are."""
    rows = []
    with zipfile.ZipFile(downloads[ARCHIVE]) as archive:
        for name in archive.namelist():
            found = RECORDING.fullmatch(name)
            if found and found[3] in SPEAKERS:
                rows.append(
                    {
                        "filename": found[1],
                        "digit": int(found[2]),
                        "speaker": found[3],
                        "index": int(found[4]),
                    }
                    | _samples(archive.read(name))
                )
    rows.sort(key=lambda row: (row["speaker"], row["digit"], row["index"]))
    return {"fsdd.parquet": pa.Table.from_pylist(rows, SCHEMA)}


def _samples(content: bytes) -> dict[str, Any]:
    with wave.open(io.BytesIO(content)) as sound:
        if (sound.getnchannels(), sound.getsampwidth()) != (1, 2):
            raise ValueError("holds a recording that is not mono 16-bit PCM")
        return {
            "sample_rate": sound.getframerate(),
            "n_samples": sound.getnframes(),
            "pcm_int16": sound.readframes(sound.getnframes()),
        }


def _items(table: pa.Table) -> Iterable[tuple[str, bytes]]:
    return zip(table["filename"].to_pylist(), table["pcm_int16"].to_pylist(), strict=True)


HOME = Home(
    name="fsdd",
    title="Free Spoken Digit Dataset (Jackson and contributors)",
    page="https://github.com/Jakobovski/free-spoken-digit-dataset",
    license="CC BY-SA 4.0",
    note=(
        f"Commit {COMMIT}, the 2,500 recordings of {', '.join(SPEAKERS)}; those of its sixth "
        "speaker, theo, are left out. GitHub makes the archive anew for each request, so its bytes "
        "are not pinned; the names and samples of the recordings are."
    ),
    downloads=(
        Download(
            ARCHIVE,
            (f"https://codeload.github.com/Jakobovski/free-spoken-digit-dataset/zip/{COMMIT}",),
        ),
    ),
    tables={
        "fsdd.parquet": Table(
            _items, "f9041c315988917da6267971cfb2e9e13f5c3efda85fc604baaf5d2e71e4968e"
        )
    },
    unpack=unpack,
)
