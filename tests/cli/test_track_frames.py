"""``brainray track`` with a detector, on frames."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from brainray.datasets.samples import decode_image
from brainray.networks.appearance import Appearance
from brainray.testing.graphs import bright_cells_graph, color_graph, model_bytes


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    folder = tmp_path / "walk"
    folder.mkdir()
    for number in (1, 2, 3):
        Image.new("RGB", (64, 48)).save(folder / f"{number}.png")
    return folder


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("{frames}",), "is no MOT sequence"),
        (("--detector", "nanodet"), "--detector nanodet: has nothing to look at, give INPUT"),
        (("{frames}", "--detector", "best"), "detectors: unknown name 'best'"),
        (("{frames}", "--detector", "nanodet"), "nanodet: weights is missing"),
        (("{frames}", "--detector", "nanodet", "--weights", "no.onnx"), "weights no.onnx: cannot"),
        (("{frames}", "--weights", "no.onnx"), "weights: is of a detector, give --detector"),
        (("{frames}", "--classes", "car"), "classes: is of a detector, give --detector"),
        (("{frames}", "--detector", "hog", "--min-score", "nan"), "--min-score nan: allowed are"),
        (("{frames}", "--detector", "hog", "--detector-set", "x"), "--detector-set 'x': must have"),
    ],
)
def test_what_cannot_be_is_one_line(brainray, frames, arguments, message):
    done = brainray("track", *(one.format(frames=frames) for one in arguments))
    assert done.code == 1
    assert message in done.err
    assert done.err.count("\n") == 1


def test_a_camera_cannot_be_seen_without_pictures(brainray, frames, tmp_path, monkeypatch):
    boxes = tmp_path / "boxes.txt"
    boxes.write_text("1,-1,8,10,6,30,0.9\n")
    given = ("track", "--detections", boxes, "--set", "camera=pictures")
    done = brainray(*given)
    assert done.code == 1
    assert done.err.endswith("--set: two_stage is to see the camera move in pictures, give INPUT\n")
    monkeypatch.setitem(sys.modules, "cv2", None)
    done = brainray(*given, frames)
    assert (done.code, "needs OpenCV; install brainray[vision]" in done.err) == (1, True), done.err


@pytest.mark.data
def test_people_in_frames_become_tracks(brainray, tmp_path):
    data = Path(os.environ["BRAINRAY_DATA"])
    folder = tmp_path / "street"
    folder.mkdir()
    pictures = pq.read_table(data / "mot17_frames" / "mot17_mini_frames.parquet").to_pylist()
    for row in pictures[4:8]:
        (folder / f"{row['frame']:06}.jpg").write_bytes(row["jpeg"])
    blank = np.zeros_like(decode_image(pictures[4]["jpeg"]))
    Image.fromarray(blank).save(folder / "000005.jpg")  # nobody is there
    weights = data / "models" / "nanodet_416.onnx"
    out = tmp_path / "tracks.parquet"
    of_nanodet = ("--detector", "nanodet", "--weights", weights)
    done = brainray(
        *("track", folder, *of_nanodet, "--min-score", 0.4, "--set", "high_score=0.4"),
        *("--set", "birth_score=0.4", "--out", out, "--json", "-"),
    )
    assert done.code == 0, done.err
    document = json.loads(done.out)
    assert (document["detector"], document["classes"]) == ("nanodet", ["person"])
    assert document["sequences"]["street"]["frames"] == 5
    tracks = pq.read_table(out)
    assert set(tracks["seq"].to_pylist()) == {"street"}
    assert set(tracks["frame"].to_pylist()) <= {1, 2, 3, 4}
    lives = np.unique(tracks["id"].to_numpy(), return_counts=True)[1]
    assert (lives >= 3).sum() >= 5  # people stay the same from frame to frame
    cut = folder / "000003.jpg"
    cut.write_bytes(cut.read_bytes()[:20000])
    done = brainray("track", folder, *of_nanodet)
    assert done.code == 1
    assert "seq street, frame 3: " in done.err
    done = brainray("track", folder, *of_nanodet, "--classes", "robot")
    assert "classes: unknown name 'robot', allowed: person, bicycle" in done.err


SPEC = """\
tags: [one-stage]
input: {height: 64, width: 64, fit: letterbox, layout: channels_last, dtype: uint8, fill: 0}
outputs: {kind: rows, columns: classes, strides: [16]}
min_score: 0.5
overlap: 0.5
classes: [light]
"""


def test_a_detector_that_a_spec_describes_is_followed(brainray, tmp_path):
    folder, spec, graph, out = (
        tmp_path / name for name in ("walk", "a.yaml", "a.onnx", "o.parquet")
    )
    folder.mkdir()
    for number in range(4):
        image = np.zeros((32, 64, 3), dtype=np.uint8)
        image[:16, :16] = image[16:, 48:] = 250  # (0, 0) and (48, 16); the letterbox begins at 16
        Image.fromarray(image).save(folder / f"{number}.png")
    graph.write_bytes(bright_cells_graph(64, 16, "uint8"))
    given = ("track", folder, "--detector", "onnx", "--weights", graph, "--out", out)
    given = (*given, "--detector-set", f"spec={spec}", "--classes", "light")
    spec.write_text(SPEC)
    done = brainray(*given)
    assert done.code == 0, done.err
    rows = pq.read_table(out).to_pylist()
    sides = ("left", "top", "width", "height")
    found = {(row["id"], *(row[side] for side in sides)) for row in rows}
    assert {box[1:] for box in found} == {(0, 0, 16, 16), (48, 16, 16, 16)}
    assert (len(rows), len(found)) == (8, 2)
    spec.write_text(SPEC.replace("[light]", "[light, dark]"))
    done = brainray(*given)
    message = f"brainray: weights {graph}: rows: (1, 16, 5), by the spec (N, 6) or (1, N, 6)\n"
    assert (done.code, done.err) == (1, message)


def red_and_green_change_places(folder):
    """Six frames; the boxes are the same in all, but in the last two they are of the other one."""
    frames = folder / "walk"
    frames.mkdir()
    for number in range(1, 7):
        image = np.zeros((48, 64, 3), dtype=np.uint8)
        for person, left in enumerate((8, 14) if number < 5 else (14, 8)):
            image[10:40, left : left + 6, person] = 255
        Image.fromarray(image).save(frames / f"{number}.png")
    boxes = folder / "boxes.txt"
    boxes.write_text(
        "".join(f"{n},-1,{left},10,6,30,0.9\n" for n in range(1, 7) for left in (8, 14))
    )
    return frames, boxes


CARDS = {
    "network": "name: colors.image\narchitecture: onnx\ncategory: colors\nmodality: image\n"
    "preparation: {name: scaled_image, height: 8, width: 8, deviation: 1.0}\n"
    "sub_regions: [vision.shape]\nfunctions: [embedding]\ntaps: [mean]\n",
    "model": "network: colors.image\ndata_set: Walks\nplatform: ONNX Runtime 1.32\n",
}


def test_people_are_known_again_by_their_looks(brainray, tmp_path):
    frames, boxes = red_and_green_change_places(tmp_path)
    graph = tmp_path / "colors.onnx"
    graph.write_bytes(model_bytes(color_graph()))
    for kind, text in CARDS.items():
        (tmp_path / f"{kind}.yaml").write_text(text)
    added = [
        brainray("catalog", "add", "data-set", "Walks"),
        brainray("catalog", "add", "network", tmp_path / "network.yaml"),
        brainray("catalog", "add", "model", tmp_path / "model.yaml", "--weights", graph),
    ]
    assert [done.code for done in added] == [0, 0, 0], added
    out = tmp_path / "tracks.parquet"
    given = ("--detections", boxes, "--tracker", "deep_sort", "--out", out)
    seen = {}
    for looks in (None, graph, "colors.image"):
        more = () if looks is None else (frames, "--appearance", looks)
        done = brainray("track", *more, *given)
        assert done.code == 0, done.err
        rows = pq.read_table(out).to_pylist()
        seen[looks] = {
            number: {row["id"]: row["left"] < 11 for row in rows if row["frame"] == number}
            for number in (4, 6)
        }
    assert seen[None][4] == seen[None][6]  # boxes that stay are taken for the same people
    for looks in (graph, "colors.image"):
        before, after = seen[looks][4], seen[looks][6]
        assert len(before) == 2
        assert after == {person: not left for person, left in before.items()}


def test_boxes_that_the_tracker_does_not_compare_are_not_looked_at(
    brainray, frames, tmp_path, monkeypatch
):
    boxes, graph = tmp_path / "boxes.txt", tmp_path / "colors.onnx"
    boxes.write_text("".join(f"{n},-1,{9 * n},10,6,30,0.{n}\n" * 3 for n in (1, 2, 3)))
    graph.write_bytes(model_bytes(color_graph()))
    looked_at = []

    def vectors(self, image_HWC, boxes_M4):
        looked_at.extend(boxes_M4[:, 0].tolist())
        return np.zeros((len(boxes_M4), self.width))

    monkeypatch.setattr(Appearance, "vectors", vectors)
    given = ("track", frames, "--detections", boxes, "--appearance", graph)
    done = brainray(*given, "--set", "high_score=0.2", "--set", "birth_score=0.2")
    assert done.code == 0, done.err
    assert looked_at == [18.0] * 3 + [27.0] * 3  # those with a score of .2 and .3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--tracker", "sort", "--appearance", "a.onnx"), "makes no difference to sort"),
        (("--appearance", "a.onnx"), "has nothing to look at, give INPUT"),
        (("{frames}", "--appearance", "a.onnx"), "appearance a.onnx: cannot be read"),
        (("{frames}", "--appearance", "nobody"), "model 'nobody': not in the catalog"),
    ],
)
def test_looks_that_cannot_be_seen_are_one_line(brainray, frames, tmp_path, arguments, message):
    boxes = tmp_path / "boxes.txt"
    boxes.write_text("1,-1,8,10,6,30,0.9\n")
    given = [one.format(frames=frames) for one in arguments]
    done = brainray("track", *given, "--detections", boxes)
    assert (done.code, message in done.err) == (1, True), done.err
    assert done.err.count("\n") == 1
