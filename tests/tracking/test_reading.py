from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from brainray.errors import DataError
from brainray.tracking.reading import (
    as_mot_text,
    as_parquet,
    confidence_note,
    mot_sequences,
    read_boxes,
    read_sources,
    read_truth,
)


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
        ({"id": [1, 2, 2**60]}, r"seq a, column 'id': 1.15292e\+18, allowed are whole"),
        ({"id": np.array([1, 2, 2**64 - 1], dtype=np.uint64)}, r"seq a, column 'id': 1.84467e"),
        ({"id": [1, 2, 2**53 + 1]}, "seq a, column 'id': 9.0072e"),
        ({"frame": [np.inf, 1, 1]}, "seq a, column 'frame': inf, allowed are whole"),
        ({"seq": ["a", None, "a"]}, "column 'seq': has missing values"),
    ],
)
def test_parquet_that_cannot_be_is_refused(tmp_path, changes, message):
    with pytest.raises(DataError, match=f"boxes.parquet: {message}"):
        read_boxes(write(tmp_path / "boxes.parquet", **changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "seq a, frame 1: id -1: allowed are 0 and more"),
        ({"id": [3, 2, -1]}, "seq a, frame 1: id -1: allowed are 0 and more"),
        ({"id": [2, 7, 2], "frame": [1, 1, 1]}, "seq a, frame 1: id 2: is there twice"),
        ({"id": [2, 7, 2], "left": [1e8, 2, 3]}, "seq a, frame 2: id 2: has a box beyond 10,000"),
    ],
)
def test_what_is_no_ground_truth_is_refused(tmp_path, changes, message):
    path = write(tmp_path / "gt.parquet", **changes)
    assert list(read_boxes(path)) == ["a", "b"]
    with pytest.raises(DataError, match=f"gt.parquet: {message}"):
        read_truth(path)
    assert list(read_truth(write(path, id=[2, 7, 2]))) == ["a", "b"]


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
        (f"1,{2**60},2,3,4,5\n", r"column 'id': 1.15292e\+18, allowed are whole"),
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


def test_confidences_that_are_not_known_are_sure_and_odd_ones_noted(tmp_path):
    path = tmp_path / "det.txt"
    path.write_text("1,-1,1,2,3,4,-1,-1,-1,-1\n2,-1,1,2,3,4,-1,-1,-1,-1\n")
    found = read_boxes(path)
    assert found["det"].scores_N.tolist() == [1, 1]
    assert confidence_note("det", found.values()) is None
    assert confidence_note("det", [found["det"][:0]]) is None
    path.write_text("1,-1,1,2,3,4,87.3\n2,-1,1,2,3,4,-0.2\n")
    (boxes,) = read_sources(path).values()
    assert boxes["det"].scores_N.tolist() == [87.3, -0.2]
    assert "Confidences of det are -0.2 to 87.3: " in confidence_note("det", boxes.values())
    path = write(tmp_path / "boxes.parquet", conf=[-1, 0.2, -1])
    assert read_boxes(path)["a"].scores_N.tolist() == [1, 1]


def test_a_confidence_that_cannot_be_is_named_with_its_frame(tmp_path):
    text = tmp_path / "det.txt"
    text.write_text("1,-1,1,2,3,4,0.5\n2,-1,1,2,3,4,1e305\n")
    parquet = write(tmp_path / "boxes.parquet", seq=None, frame=[1, 2, 3], conf=[0.5, 1e305, 0.5])
    for path in (text, parquet):
        (rows,) = read_boxes(path).values()
        with pytest.raises(DataError, match=r"frame 2: box 0: conf is 1e\+305, allowed are -10,"):
            list(rows.by_frame())


def test_text_of_ten_columns_has_coordinates_in_the_world(tmp_path):
    (tmp_path / "gt.txt").write_text("1,1,1,2,3,4,1,3.98,1.2,0\n1,2,1,2,3,4,0,3,12,0\n")
    found = read_boxes(tmp_path / "gt.txt")["gt"]
    assert found.classes_N.tolist() == [1, 1]
    assert found.visibility_N.tolist() == [1, 1]
    assert found.scores_N.tolist() == [1, 0]
    (tmp_path / "gt.txt").write_text("1,1,1,2,3,4,1,8,0.5,\n")  # nine, and a comma at the end
    assert read_boxes(tmp_path / "gt.txt")["gt"].classes_N.tolist() == [8]


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
