import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from brainray.datasets import SPLITS, Dataset, open_dataset, pack_manifest, pack_table
from brainray.errors import DataError
from brainray.shapes import Modality, Recording

Maker = Callable[[int], bytes]
BOTH: dict[str, Modality] = {"image": "image", "audio": "audio"}
TEXT: dict[str, Modality] = {"note": "text"}
THIRDS = ["train", "train", "validation", "test"]


def notes(**changes: Any) -> pa.Table:
    columns = {"note": ["a", "b", "c", "d"], "label": ["x", "y", "x", "y"], "split": THIRDS}
    return pa.table({**columns, **changes})


@pytest.fixture
def both(png: Maker, pcm: Maker) -> pa.Table:
    return pa.table(
        {
            "image": [png(1), png(2), None, png(4)],
            "audio": [pcm(1), None, pcm(3), pcm(4)],
            "audio_rate": [8000, None, 16000, 8000],
            "label": ["x", "y", "x", "y"],
            "split": THIRDS,
        }
    )


def test_samples_survive_and_missing_ones_stay_missing(both: pa.Table, tmp_path: Path) -> None:
    packed = pack_table(both, "mine", BOTH, "label", 0, tmp_path)
    assert (packed.name, packed.classes, packed.modalities) == ("mine", ("x", "y"), BOTH)
    assert [packed.rows(split) for split in SPLITS] == [2, 1, 1]
    images = packed.column("train", "image")
    assert [image.tolist() for image in images] == [[[n] * 5] * 6 for n in (1, 2)]
    first, second = packed.column("train", "audio")
    assert isinstance(first, Recording)
    np.testing.assert_array_equal(first.wave_T * 32768, np.arange(1, 101))
    assert second is None
    assert packed.column("validation", "image") == [None]
    assert packed.column("validation", "audio")[0].rate == 16000
    assert packed.target("train").tolist() == [0, 1]
    assert packed.row_numbers("test").tolist() == [3]
    assert packed.path.name == f"{packed.sha256}.parquet"
    assert open_dataset(packed.path) == packed


def test_same_bytes_for_same_seed(tmp_path: Path) -> None:
    table = pa.table({"note": [f"n{i}" for i in range(40)], "label": [i % 2 for i in range(40)]})

    def packed(seed: int) -> Dataset:
        return pack_table(table, "mine", TEXT, "label", seed, tmp_path / str(time.time_ns()))

    assert packed(0).sha256 == packed(0).sha256
    assert packed(0).sha256 != packed(1).sha256


def test_every_row_is_used_once_without_split(tmp_path: Path) -> None:
    table = pa.table(
        {"note": [f"n{i}" for i in range(2500)], "label": [i % 7 for i in range(2500)]}
    )
    packed = pack_table(table, "mine", TEXT, "label", 0, tmp_path)
    rows = np.concatenate([packed.row_numbers(split) for split in SPLITS])
    assert sorted(rows.tolist()) == list(range(2500))
    for split in SPLITS:
        numbers = packed.row_numbers(split)
        assert packed.column(split, "note") == [f"n{i}" for i in numbers]
        assert packed.target(split).tolist() == [i % 7 for i in numbers]


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        ([10, 9, 10, 9], ("9", "10")),
        (["10", "9", "10", "9"], ("10", "9")),
        (pa.array(["b", "a", "b", "a"]).dictionary_encode(), ("a", "b")),
        (pa.array(["b", "a", "b", "a"], pa.large_string()), ("a", "b")),
    ],
)
def test_classes_are_sorted(labels: Any, classes: tuple[str, ...], tmp_path: Path) -> None:
    packed = pack_table(notes(label=labels), "mine", TEXT, "label", 0, tmp_path)
    assert packed.classes == classes
    assert packed.target("train").tolist() == [1, 0] if classes != ("10", "9") else [0, 1]


def test_views_are_read_as_strings_and_bytes_are(png: Maker, tmp_path: Path) -> None:
    text, view = pa.string(), pa.string_view()
    columns = {"note": list("abcd"), "label": list("xyxy"), "split": THIRDS, "group": list("abcd")}
    images = [png(1), None, png(3), png(4)]
    tables = [
        pa.table({name: pa.array(values, kind) for name, values in columns.items()}).append_column(
            "image", pa.array(images, bytes_kind)
        )
        for kind, bytes_kind in ((text, pa.binary()), (view, pa.binary_view()))
    ]
    plain, seen = (
        pack_table(table, "mine", TEXT | {"image": "image"}, "label", 0, tmp_path)
        for table in tables
    )
    assert seen == plain
    assert seen.classes == ("x", "y")


