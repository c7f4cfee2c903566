"""The two general kinds of outputs: finished boxes in tensors of their own, and rows of boxes.

Letters of shapes: N boxes, K candidates among them, C classes.
"""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
from scipy.special import expit, softmax

from brainray.errors import NetworkError
from brainray.networks.detectors.candidates import Candidates, expect
from brainray.networks.detectors.interface import Floats
from brainray.networks.detectors.spec import (
    BoxesOutputs,
    Corners,
    DetectorSpec,
    Input,
    RowsOutputs,
    Scale,
)
from brainray.shapes import Array, FloatArray, IntArray

SLACK = 1e-3
"""By which rounding may take a probability out of 0 to 1; half precision has three digits."""
Chosen: TypeAlias = tuple[IntArray, FloatArray, IntArray]
"""Of each candidate the row, the score and the class."""


def boxes(
    outputs: Sequence[Array],
    spec: DetectorSpec,
    kind: BoxesOutputs,
    wanted_C: IntArray,
    min_score: float,
) -> Candidates:
    """Read finished boxes: SSD, Faster R-CNN, DETR and what else has its decoder in the graph."""
    given = dict(zip(kind.names, outputs, strict=True))
    boxes_N4 = _table("boxes", given["boxes"], 4)
    columns = kind.first_class + len(spec.classes)
    if "classes" in given:
        scores_N, numbers_N = (_column(key, given[key]) for key in ("scores", "classes"))
        expect("count of classes", len(numbers_N), len(boxes_N4))
        scores_NC = scores_N[:, None]
    elif columns == 1 and given["scores"].shape in ((len(boxes_N4),), (1, len(boxes_N4))):
        scores_NC = given["scores"].reshape(-1, 1)  # of the only class, as some exports have it
    else:
        scores_NC = _table("scores", given["scores"], columns, kind.transposed)
    expect("count of scores", len(scores_NC), len(boxes_N4))
    valid = _valid(given["count"], len(boxes_N4)) if "count" in given else len(boxes_N4)
    scores_NC = _probabilities(scores_NC[:valid], kind.logits)
    if "classes" in given:
        chosen = _of_one(
            scores_NC[:, 0], numbers_N[:valid], kind.first_class, spec, wanted_C, min_score
        )
    else:
        chosen = _of_each(scores_NC[:, kind.first_class :], wanted_C, min_score)
    boxes_K4 = boxes_N4[chosen[0]].astype(np.float64)
    return _candidates(boxes_K4, chosen, kind.corners, kind.scale, spec.input)


def rows(
    outputs: Sequence[Array],
    spec: DetectorSpec,
    kind: RowsOutputs,
    wanted_C: IntArray,
    min_score: float,
) -> Candidates:
    """Read rows of boxes and their scores: YOLO from version 3 on.

    A score is the product of the confidence that there is an object and that of its class (Redmon
    et al., You Only Look Once, 2016, equation 1). Boxes of cells are those of YOLOX (Ge et al.,
    2021, section 2.2).
    """
    classes = len(spec.classes)
    after = {"classes": classes, "objectness_classes": 1 + classes, "score_class": 2}
    rows_NF = _table("rows", outputs[0], 4 + after[kind.columns], kind.transposed)
    cells_N3 = _cells(kind.strides, spec.input)
    if kind.strides:
        expect("count of rows", len(rows_NF), len(cells_N3))
    if kind.columns == "score_class":
        scores_N1 = _probabilities(rows_NF[:, 4:5], kind.logits)
        chosen = _of_one(scores_N1[:, 0], rows_NF[:, 5], 0, spec, wanted_C, min_score)
    else:
        scores_NF = _probabilities(rows_NF[:, 4:], kind.logits)
        if kind.columns == "objectness_classes":
            scores_NF = scores_NF[:, :1] * scores_NF[:, 1:]
        chosen = _of_each(scores_NF, wanted_C, min_score)
    boxes_K4 = rows_NF[chosen[0], :4].astype(np.float64)
    if kind.strides:
        cells_K3 = cells_N3[chosen[0]]
        with np.errstate(over="ignore"):  # what is not finite is refused below
            boxes_K4 = np.column_stack([boxes_K4[:, :2] + cells_K3[:, :2], np.exp(boxes_K4[:, 2:])])
        boxes_K4 *= cells_K3[:, 2:]
    return _candidates(boxes_K4, chosen, kind.corners, kind.scale, spec.input)


