"""Detectors of OpenCV: YOLOv3 against a computation in numpy, HOG on a real picture."""

import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy.special import expit

from brainray.datasets.samples import decode_image
from brainray.errors import NetworkError
from brainray.networks.detectors.interface import Found, make_detector
from brainray.networks.detectors.suppression import suppress
from brainray.seeding import numpy_generator

WIDTH, HEIGHT, STRIDE = 64, 32, 2
ANCHORS = [(4, 6), (10, 8), (20, 30)]
CONFIG = f"""
[net]
width={WIDTH}
height={HEIGHT}
channels=3
[convolutional]
batch_normalize=1
filters=4
size=2
stride={STRIDE}
pad=0
activation=leaky
[convolutional]
filters=14
size=1
stride=1
pad=0
activation=linear
[yolo]
mask=0,2
anchors=4,6, 10,8, 20,30
classes=2
num=3
"""
IMAGE = numpy_generator(0, "picture").integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Any]:
    """A network of Darknet with weights of no meaning."""
    (tmp_path / "tiny.cfg").write_text(CONFIG)
    header = struct.pack("<3iq", 0, 2, 0, 0)
    (tmp_path / "tiny.weights").write_bytes(header + b"".join(map(bytes, weights().values())))
    return {
        "config": str(tmp_path / "tiny.cfg"),
        "weights": str(tmp_path / "tiny.weights"),
        "names": ["person", "car"],
    }


def weights() -> dict[str, np.ndarray]:
    """What Darknet keeps of both convolutions, in its order."""
    generator = numpy_generator(0, "darknet")
    shapes = {
        "shift": (4,),
        "scale": (4,),
        "mean": (4,),
        "variance": (4,),
        "first": (4, 3, STRIDE, STRIDE),
        "bias": (14,),
        "second": (14, 4),
    }
    drawn = {name: generator.normal(size=shape) for name, shape in shapes.items()}
    drawn["variance"] = abs(drawn["variance"]) + 0.5
    return {name: value.astype("<f4") for name, value in drawn.items()}


def rows_of(image: np.ndarray) -> np.ndarray:
    """The plain formulas (Redmon and Farhadi, 2017 and 2018), a row for each cell and anchor."""
    drawn = {name: value.astype(np.float64) for name, value in weights().items()}
    rows, columns = HEIGHT // STRIDE, WIDTH // STRIDE
    patches = (image / 255).reshape(rows, STRIDE, columns, STRIDE, 3)
    maps = np.einsum("yixjc,ocij->yxo", patches, drawn["first"])
    maps = (maps - drawn["mean"]) / np.sqrt(drawn["variance"] + 1e-6)
    maps = maps * drawn["scale"] + drawn["shift"]
    maps = np.where(maps > 0, maps, 0.1 * maps)
    maps = (maps @ drawn["second"].T + drawn["bias"]).reshape(rows, columns, 2, 7)
    found = []
    for (y, x, anchor), (tx, ty, tw, th, sure, *classes) in (
        ((y, x, anchor), maps[y, x, anchor])
        for y in range(rows)
        for x in range(columns)
        for anchor in range(2)
    ):
        wide, high = ANCHORS[(0, 2)[anchor]]
        middle = (x + expit(tx)) * STRIDE, (y + expit(ty)) * STRIDE
        half = wide * np.exp(tw) / 2, high * np.exp(th) / 2
        scores = expit(sure) * expit(np.array(classes))
        corners = (
            middle[0] - half[0],
            middle[1] - half[1],
            middle[0] + half[0],
            middle[1] + half[1],
        )
        found.append((*corners, *scores))
    return np.array(found)


def expected(min_score: float, overlap: float) -> Found:
    rows = rows_of(IMAGE)
    row, of_class = np.nonzero(rows[:, 4:] >= min_score)
    boxes, scores = rows[row, :4], rows[row, 4 + of_class]
    kept = suppress(boxes, scores, of_class, overlap)
    boxes = boxes[kept].clip(0, [WIDTH, HEIGHT] * 2)
    seen = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    return Found(boxes[seen], scores[kept][seen], of_class[kept][seen])


