"""The public homes, with tiny archives of the same formats on a server on this machine."""

import gzip
import hashlib
import io
import os
import wave
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile

from brainray.datasets.download import UnreachableError
from brainray.datasets.homes import HOMES, PARTS, esc10, fsdd, mnist
from brainray.datasets.homes.interface import Home, digest_of
from brainray.datasets.obtain import check, missing, obtain
from brainray.errors import DataError

GENERATOR = np.random.default_rng(0)
LABELS = {"train": [3, 1, 3, 0], "t10k": [9, 1]}
IMAGES = {
    split: GENERATOR.integers(0, 256, (len(labels), 28, 28)).astype(np.uint8)
    for split, labels in LABELS.items()
}
SPOKEN = {
    f"{digit}_{speaker}_{index}.wav": GENERATOR.integers(-9000, 9000, 50).astype("<i2").tobytes()
    for speaker in ("jackson", "george", "theo")
    for digit in (1, 0)
    for index in (10, 2)
}


def idx(array: Any) -> bytes:
    shape = b"".join(length.to_bytes(4, "big") for length in array.shape)
    header = bytes([0, 0, 8, array.ndim]) + shape
    return gzip.compress(header + array.tobytes())


def wav(pcm: bytes, channels: int = 1) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as sound:
        sound.setnchannels(channels)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(pcm)
    return buffer.getvalue()


def ogg(samples: int, rate: int = 44_100) -> bytes:
    buffer = io.BytesIO()
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(samples) / rate)
    soundfile.write(buffer, tone, rate, format="OGG", subtype="VORBIS")
    return buffer.getvalue()


def archive(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for name, content in files.items():
            made.writestr(f"repository-1234/{name}", content)
    return buffer.getvalue()


def mnist_files() -> dict[str, bytes]:
    return {
        f"{split}-{kind}-idx{axes}-ubyte.gz": idx(array)
        for split in LABELS
        for kind, axes, array in (
            ("images", 3, IMAGES[split]),
            ("labels", 1, np.array(LABELS[split], dtype=np.uint8)),
        )
    }


def fsdd_files() -> dict[str, bytes]:
    recordings = {f"recordings/{name}": wav(pcm) for name, pcm in SPOKEN.items()}
    return {"fsdd.zip": archive(recordings | {"README.md": b"read", "recordings/notes.txt": b""})}


def esc10_files() -> dict[str, bytes]:
    clips = {
        "002 - Rain/4-77-B.ogg": ogg(44_100),
        "001 - Dog bark/2-100-A.ogg": ogg(22_050),
        "001 - Dog bark/1-99-A.ogg": ogg(44_101),
        "README.md": b"1-99-A.ogg: by somebody (CC-BY)",
        "ESC-10.png": b"picture",
    }
    return {"esc10.zip": archive(clips)}


FILES = {"mnist": mnist_files, "fsdd": fsdd_files, "esc10": esc10_files}


@pytest.fixture
def tiny(site: Any) -> Callable[[str], Home]:
    """Return a home that is moved to the tiny site, and pinned to what is there."""

    def moved(name: str) -> Home:
        home, files = HOMES[name], FILES[name]()
        for file, content in files.items():
            site.files[f"/{name}/{file}"] = content
        downloads = []
        for each in home.downloads:
            sha256 = each.sha256 and hashlib.sha256(files[each.file]).hexdigest()
            url = f"{site.url}/{name}/{each.file}"
            downloads.append(replace(each, urls=(url,), sha256=sha256, size=None))
        return repinned(replace(home, downloads=tuple(downloads)), files)

    return moved


def repinned(home: Home, files: dict[str, bytes]) -> Home:
    expected = {
        "mnist_train.parquet": mnist_items("train"),
        "mnist_test.parquet": mnist_items("t10k"),
        "fsdd.parquet": [(n, pcm) for n, pcm in SPOKEN.items() if "theo" not in n],
        "esc10_8khz_pcm.parquet": [
            ("1-99-A.ogg", b"1 Dog bark 1 8001"),
            ("2-100-A.ogg", b"1 Dog bark 2 4000"),
            ("4-77-B.ogg", b"2 Rain 4 8000"),
        ],
    }
    tables = {
        name: replace(table, digest=digest_of(expected[name]))
        for name, table in home.tables.items()
    }
    return replace(home, tables=tables)


def mnist_items(split: str) -> list[tuple[str, bytes]]:
    return [
        (str(label), image.tobytes())
        for label, image in zip(LABELS[split], IMAGES[split], strict=True)
    ]


@pytest.mark.parametrize("name", list(HOMES))
def test_a_data_set_is_fetched_checked_and_laid_out(
    name: str, tiny: Callable[[str], Home], tmp_path: Path
) -> None:
    home, told = tiny(name), set()
    assert missing(home, tmp_path / "data") == [f"{name}/{file}" for file in home.tables]
    fetched = obtain(
        home, tmp_path / "data", tmp_path / "cache", lambda file, done, total: told.add(file)
    )
    assert fetched
    assert missing(home, tmp_path / "data") == []
    assert told == {download.file for download in home.downloads}
    folder = tmp_path / "data" / name
    assert [path.name for path in (tmp_path / "data").iterdir()] == [name]
    assert not (tmp_path / "cache/downloads" / name).exists()
    readme = (folder / "README.txt").read_text()
    assert home.license in readme
    assert home.page in readme
    sums = dict(
        reversed(line.split("  ")) for line in (folder / "SHA256SUMS").read_text().splitlines()
    )
    assert set(sums) == {path.name for path in folder.iterdir()} - {"README.txt", "SHA256SUMS"}
    for file, sha256 in sums.items():
        assert hashlib.sha256((folder / file).read_bytes()).hexdigest() == sha256
    assert not obtain(home, tmp_path / "data", tmp_path / "cache")


def test_mnists_rows_stand_by_digit(tiny: Callable[[str], Home], tmp_path: Path) -> None:
    obtain(tiny("mnist"), tmp_path, tmp_path / "cache")
    rows = pq.read_table(tmp_path / "mnist/mnist_train.parquet").to_pylist()
    assert [(row["digit"], row["index"]) for row in rows] == [(0, 0), (1, 0), (3, 0), (3, 1)]
    order = [3, 1, 0, 2]
    assert [row["pixels"] for row in rows] == [IMAGES["train"][i].tobytes() for i in order]


def test_fsdds_samples_are_unchanged(tiny: Callable[[str], Home], tmp_path: Path) -> None:
    obtain(tiny("fsdd"), tmp_path, tmp_path / "cache")
    rows = pq.read_table(tmp_path / "fsdd/fsdd.parquet").to_pylist()
    names = [row["filename"] for row in rows]
    assert names == [
        f"{digit}_{speaker}_{index}.wav"
        for speaker in ("george", "jackson")
        for digit in (0, 1)
        for index in (2, 10)
    ]
    for row in rows:
        assert row["pcm_int16"] == SPOKEN[row["filename"]]
        parts = (str(row["digit"]), row["speaker"], f"{row['index']}.wav")
        assert "_".join(parts) == row["filename"]
        assert (row["sample_rate"], row["n_samples"]) == (8000, 50)


def test_esc10s_clips_are_resampled(tiny: Callable[[str], Home], tmp_path: Path) -> None:
    obtain(tiny("esc10"), tmp_path, tmp_path / "cache")
    folder = tmp_path / "esc10"
    assert (folder / "ATTRIBUTION.md").read_bytes() == b"1-99-A.ogg: by somebody (CC-BY)"
    rows = pq.read_table(folder / "esc10_8khz_pcm.parquet").to_pylist()
    assert [row["filename"] for row in rows] == ["1-99-A.ogg", "2-100-A.ogg", "4-77-B.ogg"]
    wave_T = np.frombuffer(rows[2]["pcm_int16"], "<i2") / 32768
    tone_T = 0.5 * np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)
    assert np.abs(wave_T - tone_T)[400:-400].max() < 0.05  # Vorbis is lossy


