import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from brainray.datasets import digit_files, embedded
from brainray.datasets.audio_visual_digits import build
from brainray.datasets.degrade import fit_energy_filter, stretch
from brainray.datasets.interface import MissingFilesError, sources_of
from brainray.datasets.material import Material
from brainray.datasets.samples import decode_image
from brainray.errors import DataError

PAIRS = {"train": 200, "validation": 40, "test": 60}
SMALL = {**PAIRS, "snr_db": [-5, 5]}
SPLITS = tuple(PAIRS)


@pytest.fixture(scope="module", params=["embedded", "files"])
def source(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(scope="module")
def table(source: Any, ready_folder: Path) -> pa.Table:
    return build(source, ready_folder, SMALL, 0)


@pytest.fixture(scope="module")
def material(source: Any, ready_folder: Path) -> dict[str, Material]:
    if source == "files":
        return digit_files.read(ready_folder, PAIRS, 0)[0]
    return embedded.material(0)


def by_split(table: pa.Table, column: str) -> list[list[Any]]:
    split = np.array(table["split"].to_pylist())
    values = table[column].to_pylist()
    return [[values[i] for i in np.flatnonzero(split == name)] for name in SPLITS]


def check_disjoint(sets: list[set[Any]]) -> None:
    assert all(sets)
    assert len(set().union(*sets)) == sum(len(each) for each in sets)


def test_columns_and_counts(table: pa.Table) -> None:
    assert Counter(table["split"].to_pylist()) == PAIRS
    for digits in by_split(table, "digit"):
        counts = Counter(digits)
        assert set(counts) == set(range(10))
        assert max(counts.values()) - min(counts.values()) <= 1
    assert set(table["audio_rate"].to_pylist()) == {8000}
    image = decode_image(table["image"][0].as_py())
    assert (image.shape, image.dtype) == ((28, 28), np.uint8)


def test_nothing_is_shared_between_splits(table: pa.Table, source: Any) -> None:
    for column in ("image_source", "recording", "noise"):
        check_disjoint([set(values) for values in by_split(table, column)])
    assert table["group"].to_pylist() == table["recording"].to_pylist()
    if source == "embedded":
        check_disjoint([set(voices) for voices in by_split(table, "speaker")])
    else:
        folds = [{int(n.split("-")[0]) for n in part} for part in by_split(table, "noise")]
        assert folds == [{1, 2, 3}, {4}, {5}]


def test_source_images_differ_in_their_bytes(material: dict[str, Material]) -> None:
    check_disjoint([{i.values.tobytes() for i in part.images} for part in material.values()])


def test_pairs_have_one_digit_and_never_come_twice(
    table: pa.Table, material: dict[str, Material], source: Any
) -> None:
    images = {i.name: i.digit for part in material.values() for i in part.images}
    speech = {r.name: r.digit for part in material.values() for r in part.recordings}
    rows = table.select(["image_source", "recording", "digit"]).to_pylist()
    for row in rows:
        assert images[row["image_source"]] == speech[row["recording"]] == row["digit"]
    pairs = {(row["image_source"], row["recording"]) for row in rows}
    assert len(pairs) == len(rows)
    if source == "files":
        assert len({row["image_source"] for row in rows}) == len(rows)


def test_noise_is_as_loud_as_it_says(table: pa.Table, material: dict[str, Material]) -> None:
    checked = 0
    for row in table.slice(0, 60).to_pylist():
        part = material[row["split"]]
        speech = next(r.values for r in part.recordings if r.name == row["recording"])
        mixture = np.frombuffer(row["audio"], "<i2").astype(float)
        assert len(mixture) == len(speech)
        assert 0.85 * 32768 < np.abs(mixture).max() < 32767  # full, and not clipped
        noise = stretch(part.noise[row["noise"]], row["noise_start"], len(speech))
        (a, b), *_ = np.linalg.lstsq(np.stack([speech, noise], axis=1), mixture, rcond=None)
        ratio = np.square(a * speech).mean() / np.square(b * noise).mean()
        assert 10 * np.log10(ratio) == pytest.approx(row["snr_db"], abs=0.1)
        checked += 1
    assert checked == 60


def test_snr_is_uniform_between_its_bounds(table: pa.Table) -> None:
    snr = np.array(table["snr_db"].to_pylist())
    assert -5 <= snr.min() < -4.5
    assert 4.5 < snr.max() <= 5
    assert abs(snr.mean()) < 1


def test_images_keep_at_most_a_quarter_of_their_energy(
    table: pa.Table, material: dict[str, Material]
) -> None:
    originals = np.stack([i.values for i in material["train"].images]).astype(float)
    energy = fit_energy_filter(originals.astype(np.uint8), 0.25)
    names = {i.name: i.values for part in material.values() for i in part.images}
    assert 0 < energy.kept <= 0.25
    for row in table.to_pylist():
        expected = energy.apply(names[row["image_source"]])
        np.testing.assert_array_equal(decode_image(row["image"]), expected)
    kept = np.stack([energy.apply(image.astype(np.uint8)) for image in originals]).astype(float)
    assert kept.var(axis=0).sum() <= 0.25 * originals.var(axis=0).sum()


def test_the_seed_decides(table: pa.Table, source: Any, ready_folder: Path) -> None:
    assert build(source, ready_folder, SMALL, 0).equals(table)
    other = build(source, ready_folder, SMALL, 1)
    for column in ("image_source", "recording", "noise", "snr_db", "audio"):
        assert other[column] != table[column]


def test_the_row_names_its_speaker_and_its_bytes(table: pa.Table, source: Any) -> None:
    for row in table.slice(0, 20).to_pylist():
        name = row["recording"]
        named = name.split("_")[1] if source == "files" else name.rpartition("/")[0]
        assert row["speaker"] == named
        assert row["image_sha256"] == hashlib.sha256(row["image"]).hexdigest()
        assert row["audio_sha256"] == hashlib.sha256(row["audio"]).hexdigest()


def test_the_sources_are_the_files_that_were_read(
    table: pa.Table, source: Any, ready_folder: Path
) -> None:
    sources = sources_of(table)
    if source == "files":
        assert sources == {
            name: hashlib.sha256((ready_folder / name).read_bytes()).hexdigest()
            for name in digit_files.FILES
        }
    else:
        shipped = resources.files("brainray.datasets") / embedded.SPOKEN_DIGITS
        sha256 = hashlib.sha256(shipped.read_bytes()).hexdigest()
        assert sources[f"brainray.datasets/{embedded.SPOKEN_DIGITS}"] == sha256
        assert len(sources) == 2


@pytest.mark.parametrize(
    ("left_out", "following", "other"),
    [("ann", "bob", "cem"), ("bob", "cem", "ann"), ("cem", "ann", "bob")],
)
def test_each_split_has_speakers_of_its_own(
    left_out: str, following: str, other: str, ready_folder: Path
) -> None:
    options = SMALL | {"split": "speaker", "speaker": left_out}
    table = build("files", ready_folder, options, 0)
    speakers = [set(part) for part in by_split(table, "speaker")]
    assert speakers == [{other}, {following}, {left_out}]
    material, _ = digit_files.read(ready_folder, PAIRS, 0, left_out)
    counts = {
        split: Counter(recording.digit for recording in part.recordings)
        for split, part in material.items()
    }
    assert counts == dict.fromkeys(SPLITS, dict.fromkeys(range(10), 10))
    # Images and noise are those of the random split.
    random = build("files", ready_folder, SMALL, 0)
    for mine, theirs in zip(*(by_split(t, "image_source") for t in (table, random)), strict=True):
        assert set(mine) == set(theirs)


def test_two_speakers_are_too_few_for_three_splits(ready_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "ready"
    shutil.copytree(ready_folder, folder)
    speech = pq.read_table(folder / digit_files.FSDD)
    two = speech.filter(pc.not_equal(speech["speaker"], "cem"))
    pq.write_table(two, folder / digit_files.FSDD)
    with pytest.raises(
        DataError,
        match=r"data.options.split: is 'speaker', which needs 3 speakers, .* has ann, bob$",
    ):
        build("files", folder, SMALL | {"split": "speaker", "speaker": "bob"}, 0)


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ("files", {"split": "speaker"}, "data.options.speaker: is missing"),
        ("files", {"speaker": "ann"}, "data.options.speaker: is 'ann', but only split: speaker"),
        ("files", {"split": "voice"}, "data.options.split: .*'random' or 'speaker', not 'voice'"),
        (
            "files",
            {"split": "speaker", "speaker": "eve"},
            "data.options.speaker: is 'eve', allowed are ann, bob, cem",
        ),
        (
            "embedded",
            {"split": "speaker", "speaker": "ann"},
            "data.options.split: is 'speaker', which needs the files .* allow random",
        ),
    ],
)
def test_impossible_speakers_are_refused(
    source: Any, options: dict[str, Any], message: str, ready_folder: Path
) -> None:
    with pytest.raises(DataError, match=message):
        build(source, ready_folder, SMALL | options, 0)


