"""Specs that cannot be, and graphs that do not fit theirs: refused when a detector is made."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from brainray.errors import NetworkError
from brainray.networks.detectors import coco
from brainray.networks.detectors.onnx_detector import OnnxDetector
from brainray.networks.detectors.spec import read_spec
from brainray.testing.graphs import constant_graph

SSD = {"kind": "boxes", "boxes": "b", "scores": "s", "classes": "c", "corners": "ltrb"}
EACH = {"kind": "boxes", "boxes": "b", "scores": "s", "corners": "ltrb", "scale": "pixels"}
BOXES = {"b": np.zeros((1, 8, 4), np.float32), "s": np.zeros((1, 8, 3), np.float32)}
ONES = BOXES | {"s": np.ones((1, 8), np.float32), "c": np.ones((1, 8), np.float32)}
YOLO = {"kind": "rows", "columns": "objectness_classes"}


@pytest.mark.parametrize(
    ("outputs", "tensors", "message"),
    [
        (EACH | {"boxes": "x"}, BOXES, "outputs.boxes: 'x' is no output, allowed are b, s"),
        (EACH | {"classes": "x"}, BOXES, "outputs.classes: 'x' is no output, allowed are b, s"),
        (YOLO | {"output": "x"}, BOXES, "outputs.output: 'x' is no output, allowed are b, s"),
        (YOLO, BOXES, "outputs.output: is missing, allowed are b, s"),
        (EACH, BOXES | {"b": BOXES["b"][..., :3]}, "boxes: (1, 8, 3), by the spec (N, 4) or (1,"),
        (EACH, BOXES | {"b": BOXES["b"][None]}, "boxes: (1, 1, 8, 4), by the spec (N, 4)"),
        (EACH, BOXES | {"b": np.zeros((2, 8, 4))}, "boxes: (2, 8, 4), by the spec (N, 4)"),
        (EACH, BOXES | {"s": BOXES["s"][..., :2]}, "scores: (1, 8, 2), by the spec (N, 3) or (1,"),
        (EACH, BOXES | {"s": BOXES["s"][0, 0]}, "scores: (3,), by the spec (N, 3) or (1, N, 3)"),
        (EACH, BOXES | {"s": BOXES["s"][:, :7]}, "count of scores: 7, by the spec 8"),
        (EACH | {"first_class": 1}, BOXES, "scores: (1, 8, 3), by the spec (N, 4) or (1, N, 4)"),
        (EACH | {"transposed": True}, BOXES, "scores: (1, 8, 3), by the spec (3, N) or (1, 3, N)"),
        (EACH, BOXES | {"s": BOXES["s"] - 7}, "scores: -7 to -7, allowed is 0 to 1; if they are l"),
        (
            EACH | {"logits": "sigmoid"},
            BOXES | {"s": BOXES["s"] * np.nan},
            "scores: nan to nan, al",
        ),
        (SSD, ONES | {"s": BOXES["s"]}, "scores: (1, 8, 3), by the spec (N,) or (1, N)"),
        (SSD, ONES | {"c": ONES["c"][:, :7]}, "count of classes: 7, by the spec 8"),
        (SSD, ONES | {"c": 3 * ONES["c"]}, "classes: 3, by the spec 0 to 2"),
        (SSD, ONES | {"c": ONES["c"] / 2}, "classes: 0.5, by the spec 0 to 2"),
        (SSD, ONES | {"c": ONES["c"] * np.nan}, "classes: nan, by the spec 0 to 2"),
        (SSD | {"first_class": 1}, ONES | {"c": 4 * ONES["c"]}, "classes: 4, by the spec 1 to 3"),
        (SSD | {"count": "b"}, ONES, "count: numbers in it: 32, by the spec 1"),
        (SSD | {"count": "n"}, ONES | {"n": np.int64([[9]])}, "count: 9, allowed is 0 to 8"),
        (SSD | {"count": "n"}, ONES | {"n": np.float32(0.5)}, "count: 0.5, allowed is 0 to 8"),
        (SSD, ONES | {"b": BOXES["b"] + np.inf}, "boxes: some are not finite"),
        (EACH, BOXES | {"b": np.array([["a"]])}, "output 'b': tensor(string), allowed is a tensor"),
        (YOLO, {"o": np.zeros((1, 9, 7))}, "rows: (1, 9, 7), by the spec (N, 8) or (1, N, 8)"),
        (YOLO | {"columns": "classes"}, {"o": np.zeros((1, 7, 9))}, "rows: (1, 7, 9), by the spec"),
        (
            YOLO | {"columns": "score_class"},
            {"o": np.zeros((9, 7))},
            "rows: (9, 7), by the spec (N,",
        ),
        (
            YOLO | {"transposed": True},
            {"o": np.zeros((1, 9, 8))},
            "by the spec (8, N) or (1, 8, N)",
        ),
        (YOLO | {"strides": [16]}, {"o": np.zeros((1, 9, 8))}, "count of rows: 9, by the spec 24"),
        (YOLO, {"o": np.full((1, 9, 8), 3.5)}, "scores: 3.5 to 3.5, allowed is 0 to 1; if they"),
    ],
)
def test_files_that_do_not_belong_together_are_refused_at_once(
    tmp_path, made, outputs, tensors, message
):
    if outputs["kind"] == "boxes":
        outputs = {"scale": "pixels"} | outputs
    tensors = {name: np.asarray(value) for name, value in tensors.items()}
    with pytest.raises(NetworkError) as refused:
        made(outputs, tensors)
    start = f"weights {tmp_path / 'toy.onnx'}: "
    assert str(refused.value).startswith(start)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_inputs_that_are_not_declared_are_refused_at_once(made):
    for image, message in (
        ({"dtype": "uint8"}, "type of the input: float32, by the spec uint8"),
        ({"others": {"mask": 1}}, "input.others: 'mask' is no input, allowed are image"),
        ({"others": {"image": 1}}, "has the inputs image, allowed is one, the image, beside"),
        ({"batch": False}, "cannot be run: .*rank"),
        ({"layout": "channels_last"}, "cannot be run: .*dimensions"),
    ):
        with pytest.raises(NetworkError, match=message):
            made(EACH, BOXES, image=image)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"outputs": YOLO | {"columns": "xywh"}},
            "outputs.rows.columns: Input should be 'classes'",
        ),
        (
            {"outputs": YOLO | {"strides": [8], "scale": "relative"}},
            "outputs.rows: with strides corn",
        ),
        (
            {"outputs": YOLO | {"strides": [8], "corners": "ltrb"}},
            "outputs.rows: with strides corner",
        ),
        ({"outputs": SSD}, "outputs.boxes.scale: Field required"),
        (
            {"outputs": EACH | {"corners": "xyxy"}},
            "outputs.boxes.corners: Input should be 'ltrb', ",
        ),
        (
            {"outputs": EACH | {"first_class": -1}},
            "outputs.boxes.first_class: Input should be great",
        ),
        (
            {"outputs": EACH | {"classes": "c", "logits": "softmax"}},
            "outputs.boxes: with classes a box has one score",
        ),
        (
            {"outputs": EACH | {"logits": "softmax"}, "classes": ["face"]},
            "document: outputs.logits: softmax of one class is always 1, use sigmoid",
        ),
        ({"classes": ["a", "N/A", "N/A", "a"]}, "classes: 'a' is there twice, only N/A may be"),
        ({"classes": ["N/A"]}, "classes: all are N/A, at least one must have a name"),
        (
            {"input": {"height": 64, "width": 64, "dtype": "uint8", "mean": [1, 1, 1]}},
            "input: dtype uint8 takes 0 to 255 as they are",
        ),
        (
            {"input": {"height": 64, "width": 64, "dtype": "int8"}},
            "input.dtype: Input should be 'fl",
        ),
    ],
)
def test_descriptions_that_cannot_be_name_their_key(tmp_path, made, change, message):
    made(EACH, BOXES)
    path = tmp_path / "spec.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | change))
    with pytest.raises(NetworkError) as refused:
        read_spec(path)
    assert str(refused.value).startswith(f"spec {path}: {message}")
    assert "\n" not in str(refused.value)


def test_what_unsure_boxes_hold_is_not_looked_at(made):
    tensors = ONES | {"s": np.float32([[0.1] * 8]), "c": 7 * ONES["c"]}
    detector = made(SSD | {"scale": "pixels"}, tensors)
    assert len(detector.detect(np.zeros((60, 90, 3), dtype=np.uint8))) == 0


FITTING = {
    "yolov8": {"output0": np.zeros((1, 84, 8400), np.float32)},
    "ssd": {
        "bboxes": np.zeros((1, 200, 4), np.float32),
        "labels": np.ones((1, 200), np.int64),
        "scores": np.zeros((1, 200), np.float32),
    },
}


@pytest.mark.parametrize("name", FITTING)
def test_the_examples_of_the_documentation_fit_the_graphs_that_they_name(tmp_path, name):
    page = (Path(__file__).parents[3] / "docs" / "tracking.md").read_text(encoding="utf-8")
    (example,) = re.findall(rf"```yaml\n(# {name}\.yaml.*?)```", page, re.DOTALL)
    spec = tmp_path / f"{name}.yaml"
    spec.write_text(example)
    taken = read_spec(spec).input
    graph = constant_graph(FITTING[name], (1, 3, taken.height, taken.width))
    (tmp_path / "toy.onnx").write_bytes(graph)
    assert OnnxDetector(spec, tmp_path / "toy.onnx").classes == coco.NAMES
