"""The two general kinds of ONNX detectors, against what plain formulas give, box by box."""

from typing import Any

import numpy as np
import pytest
import yaml

from brainray.errors import NetworkError
from brainray.networks.detectors.interface import Found
from brainray.networks.detectors.onnx_detector import OnnxDetector
from brainray.seeding import numpy_generator
from brainray.testing.graphs import bright_cells_graph

HEIGHT, WIDTH = 64, 96
"""Of the networks' inputs."""
IMAGE = np.zeros((60, 120, 3), dtype=np.uint8)
PLACES = {
    "stretch": (0.8, 64 / 60, 0, 0),
    "letterbox": (0.8, 0.8, 0, 8),
    "corner": (0.8, 0.8, 0, 0),
}
"""Of `IMAGE` in an input: scales and offsets, right and down."""
TRUTH = [[10.0, 5, 30, 25], [60, 10, 100, 50], [0, 40, 20, 60], [110, 0, 120, 60]]
FORMS = {
    "ltrb": lambda left, top, right, bottom: [left, top, right, bottom],
    "tlbr": lambda left, top, right, bottom: [top, left, bottom, right],
    "ltwh": lambda left, top, right, bottom: [left, top, right - left, bottom - top],
    "cxcywh": lambda left, top, right, bottom: [
        (left + right) / 2,
        (top + bottom) / 2,
        right - left,
        bottom - top,
    ],
}
SCALES = ("pixels", "relative")


def written(fit: str, corners: str, scale: str) -> np.ndarray:
    """Return `TRUTH` as a network says it."""
    scale_x, scale_y, beside, above = PLACES[fit]
    boxes = []
    for left, top, right, bottom in TRUTH:
        xs = [side * scale_x + beside for side in (left, right)]
        ys = [side * scale_y + above for side in (top, bottom)]
        if scale == "relative":
            xs, ys = [x / WIDTH for x in xs], [y / HEIGHT for y in ys]
        boxes.append(FORMS[corners](xs[0], ys[0], xs[1], ys[1]))
    return np.float32(boxes)


def same(found: Found, rows: list[int], scores: list[float], classes: list[int]) -> None:
    """Compare what is found with boxes of `TRUTH`, surest first."""
    np.testing.assert_allclose(found.boxes_M4, np.array(TRUTH)[rows].reshape(-1, 4), atol=1e-4)
    np.testing.assert_allclose(found.scores_M, scores, atol=1e-6)
    assert found.classes_M.tolist() == classes


SSD = {"kind": "boxes", "boxes": "b", "scores": "s", "classes": "c", "corners": "ltrb"}


@pytest.mark.parametrize("corners", FORMS)
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("fit", PLACES)
def test_boxes_of_every_form_come_back_in_pixels_of_the_image(made, corners, scale, fit):
    boxes = written(fit, corners, scale)
    scores, classes = np.float32([0.5, 0.9, 0.2, 0.7]), np.int64([1, 3, 1, 2])
    outputs = SSD | {"corners": corners, "scale": scale, "first_class": 1}
    tensors = {"b": boxes, "s": scores, "c": classes}
    found = made(outputs, tensors, image={"fit": fit}).detect(IMAGE)
    same(found, [1, 3, 0], [0.9, 0.7, 0.5], [2, 1, 0])
    rows = np.column_stack([boxes, scores, classes - 1]).astype(np.float32)
    outputs = {"kind": "rows", "columns": "score_class", "corners": corners, "scale": scale}
    found = made(outputs, {"rows": rows[None]}, image={"fit": fit}).detect(IMAGE)
    same(found, [1, 3, 0], [0.9, 0.7, 0.5], [2, 1, 0])


def test_boxes_end_at_the_border_of_the_image(made):
    boxes = np.float32([[-0.5, 0.5, 0.5, 2], [1.1, 0, 1.2, 1]])
    tensors = {"b": boxes, "s": np.float32([0.9, 0.9]), "c": np.float32([0, 0])}
    found = made(SSD | {"scale": "relative"}, tensors).detect(IMAGE)
    np.testing.assert_allclose(found.boxes_M4, [[0, 30, 60, 60]])


