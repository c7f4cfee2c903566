"""YOLOv3 from the files of Darknet, through OpenCV."""

import struct
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from brainray.errors import NetworkError
from brainray.networks.detectors import coco
from brainray.networks.detectors.candidates import Candidates
from brainray.networks.detectors.interface import Detector, Found
from brainray.networks.detectors.labels import indices_of
from brainray.networks.detectors.opencv import opencv
from brainray.networks.detectors.preprocessing import prepare
from brainray.networks.detectors.spec import Input, Share
from brainray.networks.detectors.suppression import suppress
from brainray.networks.detectors.weights import Sha256, local_file
from brainray.shapes import Array, FloatArray, IntArray

GREY = 128
"""What Darknet fills a letterbox with."""
Sections = list[tuple[str, dict[str, str]]]


class YoloV3(Detector):
    """A network of Darknet with YOLO layers (Redmon and Farhadi, YOLOv3, 2018).

    A score is the product of the confidence that there is an object and that of its class.

    Args:
        config: Darknet's ``.cfg``.
        weights: file or URL of Darknet's ``.weights``.
        sha256: that the file of the weights must have.
        names: of the classes, in the order of the network; default: COCO's, if it has 80.
        min_score: from which on something counts as found.
        overlap: IoU above which the surer of two boxes of a class is kept alone.
        classes: names of what to look for; default: all that it knows.
        most: objects in an image; the surest are kept.
        fit: ``letterbox`` as Darknet itself does, or ``stretch`` an image to the network's size.

    Raises:
        NetworkError: OpenCV is not installed, a file cannot be used, they do not belong together,
            or it has no such class.
    """

    tags = ("one-stage",)

    def __init__(
        self,
        config: str | Path,
        weights: str | Path,
        sha256: Sha256 | None = None,
        names: Annotated[list[str], Field(min_length=1)] | None = None,
        min_score: Share = 0.5,
        overlap: Share = 0.45,
        classes: list[str] | None = None,
        most: Annotated[int, Field(ge=1, le=1000)] = 300,
        fit: Literal["letterbox", "stretch"] = "letterbox",
    ) -> None:
        self._cv2 = opencv("yolov3")
        sections = read_config(Path(config))
        self.classes = _classes(Path(config), sections, names)
        self._wanted_C = indices_of(classes, self.classes)
        self._input = _input(Path(config), sections, fit)
        self._min_score, self._overlap, self._most = min_score, overlap, most
        self._net = self._read(Path(config), local_file(weights, sha256), weights)
        self._outputs = self._net.getUnconnectedOutLayersNames()
        self._turn = threading.Lock()  # a net of OpenCV keeps what it computes in itself

    def _detect(self, image_HWC: Array) -> Found:
        prepared, placement = prepare(image_HWC, self._input)
        with self._turn:
            self._net.setInput(prepared)
            outputs = self._net.forward(self._outputs)
            found = decode(outputs, self._input, self._wanted_C, self._min_score)
        kept = suppress(found.boxes_K4, found.scores_K, found.classes_K, self._overlap)
        kept = kept[: self._most]
        boxes_M4 = placement.to_image(found.boxes_K4[kept])
        return Found(boxes_M4, found.scores_K[kept], found.classes_K[kept])

    def _read(self, config: Path, path: Path, weights: str | Path) -> Any:
        try:
            with path.open("rb") as file:
                header = file.read(12)
            bytes_there = path.stat().st_size
        except OSError as error:
            raise NetworkError(f"weights {weights}: cannot be read: {error.strerror}") from error
        try:
            net = self._cv2.dnn.readNetFromDarknet(str(config), str(path))
        except self._cv2.error as error:
            reason = " ".join(str(error).split())[:300]
            raise NetworkError(
                f"config {config}, weights {weights}: cannot be read: {reason}"
            ) from error
        # OpenCV takes what is missing of a file for zeros, and leaves alone what is too much.
        needed = _header_bytes(header) + 4 * _parameters(net)
        if bytes_there != needed:
            raise NetworkError(
                f"weights {weights}: has {bytes_there} bytes, of the network of {config} {needed}"
            )
        return net