def test_embedded_images_come_again_with_other_recordings() -> None:
    table = build("embedded", None, SMALL | {"validation": 1500}, 0)
    rows = [row for row in table.to_pylist() if row["split"] == "validation"]
    assert len({row["image_source"] for row in rows}) < 200
    assert len({(row["image_source"], row["recording"]) for row in rows}) == 1500


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"trian": 5}, "data.options.trian: unknown option, allowed are train, validation, test"),
        ({"train": 99}, "data.options.train: .*greater than or equal to 100, not 99"),
        ({"test": 0}, "data.options.test: .*not 0"),
        ({"test": "many"}, "data.options.test: .*not 'many'"),
        ({"snr_db": 5}, "data.options.snr_db: .*not 5"),
        ({"snr_db": [5, 0]}, r"data.options.snr_db: must be \[low, high\]"),
        ({"snr_db": [0, float("nan")]}, "data.options.snr_db.1: .*not nan"),
        ({"snr_db": [0, 1, 2]}, "data.options.snr_db"),
        ({"validation": 100_000}, "data.options.validation: is 100000, at most [0-9]+ pairs"),
    ],
)
def test_impossible_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        build("embedded", None, options, 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"train": 290, "validation": 11, "test": 1},
            r"train \+ validation: is 301, .* 300 images",
        ),
        ({"train": 100, "validation": 1, "test": 101}, "data.options.test: is 101, .* 100 images"),
    ],
)
def test_more_pairs_than_images_are_refused(
    options: dict[str, int], message: str, ready_folder: Path
) -> None:
    with pytest.raises(DataError, match=message):
        build("files", ready_folder, options, 0)


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFilesError, match="BRAINRAY_DATA is not set"):
        build("files", None, {}, 0)
    with pytest.raises(MissingFilesError, match=r"no file .*mnist_train\.parquet"):
        build("files", tmp_path, {}, 0)


