"""What lies around a detector's network: its description, preprocessing, decoding, suppression."""

import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from brainray.errors import DataError, NetworkError, PluginError
from brainray.networks.detectors import onnx_detector
from brainray.networks.detectors.decoding import centernet, decode
from brainray.networks.detectors.interface import Detector, Found, make_detector
from brainray.networks.detectors.preprocessing import prepare
from brainray.networks.detectors.spec import DetectorSpec, Input, read_spec
from brainray.networks.detectors.suppression import ious, suppress
from brainray.seeding import numpy_generator

NANODET = onnx_detector.SPECS / "nanodet.yaml"
CENTERNET = onnx_detector.SPECS / "centernet.yaml"


@pytest.fixture
def image() -> np.ndarray:
    return numpy_generator(0, "image").integers(0, 256, (60, 90, 3), dtype=np.uint8)


def test_a_stretched_input_equals_the_plain_formula(image):
    spec = read_spec(NANODET).input
    given, placement = prepare(image, spec)
    scaled = np.asarray(Image.fromarray(image).resize((416, 416), Image.Resampling.BILINEAR))
    for channel, (mean, deviation) in enumerate(
        ((103.53, 57.375), (116.28, 57.12), (123.675, 58.395))
    ):
        plain = (scaled[:, :, 2 - channel].astype(np.float64) - mean) / deviation
        np.testing.assert_allclose(given[0, channel], plain, atol=1e-5)
    assert given.shape == (1, 3, 416, 416)
    whole = np.array([[0.0, 0.0, 416.0, 416.0]])
    np.testing.assert_allclose(placement.to_image(whole), [[0, 0, 90, 60]])