def decode(
    outputs: Sequence[FloatArray], wanted: Input, wanted_C: IntArray, min_score: float
) -> Candidates:
    """Return the candidates of YOLO layers as OpenCV computes them.

    Args:
        outputs: of each layer, `(K, 5 + C)`: middle, width and height as shares of the input's
            sides, the confidence in an object, and for each class its product with that of the
            class.
        wanted: the input, for its size.
        wanted_C: rising indices of classes; others are not looked at.
        min_score: of a candidate.
    """
    rows_KF = np.concatenate(outputs).astype(np.float64)
    scores_KC = rows_KF[:, 5 + wanted_C]
    row_N, of_wanted_N = np.nonzero((scores_KC >= min_score) & (scores_KC > 0))
    middle_N4 = rows_KF[row_N, :4] * ([wanted.width, wanted.height] * 2)
    half_N2 = middle_N4[:, 2:] / 2
    boxes_N4 = np.column_stack([middle_N4[:, :2] - half_N2, middle_N4[:, :2] + half_N2])
    return Candidates(boxes_N4, scores_KC[row_N, of_wanted_N], wanted_C[of_wanted_N])


def read_config(path: Path) -> Sections:
    """Read the sections of a ``.cfg`` in their order: of each its kind and its keys.

    Raises:
        NetworkError: it cannot be read, or a line is neither a section nor ``key=value``.
    """
    sections: Sections = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise NetworkError(f"config {path}: cannot be read: {error}") from error
    for number, line in enumerate(lines, 1):
        line = line.partition("#")[0].strip()
        key, equals, value = line.partition("=")
        if line.startswith("[") and line.endswith("]"):
            sections.append((line[1:-1], {}))
        elif sections and equals:
            sections[-1][1][key.strip()] = value.strip()
        elif line:
            raise NetworkError(
                f"config {path}: line {number}: {line[:60]!r} must be [section] or key=value"
            )
    return sections


def _input(path: Path, sections: Sections, fit: Literal["letterbox", "stretch"]) -> Input:
    """Return what the network takes: RGB, 0 to 1."""
    if not sections or sections[0][0] not in ("net", "network"):
        raise NetworkError(f"config {path}: must begin with [net]")
    net = sections[0][1]
    height, width = (_number(path, net, key, 16, 4096) for key in ("height", "width"))
    scale = (255.0, 255.0, 255.0)
    return Input(height=height, width=width, fit=fit, deviation=scale, fill=GREY)


def _classes(path: Path, sections: Sections, names: Sequence[str] | None) -> tuple[str, ...]:
    counts = {
        _number(path, keys, "classes", 1, 100_000) for kind, keys in sections if kind == "yolo"
    }
    if len(counts) != 1:
        raise NetworkError(f"config {path}: must have [yolo] sections of the same classes")
    (count,) = counts
    known = tuple(coco.NAMES if names is None else names)
    if len(known) != count:
        raise NetworkError(f"names: are {len(known)}, config {path} has {count} classes")
    return known


def _number(path: Path, keys: dict[str, str], key: str, low: int, high: int) -> int:
    text = keys.get(key, "missing")
    if not text.isdecimal() or not low <= int(text) <= high:
        raise NetworkError(f"config {path}: {key}: {text}, must be {low} to {high}")
    return int(text)


def _header_bytes(header: bytes) -> int:
    """Return the length of what precedes the numbers: version, and how many images were seen."""
    if len(header) < 12:
        return 12
    major, minor, _ = struct.unpack("<3i", header)
    return 20 if 10 * major + minor >= 2 else 16


def _parameters(net: Any) -> int:
    """Return how many numbers a net has learned; anchors of YOLO layers are in the ``.cfg``."""
    layers = (net.getLayer(net.getLayerId(name)) for name in net.getLayerNames())
    return sum(blob.size for layer in layers if layer.type != "Region" for blob in layer.blobs)
