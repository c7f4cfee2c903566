"""Material of audio-visual digits from $BRAINRAY_DATA: MNIST, FSDD and ESC-10.

Images: MNIST's own test images are the test images, its train images give train and validation.
Recordings: 70/10/20 of each speaker's recordings of each digit (FSDD); or all of one speaker's for
test, all of another's for validation, and those of the others for train. Noise: ESC-10's folds 1
to 3 for train, 4 for validation, 5 for test, so that no source clip is in two splits.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from brainray import seeding
from brainray.datasets.dataset import SPLITS
from brainray.datasets.interface import MissingFilesError
from brainray.datasets.material import Digit, Material, cut
from brainray.errors import DataError
from brainray.shapes import FloatArray

MNIST_TRAIN = "mnist/mnist_train.parquet"
MNIST_TEST = "mnist/mnist_test.parquet"
FSDD = "fsdd/fsdd.parquet"
ESC10 = "esc10/esc10_8khz_pcm.parquet"
FILES = (MNIST_TRAIN, MNIST_TEST, FSDD, ESC10)
NOISE_FOLDS = {"train": (1, 2, 3), "validation": (4,), "test": (5,)}
RATE = 8000


def read(
    data: Path | None, pairs: Mapping[str, int], seed: int, speaker: str | None = None
) -> tuple[dict[str, Material], dict[str, str]]:
    """Return the material of each split, with exactly one image a pair, and the files' sha256.

    Args:
        data: the folder of ready data sets.
        pairs: the number of pairs of each split.
        seed: chooses images and shares out recordings.
        speaker: the one whose recordings are the test's; validation's is then the next in
            alphabetical order, after the last the first. None splits each speaker's.

    Raises:
        MissingFilesError: there is no such folder, or a file is not in it.
        DataError: a file is damaged, more pairs are asked for than there are images, or there is
            no such speaker, or fewer than three of them.
    """
    if data is None:
        raise MissingFilesError(f"BRAINRAY_DATA is not set, it must hold {', '.join(FILES)}")
    for name in FILES:
        if not (data / name).is_file():
            raise MissingFilesError(f"BRAINRAY_DATA: there is no file {data / name}")
    sources: dict[str, str] = {}
    train = pairs["train"]
    learned = _images(
        data, sources, MNIST_TRAIN, train + pairs["validation"], "train + validation", seed
    )
    images = {
        "train": learned[:train],
        "validation": learned[train:],
        "test": _images(data, sources, MNIST_TEST, pairs["test"], "test", seed),
    }
    recordings = _recordings(data, sources, seed, speaker)
    noise = _noise(data, sources)
    material = {split: Material(images[split], recordings[split], noise[split]) for split in images}
    return material, sources


def _read(
    data: Path, sources: dict[str, str], name: str, columns: list[str]
) -> list[dict[str, Any]]:
    """Return a file's rows, and note its sha256 in ``sources``."""
    try:
        content = (data / name).read_bytes()
        table = pq.read_table(pa.BufferReader(content), columns=columns)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{data / name}: cannot be read: {' '.join(str(error).split())}") from error
    if not len(table) or set(table.column_names) != set(columns):
        raise DataError(f"{data / name}: must have rows with the columns {', '.join(columns)}")
    sources[name] = hashlib.sha256(content).hexdigest()
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def _images(
    data: Path, sources: dict[str, str], name: str, count: int, options: str, seed: int
) -> list[Digit]:
    """Return ``count`` images, the classes in turn as long as they last."""
    rows = _read(data, sources, name, ["digit", "index", "pixels"])
    if count > len(rows):
        raise DataError(f"data.options.{options}: is {count}, {name} has {len(rows)} images")
    generator = seeding.numpy_generator(seed, "audio_visual_digits", name)
    in_turn = []
    taken = dict.fromkeys(range(10), 0)
    for i in generator.permutation(len(rows)).tolist():
        digit = rows[i]["digit"]
        in_turn.append((taken[digit], digit, i))
        taken[digit] += 1
    in_turn.sort()
    stem = Path(name).stem
    return [
        Digit(
            f"{stem}/{digit}_{rows[i]['index']}",
            digit,
            np.frombuffer(rows[i]["pixels"], np.uint8).reshape(28, 28),
        )
        for _, digit, i in in_turn[:count]
    ]


def _recordings(
    data: Path, sources: dict[str, str], seed: int, left_out: str | None
) -> dict[str, list[Digit]]:
    columns = ["filename", "digit", "speaker", "sample_rate", "pcm_int16"]
    rows = _read(data, sources, FSDD, columns)
    speakers = sorted({row["speaker"] for row in rows})
    if left_out is not None and left_out not in speakers:
        allowed = ", ".join(speakers)
        raise DataError(f"data.options.speaker: is {left_out!r}, allowed are {allowed}")
    if left_out is not None and len(speakers) < len(SPLITS):
        raise DataError(
            f"data.options.split: is 'speaker', which needs {len(SPLITS)} speakers, {FSDD} has "
            f"{', '.join(speakers)}"
        )
    whole = {} if left_out is None else _splits(speakers, left_out)
    together: dict[tuple[int, str], list[dict[str, Any]]] = {}
    for row in rows:
        together.setdefault((row["digit"], row["speaker"]), []).append(row)
    recordings: dict[str, list[Digit]] = {"train": [], "validation": [], "test": []}
    for (digit, speaker), takes in sorted(together.items(), key=lambda item: item[0]):
        generator = seeding.numpy_generator(seed, "audio_visual_digits", FSDD, digit, speaker)
        order = generator.permutation(len(takes)).tolist()
        parts = {whole[speaker]: slice(None)} if whole else cut(len(takes))
        for split, part in parts.items():
            for i in order[part]:
                wave_T = _wave(data, FSDD, takes[i])
                recordings[split].append(Digit(takes[i]["filename"], digit, wave_T, speaker))
    return recordings


def _splits(speakers: list[str], left_out: str) -> dict[str, str]:
    """Return the one split that each of the sorted speakers belongs to."""
    following = speakers[(speakers.index(left_out) + 1) % len(speakers)]
    return dict.fromkeys(speakers, "train") | {left_out: "test", following: "validation"}


def _noise(data: Path, sources: dict[str, str]) -> dict[str, dict[str, FloatArray]]:
    rows = _read(data, sources, ESC10, ["filename", "fold", "sample_rate", "pcm_int16"])
    return {
        split: {row["filename"]: _wave(data, ESC10, row) for row in rows if row["fold"] in folds}
        for split, folds in NOISE_FOLDS.items()
    }


def _wave(data: Path, name: str, row: dict[str, Any]) -> FloatArray:
    if row["sample_rate"] != RATE:
        raise DataError(
            f"{data / name}: {row['filename']} has {row['sample_rate']} Hz, it must have {RATE} Hz"
        )
    return np.frombuffer(row["pcm_int16"], "<i2").astype(np.float32) / np.float32(32768)
