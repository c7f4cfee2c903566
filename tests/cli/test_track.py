"""``brainray track`` on a few made-up people."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from brainray.tracking.reading import as_mot_text, as_parquet
from brainray.tracking.rows import Rows

FRAMES = 12


def people(count: int) -> Rows:
    frame, person = np.meshgrid(np.arange(1, FRAMES + 1), np.arange(count), indexing="ij")
    left = 150.0 * person + 3.0 * frame
    boxes = np.stack([left, left * 0, left * 0 + 40, left * 0 + 100], axis=-1).reshape(-1, 4)
    return Rows.of(frame.ravel(), boxes, ids_N=person.ravel() + 1)


@pytest.fixture
def boxes(tmp_path: Path) -> Path:
    path = tmp_path / "boxes.parquet"
    path.write_bytes(as_parquet({"one": people(2), "two": people(3)}))
    return path


@pytest.fixture
def mot(tmp_path: Path) -> Path:
    folder = tmp_path / "sequences" / "MOT-1"
    for part in ("det", "gt"):
        (folder / part).mkdir(parents=True)
        (folder / part / f"{part}.txt").write_bytes(as_mot_text(people(2)))
    (folder / "seqinfo.ini").write_text("[Sequence]\nname=MOT-1\n")
    return folder


def test_tracks_are_written_with_the_columns_of_the_contract(brainray, boxes, tmp_path):
    out = tmp_path / "tracks.parquet"
    done = brainray("track", "--detections", boxes, "--tracker", "sort", "--out", out)
    assert done.code == 0, done.err
    table = pq.read_table(out)
    assert table.column_names == ["seq", "frame", "id", "left", "top", "width", "height", "conf"]
    assert table.num_rows == FRAMES * 5
    assert "no scores" in done.out


def test_boxes_of_low_scores_can_be_left_out(brainray, tmp_path):
    rows = people(2)
    rows.scores_N[::2] = 0.3  # the first person's
    path = tmp_path / "boxes.parquet"
    path.write_bytes(as_parquet({"one": rows}))
    least = ("track", "--detections", path, "--tracker", "sort", "--json", "-", "--min-score", 0.5)
    done = brainray(*least)
    assert done.code == 0, done.err
    assert json.loads(done.out)["sequences"]["one"] | {"cpu_milliseconds_a_frame": 0} == {
        "frames": FRAMES,
        "detections": FRAMES,
        "boxes": FRAMES,
        "tracks": 1,
        "cpu_milliseconds_a_frame": 0,
    }


def test_confidences_that_thresholds_are_not_meant_for_are_noted(brainray, tmp_path):
    rows = people(2)
    rows.scores_N[:] *= 100
    path = tmp_path / "boxes.parquet"
    path.write_bytes(as_parquet({"one": rows}))
    done = brainray("track", "--detections", path, "--tracker", "sort")
    assert done.code == 0, done.err
    assert "Confidences of these boxes are " in done.out


def test_a_ground_truth_gives_scores_by_sequence_and_overall(brainray, boxes):
    done = brainray("track", "--detections", boxes, "--truth", boxes, "--json", "-")
    assert done.code == 0, done.err
    document = json.loads(done.out)
    assert list(document["sequences"]) == ["one", "two"]
    assert document["sequences"]["two"]["tracks"] == 3
    assert document["OVERALL"]["switches"] == 0
    assert document["OVERALL"]["idf1"] == pytest.approx(1)
    shown = brainray("track", "--detections", boxes, "--truth", boxes).out
    assert "OVERALL" in shown
    assert "motp distance" in shown


def test_one_truth_and_one_set_of_boxes_belong_together(brainray, boxes, tmp_path):
    mine, other, odd = (tmp_path / f"{name}.parquet" for name in ("mine", "other", "odd"))
    mine.write_bytes(as_parquet({"film": people(2)}))
    other.write_bytes(as_parquet({"FILM": people(2)}))
    done = brainray("track", "--detections", mine, "--truth", other, "--json", "-")
    assert json.loads(done.out)["OVERALL"]["mota"] == 1
    done = brainray("track", "--detections", boxes, "--truth", other)
    assert (done.code, done.out) == (1, "")
    assert done.err.endswith("other.parquet: no seq one, two, there are FILM\n")
    odd.write_bytes(as_parquet({"two": people(3), "three": people(1)}))
    done = brainray("track", "--detections", boxes, "--truth", odd)
    assert "Without a ground truth: one." in done.out


@pytest.mark.parametrize("name", ["own.txt", "det.txt", "own.parquet"])
def test_boxes_of_one_and_one_input_belong_together(brainray, mot, tmp_path, name):
    own = tmp_path / name
    rows = people(2)
    own.write_bytes(as_mot_text(rows) if own.suffix == ".txt" else as_parquet({"film": rows}))
    done = brainray("track", mot, "--detections", own, "--json", "-")
    assert done.code == 0, done.err
    document = json.loads(done.out)
    assert list(document["sequences"]) == ["MOT-1"]
    assert document["OVERALL"]["mota"] == 1


def test_a_truth_in_which_nobody_counts_gives_no_scores(brainray, mot):
    truth = mot / "gt" / "gt.txt"
    truth.write_text("1,1,0,0,40,100,1,3,1\n2,2,0,0,40,100,0,1,1\n")  # a car, and not evaluated
    done = brainray("track", mot, "--json", "-")
    assert "OVERALL" not in json.loads(done.out)
    assert "idf1" not in json.loads(done.out)["sequences"]["MOT-1"]
    for text in (truth.read_text(), ""):
        truth.write_text(text)
        done = brainray("track", mot)
        assert "No scores, for they have no ground truth that counts: class 1 with" in done.out
        assert "idf1" not in done.out


def test_a_mot_folder_has_its_detections_and_truth(brainray, mot, tmp_path):
    out = tmp_path / "MOT-1.txt"
    done = brainray("track", mot.parent, "--set", "min_hits=1", "--out", out, "--json", "-")
    document = json.loads(done.out)
    assert document["options"] == {"min_hits": 1}
    assert document["OVERALL"]["mota"] == 1
    first = out.read_text().splitlines()[0].split(",")
    assert first[0] == "1"
    assert len(first) == 10


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "nothing to track: give INPUT or --detections"),
        (("--detections", "{boxes}", "--tracker", "no"), "trackers: unknown name 'no'"),
        (("--detections", "{boxes}", "--set", "old=1"), "two_stage: old is no option"),
        (
            ("--detections", "{boxes}", "--set", "camera=maybe"),
            "camera is 'maybe': Input should be true or false, or 'pictures'",
        ),
        (("--detections", "{boxes}", "--set", "old"), "must have the form name=value"),
        (("--detections", "{boxes}", "--out", "x.csv"), "must end in .parquet or .txt"),
        (("--detections", "{boxes}", "--out", "x.txt"), "holds one sequence, these are 2"),
        (("--detections", "{boxes}", "--detector", "x"), "has no column 'detector'"),
        (("{mot}", "--detections", "{boxes}"), "no seq MOT-1, there are one, two"),
        (("{mot}", "--min-score", "nan"), "--min-score nan: allowed are finite numbers"),
        (("{mot}", "--classes", "person"), "classes: is of a detector, give --detector and INPUT"),
        (("{mot}/det",), "is no MOT sequence"),
        (("--detections", "{one}", "--truth", "{one}"), "one.txt: seq one, frame 1: id -1"),
    ],
)
def test_what_cannot_be_is_one_line(brainray, boxes, mot, arguments, message):
    one = boxes.parent / "one.txt"
    one.write_text("1,-1,0,0,40,100,0.9\n")
    done = brainray("track", *(part.format(boxes=boxes, mot=mot, one=one) for part in arguments))
    assert done.code == 1
    assert message in done.err
    assert done.err.count("\n") == 1


@pytest.mark.parametrize("tracker", ["two_stage", "sort", "deep_sort"])
@pytest.mark.parametrize(
    ("box", "what"),
    [
        ("1,-1,1e160,1,1e160,1e160,0.9", "left is 1e+160, allowed are -10,000,000 to 10,000,000"),
        ("1,-1,1,1,1e-160,1e5,0.9", "width is 1e-160, allowed is 1e-09 and more"),
    ],
)
def test_a_box_beyond_any_picture_is_named(brainray, tmp_path, tracker, box, what):
    path = tmp_path / "det.txt"
    path.write_text("".join(f"{n}{box[1:]}\n" for n in (1, 2, 3)))
    done = brainray("track", "--detections", path, "--tracker", tracker)
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert f"seq det, frame 1: box 0: {what}" in done.err


def test_a_bad_box_is_named_with_its_sequence_and_frame(brainray, tmp_path):
    rows = people(2)
    rows.boxes_N4[7, 3] = -1
    path = tmp_path / "bad.parquet"
    path.write_bytes(as_parquet({"one": people(2), "two": rows}))
    done = brainray("track", "--detections", path)
    assert (done.code, done.out) == (1, "")
    assert "seq two, frame 4: box 1: height is -1, allowed is above 0" in done.err
