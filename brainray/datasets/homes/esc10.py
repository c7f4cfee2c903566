"""ESC-10: environmental sounds, from GitHub's archive of the commit that still had the clips."""

import io
import re
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import soundfile
from scipy.signal import resample_poly

from brainray.datasets.homes.interface import Content, Download, Home, Table

COMMIT = "553c8f1743b9dba6b282e1323c3ca8fa76923448"
ARCHIVE = "esc10.zip"
CLIP = re.compile(r"[^/]+/(\d{3}) - ([^/]+)/((\d)-\d+-[A-Z]\.ogg)")
ATTRIBUTION = re.compile(r"[^/]+/README\.md")
RATE = 8000
SOURCE_RATE = 44_100
SCHEMA = pa.schema(
    [
        ("filename", pa.string()),
        ("class_id", pa.int8()),
        ("class_name", pa.string()),
        ("fold", pa.int8()),
        ("sample_rate", pa.int32()),
        ("n_samples", pa.int32()),
        ("pcm_int16", pa.binary()),
    ]
)


def unpack(downloads: Mapping[str, Path]) -> dict[str, Content]:
    """Return the table of the clips by class and name, and who is to be named as their authors."""
    rows = []
    made: dict[str, Content] = {}
    with zipfile.ZipFile(downloads[ARCHIVE]) as archive:
        for name in archive.namelist():
            if ATTRIBUTION.fullmatch(name):
                made["ATTRIBUTION.md"] = archive.read(name)
            if found := CLIP.fullmatch(name):
                pcm = _at_8_khz(archive.read(name))
                rows.append(
                    {
                        "filename": found[3],
                        "class_id": int(found[1]),
                        "class_name": found[2],
                        "fold": int(found[4]),
                        "sample_rate": RATE,
                        "n_samples": len(pcm) // 2,
                        "pcm_int16": pcm,
                    }
                )
    if not made:
        raise ValueError("has no README.md, which names the clips' authors")
    rows.sort(key=lambda row: (row["class_id"], row["filename"]))
    return made | {"esc10_8khz_pcm.parquet": pa.Table.from_pylist(rows, SCHEMA)}


def _at_8_khz(content: bytes) -> bytes:
    """Return a mono sound file of 44.1 kHz as int16 PCM of 8 kHz (polyphase resampling)."""
    wave_T, rate = soundfile.read(io.BytesIO(content), dtype="float64")
    if rate != SOURCE_RATE or wave_T.ndim != 1:
        raise ValueError(f"holds a clip that is not mono, {SOURCE_RATE} Hz")
    scaled_T = np.rint(resample_poly(wave_T, 80, 441) * 32768)
    pcm: bytes = scaled_T.clip(-32768, 32767).astype("<i2").tobytes()
    return pcm


def _items(table: pa.Table) -> Iterable[tuple[str, bytes]]:
    for row in table.drop_columns("pcm_int16").to_pylist():
        said = f"{row['class_id']} {row['class_name']} {row['fold']} {row['n_samples']}"
        yield row["filename"], said.encode()


HOME = Home(
    name="esc10",
    title="ESC-10 environmental sounds (Piczak)",
    page="https://github.com/karolpiczak/ESC-10",
    license="CC BY 3.0; each clip's author is to be named: ATTRIBUTION.md",
    note=(
        f"Commit {COMMIT}. GitHub makes the archive anew for each request, and decoders of Vorbis "
        "differ in the last bits, so neither bytes nor samples are pinned: names, classes, folds "
        "and exact lengths are. Damage on the way is found by the archive's own checksums."
    ),
    downloads=(
        Download(ARCHIVE, (f"https://codeload.github.com/karolpiczak/ESC-10/zip/{COMMIT}",)),
    ),
    tables={
        "esc10_8khz_pcm.parquet": Table(
            _items, "da6e504f741c838da7fe73050670168714be75225c24ba34d9d4f79532635a4e"
        )
    },
    unpack=unpack,
)
