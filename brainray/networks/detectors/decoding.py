"""From the outputs of a network to candidates: boxes in pixels of its input, before suppression.

Each function takes the outputs as ONNX Runtime gives them and which classes are wanted, and raises
`NetworkError` where their shapes are not those that it takes.
"""

from collections.abc import Sequence

import numpy as np
from scipy.special import softmax

from brainray.networks.detectors import tables
from brainray.networks.detectors.candidates import Candidates, expect
from brainray.networks.detectors.interface import Floats
from brainray.networks.detectors.spec import (
    BoxesOutputs,
    CenterNetOutputs,
    DetectorSpec,
    NanoDetOutputs,
    RowsOutputs,
)
from brainray.shapes import Array, IntArray


def decode(
    outputs: Sequence[Array], spec: DetectorSpec, wanted_C: IntArray, min_score: float
) -> Candidates:
    """Return the candidates that outputs mean.

    Args:
        outputs: of one image, those that the kind names in the order of its names, or all.
        spec: says their kind.
        wanted_C: rising indices of classes; others are not looked at.
        min_score: of a candidate.

    Raises:
        NetworkError: the outputs do not have the shapes of the kind, or hold what it does not say.
    """
    match spec.outputs:
        case NanoDetOutputs() as kind:
            return nanodet(outputs, spec, kind, wanted_C, min_score)
        case CenterNetOutputs() as kind:
            return centernet(outputs, spec, kind, wanted_C, min_score)
        case BoxesOutputs() as kind:
            return tables.boxes(outputs, spec, kind, wanted_C, min_score)
        case RowsOutputs() as kind:
            return tables.rows(outputs, spec, kind, wanted_C, min_score)


def nanodet(
    outputs: Sequence[Array],
    spec: DetectorSpec,
    kind: NanoDetOutputs,
    wanted_C: IntArray,
    min_score: float,
) -> Candidates:
    """Decode distance distributions (Li et al., Generalized Focal Loss, 2020, equation 5).

    A cell's distance to a side of the box is the mean of a distribution over 0 to bins - 1
    strides; it counts from the middle of the cell.
    """
    expect("count of outputs", len(outputs), 2 * len(kind.strides))
    boxes, scores, classes = [], [], []
    for stride, scores_1NC, sides_1ND in zip(
        kind.strides, outputs[::2], outputs[1::2], strict=True
    ):
        columns = -(-spec.input.width // stride)
        cells = columns * -(-spec.input.height // stride)
        expect(f"scores at stride {stride}", scores_1NC.shape, (1, cells, len(spec.classes)))
        bins = sides_1ND.shape[-1] // 4
        expect(f"distances at stride {stride}", sides_1ND.shape, (1, cells, 4 * max(2, bins)))
        cell_K, of_wanted_K = np.nonzero(scores_1NC[0][:, wanted_C] >= min_score)
        class_K = wanted_C[of_wanted_K]
        share_K4B: Floats = softmax(
            sides_1ND[0, cell_K].reshape(-1, 4, bins).astype(np.float64), axis=2
        )
        distance_K4: Floats = share_K4B @ np.arange(bins, dtype=np.float64) * stride
        cells_K2 = np.column_stack([cell_K % columns, cell_K // columns]).astype(np.float64)
        center_K2: Floats = (cells_K2 + 0.5) * stride
        boxes.append(_around(center_K2, distance_K4))
        scores.append(scores_1NC[0, cell_K, class_K])
        classes.append(class_K)
    return Candidates(
        np.concatenate(boxes), np.concatenate(scores).astype(np.float64), np.concatenate(classes)
    )


def centernet(
    outputs: Sequence[Array],
    spec: DetectorSpec,
    kind: CenterNetOutputs,
    wanted_C: IntArray,
    min_score: float,
) -> Candidates:
    """Decode peaks of a heat map (Zhou et al., Objects as Points, 2019, section 3.1).

    A peak is a place where no neighbor of the eight is higher. Sides of the box are distances
    from it, as TTFNet (Liu et al., 2020) has them, so that no offset is needed.
    """
    expect("count of outputs", len(outputs), 2)
    rows, columns = (-(-side // kind.stride) for side in (spec.input.height, spec.input.width))
    heat_1HWC, sides_1HW4 = outputs
    expect("heat map", heat_1HWC.shape, (1, rows, columns, len(spec.classes)))
    expect("distances", sides_1HW4.shape, (1, rows, columns, 4))
    heat_HWC = heat_1HWC[0][:, :, wanted_C]
    around_HWC = np.pad(heat_HWC, ((1, 1), (1, 1), (0, 0)), constant_values=-np.inf)
    row_K, column_K, of_wanted_K = np.nonzero(heat_HWC >= min_score)
    score_K = heat_HWC[row_K, column_K, of_wanted_K]
    highest_K = np.max(
        [
            around_HWC[row_K + down, column_K + right, of_wanted_K]
            for down in range(3)
            for right in range(3)
        ],
        axis=0,
    )
    peak_K = score_K >= highest_K
    row_K, column_K = row_K[peak_K], column_K[peak_K]
    center_K2 = np.column_stack([column_K, row_K]) * float(kind.stride)
    distance_K4 = sides_1HW4[0, row_K, column_K].astype(np.float64)
    return Candidates(
        _around(center_K2, distance_K4),
        score_K[peak_K].astype(np.float64),
        wanted_C[of_wanted_K[peak_K]],
    )


def _around(center_K2: Floats, distance_K4: Floats) -> Floats:
    return np.column_stack([center_K2 - distance_K4[:, :2], center_K2 + distance_K4[:, 2:]])
