"""``brainray track`` with a detector, on frames."""

import json
import os
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from brainray.datasets.samples import decode_image


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