def to_pixels(boxes_K4: Floats, corners: Corners, scale: Scale, taken: Input) -> Floats:
    """Return boxes as left, top, right, bottom in pixels of the network's input.

    Args:
        boxes_K4: their four numbers.
        corners: what the numbers are.
        scale: ``pixels``, or ``relative`` to the sides of the input.
        taken: the input, for its size.
    """
    first_K2, second_K2 = boxes_K4[:, :2], boxes_K4[:, 2:]
    match corners:
        case "ltrb":
            low_K2, high_K2 = first_K2, second_K2
        case "tlbr":
            low_K2, high_K2 = first_K2[:, ::-1], second_K2[:, ::-1]
        case "ltwh":
            low_K2, high_K2 = first_K2, first_K2 + second_K2
        case "cxcywh":
            low_K2, high_K2 = first_K2 - second_K2 / 2, first_K2 + second_K2 / 2
    pixels_K4: Floats = np.column_stack([low_K2, high_K2])
    return pixels_K4 * ([taken.width, taken.height] * 2) if scale == "relative" else pixels_K4


def _candidates(
    boxes_K4: Floats, chosen: Chosen, corners: Corners, scale: Scale, taken: Input
) -> Candidates:
    if not np.isfinite(boxes_K4).all():
        raise NetworkError("boxes: some are not finite")
    _, scores_K, classes_K = chosen
    return Candidates(
        to_pixels(boxes_K4, corners, scale, taken),
        scores_K.astype(np.float64).clip(0, 1),
        classes_K,
    )


def _of_each(scores_NC: FloatArray, wanted_C: IntArray, min_score: float) -> Chosen:
    """Choose among scores of each box and class."""
    row_K, of_wanted_K = np.nonzero(scores_NC[:, wanted_C] >= min_score)
    classes_K = wanted_C[of_wanted_K]
    return row_K, scores_NC[row_K, classes_K], classes_K


def _of_one(
    scores_N: FloatArray,
    numbers_N: Array,
    first_class: int,
    spec: DetectorSpec,
    wanted_C: IntArray,
    min_score: float,
) -> Chosen:
    """Choose among boxes of one class each; a number below the first one is background."""
    (row_K,) = np.nonzero(scores_N >= min_score)  # what others hold may mean nothing
    last = first_class + len(spec.classes) - 1
    for number in np.unique(numbers_N[row_K]).tolist():
        if not float(number).is_integer() or number > last:
            raise NetworkError(f"classes: {number:g}, by the spec {first_class} to {last}")
    classes_K = numbers_N[row_K].astype(np.int64) - first_class
    wanted_K = np.isin(classes_K, wanted_C)
    return row_K[wanted_K], scores_N[row_K[wanted_K]], classes_K[wanted_K]


def _probabilities(scores_NC: Array, logits: Literal["sigmoid", "softmax"] | None) -> FloatArray:
    """Return scores as probabilities; what lies outside of 0 to 1 is refused."""
    shares_NC: FloatArray = scores_NC.astype(np.float32, copy=False)
    if logits == "sigmoid":
        shares_NC = expit(shares_NC)
    elif logits == "softmax":
        shares_NC = softmax(shares_NC, axis=1)
    if shares_NC.size:
        low, high = float(shares_NC.min()), float(shares_NC.max())
        if not (low >= -SLACK and high <= 1 + SLACK):  # also if they are not numbers
            advice = "" if logits else "; if they are logits, outputs.logits must say so"
            raise NetworkError(f"scores: {low:.4g} to {high:.4g}, allowed is 0 to 1{advice}")
    return shares_NC


def _cells(strides: Sequence[int], taken: Input) -> Floats:
    """Return column, row and stride of each cell, `(N, 3)`, row by row and stride by stride."""
    cells_N3 = [np.empty((0, 3))]
    for stride in strides:
        columns, rows = -(-taken.width // stride), -(-taken.height // stride)
        row_N, column_N = np.divmod(np.arange(rows * columns), columns)
        cells_N3.append(np.column_stack([column_N, row_N, np.full(len(row_N), stride)]))
    return np.concatenate(cells_N3)


def _valid(count: Array, most: int) -> int:
    """Return how many rows hold boxes."""
    expect("count: numbers in it", count.size, 1)
    value = float(count.reshape(()))
    if not (value.is_integer() and 0 <= value <= most):
        raise NetworkError(f"count: {value:g}, allowed is 0 to {most}")
    return int(value)


def _table(what: str, value: Array, columns: int, transposed: bool = False) -> Array:
    """Return a tensor as `(N, columns)`."""
    flat = value[0] if value.ndim == 3 and len(value) == 1 else value
    turned = flat.T if transposed else flat
    if turned.ndim != 2 or turned.shape[1] != columns:
        allowed = f"{columns}, N" if transposed else f"N, {columns}"
        raise NetworkError(f"{what}: {value.shape}, by the spec ({allowed}) or (1, {allowed})")
    return turned


def _column(what: str, value: Array) -> Array:
    """Return a tensor as `(N,)`."""
    flat = value[0] if value.ndim == 2 and len(value) == 1 else value
    if flat.ndim != 1:
        raise NetworkError(f"{what}: {value.shape}, by the spec (N,) or (1, N)")
    return flat