def test_tensorflow_counts_its_rows_and_numbers_classes_with_gaps(made):
    """As detection_boxes, detection_classes, detection_scores and num_detections do."""
    tensors = {
        "b": written("stretch", "tlbr", "relative")[None],
        "s": np.float32([[0.9, 0.8, 0.7, 0.9]]),
        "c": np.float32([[3, 0, 2, np.nan]]),
        "n": np.float32([3]),
    }
    outputs = SSD | {"count": "n", "corners": "tlbr", "scale": "relative", "first_class": 1}
    classes = ["person", "N/A", "dog"]
    detector = made(outputs, tensors, classes)
    assert detector.classes == ("person", "dog")
    same(detector.detect(IMAGE), [0], [0.9], [1])  # 0 is background, 2 no class
    assert len(made(outputs, tensors, classes, classes=["person"]).detect(IMAGE)) == 0
    tensors["n"] = np.array(0, dtype=np.int64)
    assert len(made(outputs, tensors, classes).detect(IMAGE)) == 0


EACH = {"kind": "boxes", "boxes": "b", "scores": "s", "corners": "ltrb", "scale": "pixels"}


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("logits", [None, "sigmoid", "softmax"])
def test_scores_of_each_class_are_read_in_every_form(made, transposed, batch, logits):
    given = numpy_generator(0, "scores").uniform(0, 1, (4, 4))  # the first column is background
    if logits:
        given = 8 * given - 4
    expected = []
    for row, numbers in enumerate(given.tolist()):
        total = sum(np.exp(number) for number in numbers)
        for column, number in enumerate(numbers):
            score = number
            if logits == "sigmoid":
                score = 1 / (1 + np.exp(-number))
            if logits == "softmax":
                score = np.exp(number) / total
            if column > 0 and score >= 0.3:
                expected.append((score, row, column - 1))
    scores = np.float32(given.T if transposed else given)
    boxes = written("stretch", "ltrb", "pixels")
    tensors = {"b": boxes, "s": scores[None] if batch else scores, "other": boxes}
    outputs = EACH | {"first_class": 1, "transposed": transposed, "logits": logits}
    found = made(outputs, tensors).detect(IMAGE)
    scores, rows, classes = zip(*sorted(expected, reverse=True), strict=True)
    assert len(expected) >= 3
    same(found, list(rows), list(scores), list(classes))


def test_a_detr_has_its_background_last(made):
    shares = [[0.05, 0.8, 0.15], [0.1, 0.2, 0.7], [0.6, 0.1, 0.3], [0.02, 0.08, 0.9]]
    outputs = EACH | {"corners": "cxcywh", "scale": "relative", "logits": "softmax"}
    tensors = {
        "b": written("stretch", "cxcywh", "relative")[None],
        "s": np.log(np.float32(shares))[None] + 5,
    }
    found = made(outputs, tensors, ["person", "car", "N/A"]).detect(IMAGE)
    same(found, [0, 2], [0.8, 0.6], [1, 0])


def test_one_class_needs_no_column_of_its_own(made):
    boxes, scores = written("stretch", "ltrb", "pixels"), np.float16([0.25, 0.5, 0.75, 0])
    for form in (scores, scores[None], scores[:, None], scores[None, :, None]):
        found = made(EACH, {"b": boxes, "s": form}, ["face"]).detect(IMAGE)
        same(found, [2, 1], [0.75, 0.5], [0, 0])
    empty = {"b": np.empty((0, 4), np.float32), "s": np.empty(0, np.float32)}
    assert len(made(EACH, empty, ["face"]).detect(IMAGE)) == 0


def kept_by_hand(boxes: list[Any], scores: list[Any], overlap: float) -> list[tuple[Any, ...]]:
    """Return score, row and class of what stays, class by class, without arrays."""
    kept = []
    for number in range(len(scores[0])):
        rows = sorted(range(len(boxes)), key=lambda row: -scores[row][number])
        stays: list[int] = []
        for row in rows:
            if scores[row][number] < 0.3:
                break
            shares = []
            for other in stays:
                a, b = boxes[row], boxes[other]
                across = max(0, min(a[2], b[2]) - max(a[0], b[0]))
                both = across * max(0, min(a[3], b[3]) - max(a[1], b[1]))
                sizes = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
                shares.append(both / (sum(sizes) - both))
            if all(share <= overlap for share in shares):
                stays.append(row)
        kept += [(scores[row][number], row, number) for row in stays]
    return sorted(kept, reverse=True)