def test_csv_with_paths_relative_to_it(png: Maker, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    for i in range(4):
        (folder / f"{i}.png").write_bytes(png(i))
        soundfile.write(folder / f"{i}.wav", np.full((30, 2), i / 10), 8000)
    manifest = folder / "my.csv"
    manifest.write_text(
        "image,audio,note,label,split\n"
        '0.png,0.wav,"one, two\nthree",1,train\n'
        "1.png,,17,2,train\n"
        ",2.wav,NA,1,validation\n"
        "3.png,3.wav,,2,test\n"
    )
    packed = pack_manifest(manifest, BOTH | TEXT, "label", 0, tmp_path / "cache")
    assert packed.classes == ("1", "2")
    assert packed.column("train", "note") == ["one, two\nthree", "17"]
    assert packed.column("validation", "note") == ["NA"]
    assert packed.column("test", "note") == [None]
    assert packed.column("train", "audio")[1] is None
    np.testing.assert_allclose(packed.column("test", "audio")[0].wave_T, 0.3, atol=1e-4)
    assert packed.column("test", "image")[0].max() == 3
    for file in folder.iterdir():
        file.unlink()
    assert packed.column("train", "image")[1].max() == 1  # self-contained


def test_words_that_look_like_booleans_are_classes_in_csv(tmp_path: Path) -> None:
    manifest = tmp_path / "my.csv"
    rows = ["a,true,train", "b,false,train", "c,true,validation", "d,false,test"]
    manifest.write_text("\n".join(["note,label,split", *rows]))
    packed = pack_manifest(manifest, TEXT, "label", 0, tmp_path)
    assert packed.classes == ("false", "true")


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["007", "7", "8", "8", "7", "007"], ("007", "7", "8")),
        (["1.0", "1", "2", "1", "1.0", "2"], ("1", "1.0", "2")),
        (["1e3", "1000", "7", "7", "1000", "1e3"], ("1000", "1e3", "7")),
        (["10", " 9", "9 ", "10", "9", "10"], ("9", "10")),
        (["10", "9", "-8", "10", "9", "-8"], ("-8", "9", "10")),
        ([str(10**19), str(10**19 + 1), "", "", "", str(10**19)], (str(10**19), str(10**19 + 1))),
    ],
)
def test_numbers_of_csv_are_classes_as_they_are_written(
    labels: list[str], classes: tuple[str, ...], tmp_path: Path
) -> None:
    manifest = tmp_path / "my.csv"
    splits = ["train"] * 5 + ["validation", "test"]
    rows = zip("abcdefg", [*labels, labels[0]], splits, strict=True)
    manifest.write_text("\n".join(["note,label,split", *map(",".join, rows)]))
    packed = pack_manifest(manifest, TEXT, "label", 0, tmp_path)
    assert packed.classes == classes
    assert classes[packed.target("validation")[0]] == labels[-1].strip()