def test_yolov3_finds_what_its_formulas_say(files: dict[str, Any]) -> None:
    detector = make_detector("yolov3", files | {"min_score": 0.3, "overlap": 0.4, "most": 1000})
    assert (detector.tags, detector.classes) == (("one-stage",), ("person", "car"))
    found, wanted = detector.detect(IMAGE), expected(0.3, 0.4)
    assert len(found) > 20
    assert set(found.classes_M.tolist()) == {0, 1}
    np.testing.assert_array_equal(found.classes_M, wanted.classes_M)
    np.testing.assert_allclose(found.scores_M, wanted.scores_M, atol=1e-4)
    np.testing.assert_allclose(found.boxes_M4, wanted.boxes_M4, atol=1e-2)
    again = make_detector("yolov3", files | {"min_score": 0.3, "overlap": 0.4, "most": 1000})
    np.testing.assert_array_equal(again.detect(IMAGE).boxes_M4, found.boxes_M4)
    cars = make_detector("yolov3", files | {"min_score": 0.3, "classes": ["car"], "most": 5})
    assert cars.detect(IMAGE).classes_M.tolist() == [1] * 5


def test_yolov3_sees_a_letterboxed_image_where_it_is(files: dict[str, Any]) -> None:
    tall = np.full((2 * HEIGHT, WIDTH // 2, 3), 60, dtype=np.uint8)
    for fit in ("letterbox", "stretch"):
        found = make_detector("yolov3", files | {"min_score": 0.3, "fit": fit}).detect(tall)
        assert len(found)
        assert (found.boxes_M4 <= [WIDTH // 2, 2 * HEIGHT] * 2).all()


def test_files_of_darknet_that_do_not_belong_together_are_refused(
    files: dict[str, Any], tmp_path: Path
) -> None:
    whole = Path(files["weights"]).read_bytes()
    for size in (0, len(whole) - 4, len(whole) + 4):
        (tmp_path / "other.weights").write_bytes((whole + b"more")[:size])
        with pytest.raises(NetworkError, match=r"other\.weights") as refused:
            make_detector("yolov3", files | {"weights": str(tmp_path / "other.weights")})
        assert "\n" not in str(refused.value)
    (tmp_path / "other.cfg").write_text(CONFIG.replace("[yolo]", "[region]"))
    (tmp_path / "odd.cfg").write_text(CONFIG.replace("=leaky", "=none"))
    (tmp_path / "small.cfg").write_text(CONFIG.replace(f"width={WIDTH}", "width=8"))
    for options, message in (
        ({"config": str(tmp_path / "other.cfg")}, r"must have \[yolo\] sections"),
        ({"config": str(tmp_path / "odd.cfg")}, "cannot be read"),
        ({"config": str(tmp_path / "small.cfg")}, "width: 8, must be 16 to 4096"),
        ({"names": ["person"]}, "names: are 1, config .* has 2 classes"),
        ({"weights": "none.weights"}, "weights none.weights: cannot be read"),
        ({"classes": ["dog"]}, "classes: unknown name 'dog', allowed: person, car"),
    ):
        with pytest.raises(NetworkError, match=message):
            make_detector("yolov3", files | options)


@pytest.mark.data
def test_hog_finds_people_in_a_street() -> None:
    path = Path(os.environ["BRAINRAY_DATA"]) / "mot17_frames" / "mot17_mini_frames.parquet"
    image = decode_image(pq.read_table(path).to_pylist()[8]["jpeg"])[::2, ::2]
    found = make_detector("hog", {"enlarge": 1.0}).detect(np.ascontiguousarray(image))
    assert len(found) >= 1
    sides = found.boxes_M4[:, 2:] - found.boxes_M4[:, :2]
    assert (sides[:, 1] > 1.5 * sides[:, 0]).all()  # people stand
    nothing = make_detector("hog", {"enlarge": 1.0}).detect(np.zeros_like(image))
    assert len(nothing) == 0
