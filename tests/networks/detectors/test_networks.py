"""Around the networks of torchvision, transformers and Darknet; tests/zoo has them themselves."""

import sys
from pathlib import Path

import numpy as np
import pytest

from brainray.errors import NetworkError
from brainray.networks.detectors import coco, onnx_detector
from brainray.networks.detectors.interface import file_options, make_detector
from brainray.networks.detectors.labels import Labels
from brainray.networks.detectors.spec import Input, read_spec
from brainray.networks.detectors.yolov3 import decode, read_config


@pytest.mark.parametrize(
    ("name", "package", "options", "extra"),
    [
        ("faster_rcnn", "torchvision", {"random_weights": 0}, "needs torchvision; .*zoo"),
        ("ssd", "torchvision", {"random_weights": 0}, "needs torchvision; .*zoo"),
        ("torchvision", "torchvision", {"architecture": "x"}, "needs torchvision; .*zoo"),
        ("detr", "transformers", {"random_weights": 0}, "needs transformers; .*zoo"),
        ("yolov3", "cv2", {"config": "a", "weights": "b"}, "needs OpenCV; .*vision"),
    ],
)
def test_what_is_missing_is_named(monkeypatch, name, package, options, extra):
    for loaded in [one for one in sys.modules if one.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(NetworkError, match=rf"{extra}\]$") as refused:
        make_detector(name, options)
    assert "install brainray[" in str(refused.value)


def test_options_that_name_files_are_known():
    assert file_options("yolov3") == ("config", "weights")
    assert file_options("detr") == ("weights", "config")
    assert file_options("ssd") == file_options("torchvision") == ("weights",)
    with pytest.raises(NetworkError, match="torchvision: architecture is missing"):
        make_detector("torchvision", {"random_weights": 0})
    with pytest.raises(NetworkError, match="ssd: architecture is no option"):
        make_detector("ssd", {"architecture": "fcos_resnet50_fpn"})


def test_names_of_coco_are_those_of_the_descriptions():
    assert read_spec(onnx_detector.SPECS / "nanodet.yaml").classes == coco.NAMES
    assert (coco.LABELS[1], coco.LABELS[13], coco.LABELS[90]) == (
        "person",
        "stop sign",
        "toothbrush",
    )
    assert (12 in coco.LABELS, len(coco.LABELS)) == (False, 80)


def test_labels_without_a_class_and_of_others_go():
    labels = Labels.of({1: "person", 3: "car", 5: "dog"}, ["dog", "person"])
    assert labels.classes == ("person", "car", "dog")
    boxes = np.arange(24.0).reshape(6, 4)
    scores = np.array([0.4, 0.9, 0.8, 0.9, 0.2, 0.7])
    found = labels.keep(boxes, scores, np.array([1, 3, 5, 0, 1, 1]), 0.3, 2)
    assert found.classes_M.tolist() == [2, 0]
    assert found.scores_M.tolist() == [0.8, 0.7]
    np.testing.assert_array_equal(found.boxes_M4, boxes[[2, 5]])
    assert Labels.of({1: "a", 2: "b"}, None).wanted_C.tolist() == [0, 1]
    with pytest.raises(NetworkError, match="classes: unknown name 'cat', allowed: person, car"):
        Labels.of({1: "person", 3: "car"}, ["cat"])


def test_yolo_rows_become_boxes_of_every_wanted_class():
    row = [0.5, 0.25, 0.25, 0.5, 0.9, 0.0, 0.6, 0.3]
    outputs = [np.float32([row, [0] * 8]), np.float32([[*row[:5], 0.7, 0, 0.7]])]
    wanted = Input(height=64, width=128)
    found = decode(outputs, wanted, np.array([1, 2]), 0.3)
    assert found.classes_K.tolist() == [1, 2, 2]
    np.testing.assert_allclose(found.scores_K, [0.6, 0.3, 0.7], atol=1e-6)
    np.testing.assert_allclose(found.boxes_K4, [[48, 0, 80, 32]] * 3)


def test_a_darknet_file_is_read_section_by_section(tmp_path: Path):
    path = tmp_path / "a.cfg"
    path.write_text("[net]\n# Testing\nwidth = 64 # wide\n\n[yolo]\nanchors = 1,2, 3,4\n")
    assert read_config(path) == [("net", {"width": "64"}), ("yolo", {"anchors": "1,2, 3,4"})]
    for text in ("width=3", "[net]\nwidth"):
        path.write_text(text)
        with pytest.raises(NetworkError, match=r"a.cfg: line \d: 'width.* must be \[section\]"):
            read_config(path)
    with pytest.raises(NetworkError, match=r"none.cfg: cannot be read"):
        read_config(tmp_path / "none.cfg")