def test_a_letterbox_keeps_proportions_and_fills_both_sides(image):
    wanted = Input(height=96, width=96, fit="letterbox", layout="channels_last", fill=7)
    given, placement = prepare(image, wanted)
    assert (given[0, :16] == 7).all()
    assert (given[0, 80:] == 7).all()
    scaled = np.asarray(Image.fromarray(image).resize((96, 64), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(given[0, 16:80], scaled)
    np.testing.assert_allclose(
        placement.to_image(np.array([[0.0, 16.0, 96.0, 80.0]])), [[0, 0, 90, 60]]
    )


def test_a_box_of_distributions_is_decoded_around_its_cell():
    spec = DetectorSpec.model_validate(
        {
            "tags": ["one-stage"],
            "input": {"height": 32, "width": 64},
            "outputs": {"kind": "nanodet", "strides": [16]},
            "min_score": 0.5,
            "overlap": 0.5,
            "classes": ["person", "car"],
        }
    )
    scores, sides = np.zeros((1, 8, 2), np.float32), np.zeros((1, 8, 4, 4), np.float32)
    scores[0, 6] = 0.9, 0.8  # row 1, column 2: its middle is (40, 24)
    for side, strides in enumerate((1, 0, 2, 3)):
        sides[0, 6, side, strides] = 50
    outputs = [scores, sides.reshape(1, 8, 16)]
    found = decode(outputs, spec, np.array([1]), 0.5)
    np.testing.assert_allclose(found.boxes_K4, [[24, 24, 72, 72]])
    np.testing.assert_allclose(found.scores_K, [0.8], atol=1e-6)
    assert found.classes_K.tolist() == [1]
    with pytest.raises(NetworkError, match=r"scores at stride 16: \(1, 7, 2\), by the spec"):
        decode([scores[:, :7], outputs[1]], spec, np.array([1]), 0.5)


def test_a_heat_map_gives_its_peaks_only():
    spec = read_spec(CENTERNET)
    heat = np.zeros((1, 128, 128, 80), np.float32)
    heat[0, 10, 20, 0], heat[0, 10, 21, 0], heat[0, 0, 0, 3] = 0.9, 0.8, 0.7
    sides = np.broadcast_to(np.float32([1, 2, 3, 4]), (1, 128, 128, 4))
    found = centernet([heat, sides], spec, spec.outputs, np.array([0, 3]), 0.3)
    assert found.classes_K.tolist() == [3, 0]
    np.testing.assert_allclose(found.boxes_K4, [[-1, -2, 3, 4], [79, 38, 83, 44]])


@settings(max_examples=40, deadline=None)
@given(
    count=st.integers(0, 40),
    overlap=st.floats(0.1, 0.9),
    seed=st.integers(0, 2**31),
    two=st.booleans(),
)
def test_what_is_suppressed_has_a_surer_neighbor_that_stays(count, overlap, seed, two):
    generator = numpy_generator(seed, "boxes")
    corners = generator.uniform(0, 60, (count, 2))
    boxes = np.column_stack([corners, corners + generator.uniform(10, 60, (count, 2))])
    scores = generator.uniform(0, 1, count).round(1)
    classes = generator.integers(0, 2 if two else 1, count)
    kept = suppress(boxes, scores, classes, overlap)
    assert (np.diff(scores[kept]) <= 0).all()
    rivals = (ious(boxes, boxes) > overlap) & (classes[:, None] == classes)
    np.fill_diagonal(rivals, False)
    assert not rivals[np.ix_(kept, kept)].any()
    for gone in set(range(count)) - set(kept.tolist()):
        assert (scores[kept[rivals[gone, kept]]] >= scores[gone]).any()


class Everywhere(Detector):
    tags, classes = ("two-stage",), ("person",)

    def _detect(self, image_HWC: np.ndarray) -> Found:
        boxes = np.array([[-5.0, 10, 50, 500], [95, 0, 120, 20], [1, 1, 2, 2]])
        return Found(boxes, np.array([0.9, 0.8, 0.7]), np.zeros(3, dtype=np.int64))


def test_boxes_end_at_the_border_and_what_is_outside_goes(image):
    found = Everywhere().detect(image)
    np.testing.assert_array_equal(found.boxes_M4, [[0, 10, 50, 60], [1, 1, 2, 2]])
    assert found.scores_M.tolist() == [0.9, 0.7]
    for wrong in (image[:, :, 0], image.astype(np.float32), image[:0]):
        with pytest.raises(DataError, match="allowed is RGB of uint8"):
            Everywhere().detect(wrong)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"overlap": 2}, "overlap: Input should be less than or equal to 1"),
        ({"tags": ["fast"]}, "tags.0: Input should be 'one-stage' or 'two-stage'"),
        ({"outputs": {"kind": "yolo"}}, "outputs: Input tag 'yolo'"),
        ({"anchors": 3}, "anchors: Extra inputs are not permitted"),
        ({"input": {"height": 8, "width": 416}}, "input.height: Input should be greater"),
    ],
)
def test_a_description_that_cannot_be_names_its_key(tmp_path, change, message):
    path = tmp_path / "spec.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(NANODET.read_text()) | change))
    with pytest.raises(NetworkError) as refused:
        read_spec(path)
    assert str(refused.value).startswith(f"spec {path}: {message}")
    assert "\n" not in str(refused.value)


def test_files_and_options_that_cannot_be_are_refused(tmp_path, monkeypatch):
    no_graph = tmp_path / "no.onnx"
    no_graph.write_bytes(b"no graph")
    for name, options, message in (
        ("nanodet", {}, "nanodet: weights is missing"),
        ("nanodet", {"weights": str(no_graph)}, "cannot be opened"),
        ("nanodet", {"weights": str(tmp_path / "none")}, "cannot be read: No such file"),
        ("nanodet", {"weights": "x", "min_score": 2.0}, "nanodet: min_score is 2.0: Input"),
        ("nanodet", {"speed": 1}, "nanodet: speed is no option, allowed are weights, min_score"),
        ("onnx", {"spec": str(no_graph), "weights": "x"}, "spec .*: document: Input"),
    ):
        with pytest.raises(NetworkError, match=message):
            make_detector(name, options)
    with pytest.raises(
        PluginError, match="unknown name 'best', allowed are centernet, detr, faster_"
    ):
        make_detector("best")
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(NetworkError, match=r"hog: needs OpenCV; install brainray\[vision\]"):
        make_detector("hog")


def test_both_descriptions_of_the_package_can_be_read():
    for path in (NANODET, CENTERNET):
        spec = read_spec(Path(path))
        assert (len(spec.classes), spec.classes[0], spec.classes[79]) == (
            80,
            "person",
            "toothbrush",
        )
        assert spec.tags == ("one-stage",)