def test_measurements_of_csv_are_no_classes(tmp_path: Path) -> None:
    manifest = tmp_path / "my.csv"
    manifest.write_text("note,label\na,0.50\nb,1\nc,0.50\nd,1\n")
    with pytest.raises(DataError, match=r"column label: .* not double"):
        pack_manifest(manifest, TEXT, "label", 0, tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label": ["x", "y", "x"]}, r"of 3 rows none is left for test, .* missing target \(0\); "),
        (
            {"label": ["x", "y", None], "group": ["a", "a", "b"]},
            "of 2 groups none is left for validation and test, for train needs one of each class, "
            r"and those with a missing target \(1\); add groups, or a column split",
        ),
    ],
)
def test_what_is_too_few_to_be_split_is_said(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    table = pa.table({"note": ["a", "b", "c"], **changes})
    with pytest.raises(DataError, match=f"^cannot be split into {', '.join(SPLITS)}: {message}"):
        pack_table(table, "mine", TEXT, "label", 0, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_urls_are_read(png: Maker, tmp_path: Path) -> None:
    memory = fsspec.filesystem("memory")
    urls = []
    for i in range(4):
        memory.pipe(f"/brainray/{i}.png", png(i))
        urls.append(f"memory://brainray/{i}.png")
    table = pa.table({"image": urls, "label": [0, 1, 0, 1], "split": THIRDS})
    packed = pack_table(table, "mine", {"image": "image"}, "label", 0, tmp_path)
    assert packed.column("test", "image")[0].max() == 3


def test_rate_column_serves_all_sounds(pcm: Maker, tmp_path: Path) -> None:
    table = pa.table(
        {
            "left": [pcm(i) for i in range(4)],
            "right": [pcm(i) for i in range(4)],
            "rate": [8000.0] * 4,
            "right_rate": [4000] * 4,
            "label": [0, 1, 0, 1],
            "split": THIRDS,
        }
    )
    packed = pack_table(table, "mine", {"left": "audio", "right": "audio"}, "label", 0, tmp_path)
    assert packed.column("test", "left")[0].rate == 8000
    assert packed.column("test", "right")[0].rate == 4000


def test_ten_thousand_samples_take_seconds(png: Maker, tmp_path: Path) -> None:
    count = 10_000
    manifest = tmp_path / "my.parquet"
    columns = {"image": [png(i % 256) for i in range(count)], "label": np.arange(count) % 10}
    pq.write_table(pa.table(columns), manifest)
    started = time.perf_counter()
    packed = pack_manifest(manifest, {"image": "image"}, "label", 0, tmp_path / "cache")
    assert time.perf_counter() - started < 20
    assert sum(packed.rows(split) for split in SPLITS) == count


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label": [0.5, 1.5, 0.5, 1.5]}, "column label: classification needs.*not double"),
        ({"label": [[1], [2], [1], [2]]}, "column label: classification needs.*not list"),
        ({"label": ["x", "y", None, "y"]}, "row 2, column label: the target is missing"),
        ({"label": ["x"] * 4}, "column label: classification needs two classes, there is 'x'"),
        ({"note": ["a", None, "c", "d"]}, r"row 1: all inputs are missing \(note\)"),
        ({"note": [1, 2, 3, 4]}, "row 0, column note: must be a text, not int"),
        ({"split": ["train", "train", "dev", "test"]}, "row 2, column split: is 'dev'"),
        ({"split": ["train", "train", "test", "test"]}, "validation has no row"),
        ({"group": ["a", "b", "a", "c"]}, "row 2, column group: 'a' is in validation"),
        ({"group": [["a"]] * 4}, "column group: must hold strings or integers"),
        ({"label": ["x", "x", "x", "y"]}, "row 3: class 'y' is in test, but no row of train"),
    ],
)
def test_refusals_name_row_and_column(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message):
        pack_table(notes(**changes), "mine", TEXT, "label", 0, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("column", "row", "value", "message"),
    [
        ("image", 3, b"nonsense", "row 3, column image: is not an image that can be read"),
        ("audio", 0, b"abc", "row 0, column audio: int16 PCM has an even number"),
        ("audio_rate", 0, 8000.5, "row 0, column audio: the rate must be a whole number"),
        ("audio_rate", 0, None, "row 0, column audio: is not a sound file that can be read"),
    ],
)
def test_unreadable_samples_are_refused_and_nothing_is_left(
    both: pa.Table, column: str, row: int, value: Any, message: str, tmp_path: Path
) -> None:
    values = both.column(column).to_pylist()
    values[row] = value
    table = both.set_column(both.column_names.index(column), column, pa.array(values))
    with pytest.raises(DataError, match=message):
        pack_table(table, "mine", BOTH, "label", 0, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("no.png", "row 0, column image: 'no.png' is relative"),
        (
            "/nowhere/no.png",
            "row 0, column image: '/nowhere/no.png' cannot be read: .*No such file",
        ),
        ("nofs://no.png", "row 0, column image: 'nofs://no.png' cannot be read: .*nofs"),
    ],
)
def test_paths_that_lead_nowhere_are_refused(path: str, message: str, tmp_path: Path) -> None:
    table = pa.table({"image": [path] * 4, "label": [0, 1, 0, 1], "split": THIRDS})
    with pytest.raises(DataError, match=message):
        pack_table(table, "mine", {"image": "image"}, "label", 0, tmp_path)


@pytest.mark.parametrize(
    ("inputs", "target", "message"),
    [
        ({"picture": "image"}, "label", "has no column 'picture', there are note, label, split"),
        (TEXT, "class", "has no column 'class', there are note, label, split"),
        (TEXT, "split", "column 'split' cannot be the target"),
        ({"label": "text"}, "label", "column 'label' cannot be an input"),
        ({"row": "text"}, "label", "column 'row' cannot be an input"),
        ({"a": "audio", "a_rate": "text"}, "label", "column 'a_rate' cannot be an input"),
    ],
)
@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_columns_that_do_not_fit_are_refused_with_the_file(
    inputs: dict[str, Modality], target: str, message: str, suffix: str, tmp_path: Path
) -> None:
    manifest = tmp_path / f"my{suffix}"
    if suffix == ".csv":
        manifest.write_text("note,label,split\na,x,train\n")
    else:
        pq.write_table(notes(), manifest)
    with pytest.raises(DataError, match=f"my{suffix}: {message}"):
        pack_manifest(manifest, inputs, target, 0, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("my.parquet", None, "my.parquet: cannot be read: .*"),
        ("my.csv", None, "my.csv: cannot be read: .*"),
        ("my.parquet", b"nonsense", "my.parquet: cannot be read: "),
        ("my.csv", b"note,label\na,x,7\n", "my.csv: cannot be read: "),
        ("my.csv", b"note,label\n", "my.csv: has no rows"),
        ("my.csv", b"note,label,note\na,b,c\n", "my.csv: has two columns named 'note'"),
        ("my.txt", b"", "my.txt: a manifest ends in .parquet or .csv, not '.txt'"),
    ],
)
def test_files_that_are_no_manifest_are_refused_in_one_line(
    name: str, content: bytes | None, message: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message) as error:
        pack_manifest(tmp_path / name, TEXT, "label", 0, tmp_path / "cache")
    assert "\n" not in str(error.value)


def test_flac_bytes_in_a_cell(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.full(30, 0.5), 22050, format="FLAC")
    table = pa.table({"audio": [buffer.getvalue()] * 4, "label": [0, 1, 0, 1], "split": THIRDS})
    packed = pack_table(table, "mine", {"audio": "audio"}, "label", 0, tmp_path)
    assert packed.column("test", "audio")[0].rate == 22050