@pytest.mark.parametrize("name", list(HOMES))
def test_what_is_there_is_checked_and_never_overwritten(
    name: str, tiny: Callable[[str], Home], tmp_path: Path, site: Any
) -> None:
    home = tiny(name)
    obtain(home, tmp_path, tmp_path / "cache")
    asked = len(site.asked)
    path = tmp_path / name / next(iter(home.tables))
    table = pq.read_table(path)
    pq.write_table(table.slice(0, 1), path)
    mine = path.read_bytes()
    with pytest.raises(DataError, match=f"{path.name}: is not the {name} that brainray knows"):
        obtain(home, tmp_path, tmp_path / "cache")
    path.write_bytes(b"nonsense")
    with pytest.raises(DataError, match=f"{path.name}: cannot be read"):
        obtain(home, tmp_path, tmp_path / "cache")
    path.write_bytes(mine)
    assert len(site.asked) == asked
    # Another order of the rows, or other compression, is the same content.
    pq.write_table(table.take(list(range(len(table)))[::-1]), path, compression="gzip")
    assert not obtain(home, tmp_path, tmp_path / "cache")


def test_one_missing_table_is_added(tiny: Callable[[str], Home], tmp_path: Path) -> None:
    home = tiny("mnist")
    obtain(home, tmp_path, tmp_path / "cache")
    kept, lost = (tmp_path / "mnist" / name for name in home.tables)
    pq.write_table(pq.read_table(kept), kept, compression="gzip")
    content = kept.read_bytes()
    lost.unlink()
    assert obtain(home, tmp_path, tmp_path / "cache")
    check(home, lost.name, lost)
    assert kept.read_bytes() == content
    sha256 = hashlib.sha256(content).hexdigest()
    assert f"{sha256}  {kept.name}\n" in (tmp_path / "mnist/SHA256SUMS").read_text()


def test_the_next_mirror_is_tried(tiny: Callable[[str], Home], tmp_path: Path, site: Any) -> None:
    home = tiny("mnist")
    downloads = tuple(
        replace(each, urls=(f"{site.url}/gone/{each.file}", *each.urls)) for each in home.downloads
    )
    assert obtain(replace(home, downloads=downloads), tmp_path, tmp_path / "cache")
    assert [path.split("/")[1] for path, _ in site.asked] == ["gone", "mnist"] * 4


