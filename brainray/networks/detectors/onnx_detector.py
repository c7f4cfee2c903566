"""Detectors in ONNX files, each with a description of its input and outputs."""

from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import onnxruntime
from pydantic import Field

from brainray.errors import NetworkError
from brainray.networks.detectors.candidates import Candidates, expect
from brainray.networks.detectors.decoding import decode
from brainray.networks.detectors.interface import Detector, Found
from brainray.networks.detectors.labels import indices_of
from brainray.networks.detectors.preprocessing import prepare
from brainray.networks.detectors.spec import (
    BoxesOutputs,
    DetectorSpec,
    RowsOutputs,
    Share,
    read_spec,
)
from brainray.networks.detectors.suppression import suppress
from brainray.networks.detectors.weights import Sha256, local_file
from brainray.shapes import Array

TYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(uint8)": "uint8",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
}
"""What NumPy calls the types of ONNX Runtime that detectors take and give."""
_NUMBERS = "a tensor of numbers"


class OnnxDetector(Detector):
    """A network in an ONNX file that finds objects.

    Args:
        spec: YAML file, see `brainray.networks.detectors.spec`.
        weights: ONNX file, or its URL.
        min_score: confidence from which on something counts as found; default: that of the spec.
        overlap: IoU above which the surer of two boxes of a class is kept alone; default: that of
            the spec.
        classes: names of what to look for; default: all that it knows.
        most: objects in an image; the surest are kept.
        threads: on which the network runs.
        sha256: that the ONNX file must have.

    Raises:
        NetworkError: a file cannot be used, they do not belong together, or it has no such class.
    """

    def __init__(
        self,
        spec: str | Path,
        weights: str | Path,
        min_score: Share | None = None,
        overlap: Share | None = None,
        classes: list[str] | None = None,
        most: Annotated[int, Field(ge=1, le=1000)] = 300,
        threads: Annotated[int, Field(ge=1, le=256)] = 1,
        sha256: Sha256 | None = None,
    ) -> None:
        self._spec = read_spec(Path(spec))
        self.tags, self.classes = self._spec.tags, tuple(self._spec.names.values())
        self._index_C = np.array(list(self._spec.names), dtype=np.int64)
        self._wanted_C = self._index_C[indices_of(classes, self.classes)]
        self._min_score = self._spec.min_score if min_score is None else min_score
        self._overlap = self._spec.overlap if overlap is None else overlap
        self._most = most
        self._session = _session(local_file(weights, sha256), threads)
        blank_HWC = np.zeros((self._spec.input.height, self._spec.input.width, 3), dtype=np.uint8)
        try:  # files that do not belong together are refused now, not at the first frame
            self._input, self._others = _inputs_of(self._session, self._spec)
            self._outputs = _outputs_of(self._session, self._spec)
            self._candidates(prepare(blank_HWC, self._spec.input)[0])
        except NetworkError as error:
            raise NetworkError(f"weights {weights}: {error}") from error

    def _detect(self, image_HWC: Array) -> Found:
        prepared, placement = prepare(image_HWC, self._spec.input)
        found = self._candidates(prepared)
        kept = suppress(found.boxes_K4, found.scores_K, found.classes_K, self._overlap)
        kept = kept[: self._most]
        boxes_M4 = placement.to_image(found.boxes_K4[kept])
        classes_M = np.searchsorted(self._index_C, found.classes_K[kept])
        return Found(boxes_M4, found.scores_K[kept], classes_M)

    def _candidates(self, prepared: Array) -> Candidates:
        try:
            outputs = self._session.run(self._outputs, {self._input: prepared, **self._others})
        except Exception as error:  # ONNX Runtime's errors have no class of their own
            raise NetworkError(f"cannot be run: {_line(error)}") from error
        return decode(outputs, self._spec, self._wanted_C, self._min_score)


def _session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # errors come as exceptions; warnings are of no use here
    try:
        return onnxruntime.InferenceSession(
            path.read_bytes(), options, providers=["CPUExecutionProvider"]
        )
    except OSError as error:
        raise NetworkError(f"weights {path}: cannot be read: {error.strerror}") from error
    except Exception as error:  # ONNX Runtime's errors have no class of their own
        raise NetworkError(f"weights {path}: cannot be opened: {_line(error)}") from error


def _inputs_of(
    session: onnxruntime.InferenceSession, spec: DetectorSpec
) -> tuple[str, dict[str, Array]]:
    """Return the name of the input that takes the image, and what each other one gets."""
    given = {one.name: one for one in session.get_inputs()}
    others = spec.input.others
    for name in others:
        if name not in given:
            raise NetworkError(
                f"input.others: {name!r} is no input, allowed are {', '.join(given)}"
            )
        if given[name].type not in TYPES:
            raise NetworkError(f"input {name!r}: {given[name].type}, allowed is {_NUMBERS}")
    free = [name for name in given if name not in others]
    if len(free) != 1:
        raise NetworkError(
            f"has the inputs {', '.join(given)}, allowed is one, the image, beside those that "
            "input.others gives a number"
        )
    expect("type of the input", TYPES.get(given[free[0]].type), spec.input.dtype)
    filled = {
        name: np.full(
            [size if isinstance(size, int) else 1 for size in given[name].shape],
            value,
            TYPES[given[name].type],
        )
        for name, value in others.items()
    }
    return free[0], filled


def _outputs_of(session: onnxruntime.InferenceSession, spec: DetectorSpec) -> list[str]:
    """Return the names of the outputs that are decoded, in the order of their keys in the spec."""
    given = {one.name: one.type for one in session.get_outputs()}
    allowed = f"allowed are {', '.join(given)}"
    kind = spec.outputs
    names = kind.names if isinstance(kind, BoxesOutputs | RowsOutputs) else {}
    for key, name in names.items():
        if name not in given:
            raise NetworkError(f"outputs.{key}: {name!r} is no output, {allowed}")
    if isinstance(kind, RowsOutputs) and not names and len(given) > 1:
        raise NetworkError(f"outputs.output: is missing, {allowed}")
    asked = list(names.values()) or list(given)
    for name in asked:
        if given[name] not in TYPES:
            raise NetworkError(f"output {name!r}: {given[name]}, allowed is {_NUMBERS}")
    return asked


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


SPECS = Path(__file__).parent
nanodet = partial(OnnxDetector, SPECS / "nanodet.yaml")
centernet = partial(OnnxDetector, SPECS / "centernet.yaml")
