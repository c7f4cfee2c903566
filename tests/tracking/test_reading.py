from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from brainray.errors import DataError
from brainray.tracking.reading import as_mot_text, as_parquet, mot_sequences, read_boxes


def columns(**changes):
    return {
        "seq": ["a", "b", "a"],
        "frame": [2, 1, 1],
        "left": [1.0, 2.0, 3.0],
        "top": [4.0, 5.0, 6.0],
        "width": [7.0, 8.0, 9.0],
        "height": [10.0, 11.0, 12.0],
        "conf": [0.1, 0.2, 0.3],
    } | changes


def write(path: Path, **changes) -> Path:
    table = {name: value for name, value in columns(**changes).items() if value is not None}
    pq.write_table(pa.table(table), path)
    return path


def test_parquet_is_read_by_sequence_in_the_order_of_frames(tmp_path):
    found = read_boxes(write(tmp_path / "boxes.parquet"))
    assert list(found) == ["a", "b"]
    assert found["a"].frames_N.tolist() == [1, 2]
    assert found["a"].boxes_N4[0].tolist() == [3, 6, 9, 12]
    assert found["a"].scores_N.tolist() == [0.3, 0.1]
    alone = read_boxes(write(tmp_path / "film.parquet", seq=None, conf=None))
    assert list(alone) == ["film"]
    assert alone["film"].scores_N.tolist() == [1, 1, 1]


def test_one_of_several_detectors_is_chosen(tmp_path):
    path = write(tmp_path / "boxes.parquet", detector=["x", "y", "x"])
    assert list(read_boxes(path, "y")) == ["b"]
    with pytest.raises(DataError, match="several detectors, choose a source: x, y"):
        read_boxes(path)
    with pytest.raises(DataError, match="source 'z': allowed are x, y"):
        read_boxes(path, "z")
    with pytest.raises(DataError, match="no column 'detector'"):
        read_boxes(write(tmp_path / "none.parquet"), "x")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": None}, "no column 'width', there are seq, frame"),
        ({"top": ["high", "low", "low"]}, "column 'top': holds string, allowed are numbers"),
        ({"frame": [1.5, 1, 1]}, "seq a, column 'frame': 1.5 is no whole number"),
        ({"frame": [None, 1, 1]}, "seq a, column 'frame': nan is no whole number"),
        ({"seq": ["a", None, "a"]}, "column 'seq': has missing values"),
    ],
)
def test_parquet_that_cannot_be_is_refused(tmp_path, changes, message):
    with pytest.raises(DataError, match=f"boxes.parquet: {message}"):
        read_boxes(write(tmp_path / "boxes.parquet", **changes))


def test_files_that_are_not_there_or_no_parquet(tmp_path):
    with pytest.raises(DataError, match="there is no such file"):
        read_boxes(tmp_path / "no.parquet")
    (tmp_path / "bad.parquet").write_bytes(b"nothing")
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        read_boxes(tmp_path / "bad.parquet")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,-1,2,3,4\n", "line 1: 5 values, at least 6"),
        ("\n1,-1,2,3,4,x\n", "line 2: '1,-1,2,3,4,x' are not numbers"),
        ("1.5,-1,2,3,4,5\n", "column 'frame': 1.5"),
        ("nan,-1,2,3,4,5\n", "column 'frame': nan"),
    ],
)
def test_text_that_cannot_be_is_refused(tmp_path, text, message):
    (tmp_path / "det.txt").write_text(text)
    with pytest.raises(DataError, match=f"det.txt: {message}"):
        read_boxes(tmp_path / "det.txt")


def test_text_of_every_year(tmp_path):
    folder = tmp_path / "MOT-1" / "gt"
    folder.mkdir(parents=True)
    (folder / "gt.txt").write_text("2,7,1,2,3,4,0,8,0.25\n1,7,1,2,3,4,1,-1,-1,-1\n1,8,1,2,3,4\n")
    found = read_boxes(folder / "gt.txt")["MOT-1"]
    assert found.frames_N.tolist() == [1, 1, 2]
    assert found.classes_N.tolist() == [1, 1, 8]
    assert found.visibility_N.tolist() == [1, 1, 0.25]
    assert found.scores_N.tolist() == [1, 1, 0]


def test_what_is_written_is_read_again(tmp_path, walkers):
    tracks = {"one": walkers(2, 3), "two": walkers(1, 2, seed=1)}
    (tmp_path / "tracks.parquet").write_bytes(as_parquet(tracks))
    table = pq.read_table(tmp_path / "tracks.parquet")
    assert table.column_names == ["seq", "frame", "id", "left", "top", "width", "height", "conf"]
    for name, found in read_boxes(tmp_path / "tracks.parquet").items():
        assert found.ids_N.tolist() == tracks[name].ids_N.tolist()
        assert np.array_equal(found.boxes_N4, tracks[name].boxes_N4)
    (tmp_path / "one.txt").write_bytes(as_mot_text(tracks["one"]))
    found = read_boxes(tmp_path / "one.txt")["one"]
    assert found.boxes_N4 == pytest.approx(tracks["one"].boxes_N4, abs=0.0051)
    assert found.ids_N.tolist() == tracks["one"].ids_N.tolist()


def test_sequence_folders(tmp_path):
    for number in (1, 2):
        folder = tmp_path / f"folder{number}"
        folder.mkdir()
        (folder / "seqinfo.ini").write_text(f"[Sequence]\nname=MOT-{number}\n")
    (tmp_path / "notes").mkdir()
    assert list(mot_sequences(tmp_path)) == ["MOT-1", "MOT-2"]
    assert list(mot_sequences(tmp_path / "folder2")) == ["MOT-2"]
    with pytest.raises(DataError, match="is no MOT sequence"):
        mot_sequences(tmp_path / "notes")
    (tmp_path / "folder2" / "seqinfo.ini").write_text("name=MOT-1\n")
    with pytest.raises(DataError, match=r"folder2/seqinfo\.ini: cannot be read"):
        mot_sequences(tmp_path)
    (tmp_path / "folder2" / "seqinfo.ini").write_text("[Sequence]\nname=MOT-1\n")
    with pytest.raises(DataError, match="MOT-1 is also in"):
        mot_sequences(tmp_path)