def test_without_network_it_is_said_how_to_do_it_by_hand(
    tiny: Callable[[str], Home], tmp_path: Path, site: Any
) -> None:
    home = tiny("fsdd")
    content = site.files.pop("/fsdd/fsdd.zip")
    place = tmp_path / "cache/downloads/fsdd/fsdd.zip"
    with pytest.raises(UnreachableError) as error:
        obtain(home, tmp_path / "data", tmp_path / "cache", pause_seconds=0)
    assert str(error.value) == (
        f"fsdd: {site.url}/fsdd/fsdd.zip: the server says 404 Not Found; by hand: save that file "
        f"as {place} and run this again"
    )
    assert not (tmp_path / "data").exists()
    place.write_bytes(content)
    asked = len(site.asked)
    assert obtain(home, tmp_path / "data", tmp_path / "cache")
    assert len(site.asked) == asked


@pytest.mark.parametrize(
    ("name", "file", "content", "message"),
    [
        ("fsdd", "fsdd.zip", b"<html>busy</html>", "fsdd.zip: damaged, and thrown away"),
        ("fsdd", "fsdd.zip", fsdd_files()["fsdd.zip"][:-30], "fsdd.zip: damaged"),
        ("fsdd", "fsdd.zip", archive({"recordings/1_george_2.wav": b"RIFX"}), "damaged"),
        ("fsdd", "fsdd.zip", archive({"recordings/1_george_2.wav": b"no sound" * 9}), "damaged"),
        ("fsdd", "fsdd.zip", archive({"recordings/1_george_2.wav": wav(b"1234", 2)}), "not mono"),
        ("fsdd", "fsdd.zip", archive({}), "sent something else than it should have"),
        ("esc10", "esc10.zip", archive({}), "damaged, .*: has no README.md"),
        (
            "esc10",
            "esc10.zip",
            archive({"README.md": b"", "001 - Rain/1-9-A.ogg": ogg(800, 8000)}),
            "not mono, 44100 Hz",
        ),
        (
            "esc10",
            "esc10.zip",
            archive({"README.md": b"", "001 - Rain/1-9-A.ogg": b"OggS"}),
            "damaged",
        ),
        (
            "mnist",
            "t10k-labels-idx1-ubyte.gz",
            b"other",
            "it must have [0-9a-f]{64}; it was thrown",
        ),
    ],
)
def test_damage_is_named_and_leaves_nothing(
    name: str,
    file: str,
    content: bytes,
    message: str,
    tiny: Callable[[str], Home],
    tmp_path: Path,
    site: Any,
) -> None:
    home = tiny(name)
    right = site.files[f"/{name}/{file}"]
    site.files[f"/{name}/{file}"] = content
    with pytest.raises(DataError, match=message) as error:
        obtain(home, tmp_path / "data", tmp_path / "cache")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "data").exists()
    site.files[f"/{name}/{file}"] = right
    assert obtain(home, tmp_path / "data", tmp_path / "cache")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gzip.compress(b"\0\0\x0d\x01\0\0\0\x01\0"), "no IDX file of unsigned bytes"),
        (gzip.compress(b"\0\0"), "no IDX file"),
        (gzip.compress(b"\0\0\x08\x01\0\0\0\x09abc"), "cannot reshape"),
        (b"no gzip", "gzip"),
    ],
    ids=["floats", "short", "fewer bytes", "no gzip"],  # gzip puts the time into its bytes
)
def test_what_is_no_idx_file_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(content)
    with pytest.raises((ValueError, OSError), match=message):
        mnist.read_idx(path)


def test_a_flipped_bit_in_an_archive_is_found(
    tiny: Callable[[str], Home], tmp_path: Path, site: Any
) -> None:
    home = tiny("esc10")
    content = bytearray(site.files["/esc10/esc10.zip"])
    content[2000] ^= 1  # in the first clip
    site.files["/esc10/esc10.zip"] = bytes(content)
    with pytest.raises(DataError, match=r"damaged.*CRC"):
        obtain(home, tmp_path, tmp_path / "cache")


def test_the_homes_are_pinned_and_public() -> None:
    for home in HOMES.values():
        for download in home.downloads:
            assert all(url.startswith("https://") for url in download.urls)
            # Either the bytes are pinned, or the commit that they are made from.
            commit = {"fsdd": fsdd.COMMIT, "esc10": esc10.COMMIT}.get(home.name, "no commit")
            assert download.sha256 or all(commit in url for url in download.urls)
        assert all(len(table.digest) == 64 for table in home.tables.values())
    assert set(PARTS["audio_visual_digits"]) == set(HOMES)


@pytest.mark.data
@pytest.mark.parametrize("name", list(HOMES))
def test_the_real_files_are_those_that_are_pinned(name: str, tmp_path: Path) -> None:
    assert not obtain(HOMES[name], Path(os.environ["BRAINRAY_DATA"]), tmp_path)