def test_damaged_files_are_named(
    ready_folder: Path, tmp_path: Path, copied: Callable[[], Path]
) -> None:
    (copied() / digit_files.FSDD).write_bytes(b"nonsense")
    with pytest.raises(DataError, match=r"fsdd\.parquet: cannot be read") as error:
        build("files", tmp_path / "copy", SMALL, 0)
    assert not isinstance(error.value, MissingFilesError)


@pytest.fixture
def copied(ready_folder: Path, tmp_path: Path) -> Callable[[], Path]:
    return lambda: Path(shutil.copytree(ready_folder, tmp_path / "copy"))


@pytest.mark.data
def test_real_files() -> None:
    options = {"train": 1000, "validation": 100, "test": 200}
    table = build("files", Path(os.environ["BRAINRAY_DATA"]), options, 0)
    assert Counter(table["split"].to_pylist()) == options
    for column in ("image_source", "recording", "noise"):
        check_disjoint([set(values) for values in by_split(table, column)])
    speakers = Counter(name.split("_")[1] for name in table["recording"].to_pylist())
    assert set(speakers) == {"george", "jackson", "lucas", "nicolas", "yweweler"}
    material, _ = digit_files.read(Path(os.environ["BRAINRAY_DATA"]), options, 0)
    assert {split: len(part.recordings) for split, part in material.items()} == {
        "train": 1750,
        "validation": 250,
        "test": 500,
    }
    energy = fit_energy_filter(np.stack([i.values for i in material["train"].images]), 0.25)
    assert len(energy.components) == 3
    assert 0.2 < energy.kept <= 0.25


@pytest.mark.data
@pytest.mark.parametrize(("speaker", "following"), [("george", "jackson"), ("yweweler", "george")])
def test_every_real_recording_of_a_left_out_speaker_is_the_tests(
    speaker: str, following: str
) -> None:
    material, _ = digit_files.read(Path(os.environ["BRAINRAY_DATA"]), PAIRS, 0, speaker)
    assert {split: len(part.recordings) for split, part in material.items()} == {
        "train": 3 * 500,
        "validation": 500,
        "test": 500,
    }
    voices = [{recording.speaker for recording in material[s].recordings} for s in SPLITS]
    assert voices[1:] == [{following}, {speaker}]
    check_disjoint(voices)