@pytest.mark.parametrize("columns", ["classes", "objectness_classes"])
@pytest.mark.parametrize("transposed", [False, True])
def test_rows_of_yolo_are_multiplied_and_suppressed(made, columns, transposed):
    generator = numpy_generator(0, "rows")
    middles = generator.uniform([20, 20], [70, 40], (60, 2))
    sizes = generator.uniform(10, 30, (60, 2))
    scores = generator.uniform(0, 1, (60, 3))
    objectness = generator.uniform(0, 1, (60, 1))
    parts = [middles, sizes, scores]
    if columns == "objectness_classes":
        parts = [middles, sizes, objectness, scores]
        scores = scores * objectness
    rows = np.float32(np.concatenate(parts, axis=1))
    outputs = {"kind": "rows", "columns": columns, "transposed": transposed}
    tensors = {"output0": rows.T[None] if transposed else rows[None]}
    detector = made(outputs, tensors, image={"fit": "letterbox"}, overlap=0.4)
    found = detector.detect(IMAGE)
    low, high = middles - sizes / 2, middles + sizes / 2
    expected = kept_by_hand(np.hstack([low, high]).tolist(), scores.tolist(), 0.4)
    assert 10 < len(expected) < (scores >= 0.3).sum()
    in_image = (np.hstack([low, high]) - [0, 8, 0, 8]) / 0.8
    rows_M = [row for _, row, _ in expected]
    np.testing.assert_allclose(found.scores_M, [score for score, _, _ in expected], atol=1e-6)
    np.testing.assert_allclose(
        found.boxes_M4, in_image[rows_M].clip(0, [120, 60, 120, 60]), atol=1e-3
    )
    assert found.classes_M.tolist() == [number for _, _, number in expected]


def test_rows_of_cells_are_moved_to_their_places(made):
    """As those of YOLOX, and with logits as some heads leave them."""
    rows = np.zeros((1, 8 * 12 + 4 * 6, 5), np.float32)
    rows[..., 4] = -9
    rows[0, 1 * 12 + 3] = [0.5, 0.25, np.log(2), np.log(3), 2]  # stride 8: row 1, column 3
    rows[0, 96 + 2 * 6 + 4] = [-0.5, 0.5, 0, np.log(0.5), 1]  # stride 16: row 2, column 4
    outputs = {"kind": "rows", "columns": "classes", "strides": [8, 16], "logits": "sigmoid"}
    detector = made(outputs, {"o": rows}, ["person"])
    found = detector.detect(np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8))
    around = [[28 - 8, 10 - 12, 28 + 8, 10 + 12], [56 - 8, 40 - 4, 56 + 8, 40 + 4]]
    np.testing.assert_allclose(found.boxes_M4, np.maximum(around, 0), atol=1e-4)
    np.testing.assert_allclose(found.scores_M, [1 / (1 + np.exp(-2)), 1 / (1 + np.exp(-1))])
    rows[0, 5] = [0, 0, 1000, 0, 0]
    with pytest.raises(NetworkError, match=r"weights .*toy.onnx: boxes: some are not finite"):
        made(outputs, {"o": rows}, ["person"])


@pytest.mark.parametrize("dtype", ["float32", "float16", "uint8"])
@pytest.mark.parametrize("batch", [False, True])
def test_a_graph_finds_what_is_bright_in_any_type_of_numbers(tmp_path, dtype, batch):
    spec = {
        "tags": ["one-stage"],
        "input": {
            "height": 64,
            "width": 64,
            "fit": "letterbox",
            "layout": "channels_last",
            "fill": 0,
            "dtype": dtype,
            "batch": batch,
        },
        "outputs": {"kind": "rows", "columns": "classes", "strides": [16]},
        "min_score": 0.5,
        "overlap": 0.5,
        "classes": ["light"],
    }
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(spec))
    (tmp_path / "toy.onnx").write_bytes(bright_cells_graph(64, 16, dtype, batch))
    image = np.zeros((64, 128, 3), dtype=np.uint8)
    image[30:66, 62:98] = 200  # cell in row 2, column 2 of the input, with a margin
    found = OnnxDetector(tmp_path / "spec.yaml", tmp_path / "toy.onnx").detect(image)
    np.testing.assert_allclose(found.boxes_M4, [[64, 32, 96, 64]])
    np.testing.assert_allclose(found.scores_M, [200 / 255], atol=1e-3)


def test_other_inputs_get_their_numbers(made):
    boxes = written("stretch", "ltrb", "pixels")
    tensors = {"b": boxes, "s": np.float32([0.5, 0.9, 0.2, 0.7]), "c": np.int64([0, 1, 0, 2])}
    outputs = SSD | {"scale": "pixels", "count": "other rows"}
    others = {"rows": ["n", 1], "mask": [1, 64, 64]}
    for count in (1, 3):
        image = {"others": {"rows": count, "mask": 1}}
        found = made(outputs, tensors, image=image, others=others).detect(IMAGE)
        assert len(found) == min(count, 2)  # the third is not sure enough
    with pytest.raises(NetworkError, match="has the inputs image, rows, mask, allowed is one"):
        made(outputs, tensors, image={"others": {"rows": 1}}, others=others)
