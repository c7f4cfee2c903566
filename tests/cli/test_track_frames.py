"""``brainray track`` with a detector, on frames."""

import json
import os
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from brainray.datasets.samples import decode_image
from brainray.testing.graphs import color_graph, model_bytes


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
        (("{frames}", "--detector", "hog", "--detector-set", "x"), "--detector-set 'x': must have"),
    ],
)
def test_what_cannot_be_is_one_line(brainray, frames, arguments, message):
    done = brainray("track", *(one.format(frames=frames) for one in arguments))
    assert done.code == 1
    assert message in done.err
    assert done.err.count("\n") == 1


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
