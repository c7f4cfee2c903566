"""An ONNX file as a function from one prepared sample to the tensors inside the graph.

The weights stay in the file: the tensors that are wanted become outputs of the graph when it is
opened. Samples run one by one on one thread, so that what is computed for a sample never depends
on the others of its batch, and is the same for banks, training and serving.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import ModelProto

from brainray.errors import NetworkError
from brainray.networks.declared import LOGITS
from brainray.networks.onnx_file import feature_axis, fusable, read_graph
from brainray.shapes import Array

FUSED_TAPS = 4
"""How many tensors become taps where none are named: the last ones of `fusable`."""


@dataclass(frozen=True)
class Tap:
    """A tensor of a graph that can be fused.

    Attributes:
        name: of the tensor.
        shape: of one sample's, without the batch.
        axis: of the whole tensor, on which its features lie; it is averaged over all others.
    """

    name: str
    shape: tuple[int, ...]
    axis: int

    @property
    def width(self) -> int:
        """The number of features."""
        return self.shape[self.axis - 1] if self.shape else 1

    @property
    def label(self) -> str:
        """Its name as a tap; ``logits`` are those of the scenario's classes, never the graph's."""
        return f"graph.{LOGITS}" if self.name == LOGITS else self.name

    def to_json(self) -> dict[str, Any]:
        """Return it as the catalog keeps it."""
        return asdict(self) | {"shape": list(self.shape)}

    @staticmethod
    def from_json(document: Mapping[str, Any]) -> "Tap":
        """Return what `to_json` was given."""
        return Tap(document["name"], tuple(document["shape"]), document["axis"])


@dataclass(frozen=True)
class GraphInput:
    """The input that takes the prepared sample.

    Attributes:
        name: of the tensor.
        dimensions: of it with the batch; None where any size will do.
        dtype: of its numbers.
    """

    name: str
    dimensions: tuple[int | None, ...]
    dtype: np.dtype[Any]


class Graph:
    """An opened ONNX graph.

    Args:
        model: as `read_graph` returned it; it is changed: the taps become outputs.
        names: of the tensors to return, in any order; none stands for the last four that are
            fusable.
        fill: a number for every input but one, which takes the sample.

    Attributes:
        input: that takes the sample.
        filled: what the other inputs get, by name.

    Raises:
        NetworkError: a tensor or an input is not there, or ONNX Runtime cannot open the graph.
    """

    def __init__(
        self, model: ModelProto, names: Sequence[str] = (), fill: Mapping[str, float] | None = None
    ) -> None:
        known = {name: node for node in model.graph.node for name in node.output if name}
        for name in names:
            if name not in known:
                raise NetworkError(f"taps: {name!r} is no tensor of the graph")
        wanted = set(names) if names else set(fusable(model))
        self._names = [name for name in known if name in wanted]
        self._axes = {name: feature_axis(known, name) for name in self._names}
        self._chosen = bool(names)
        outputs = {output.name for output in model.graph.output}
        for name in self._names:
            if name not in outputs:
                model.graph.output.append(onnx.ValueInfoProto(name=name))
        self._session = _session(model)
        self.input, self.filled = self._inputs(fill or {})

    def run(self, sample: Array) -> dict[str, Array]:
        """Return the tensors for one prepared sample, each with a batch of 1 in front.

        Args:
            sample: without the batch.

        Raises:
            NetworkError: the graph does not take it.
        """
        return self._run(sample[None])

    def run_batch(self, samples_B: Array) -> dict[str, Array]:
        """Return the tensors for prepared samples, in one pass where the graph takes any number.

        What is computed for a sample may then depend on the others in its last digits.

        Args:
            samples_B: at least one.

        Raises:
            NetworkError: the graph does not take them.
        """
        if self.input.dimensions and self.input.dimensions[0] is None:
            return self._run(samples_B)
        found = [self.run(sample) for sample in samples_B]
        return {name: np.concatenate([one[name] for one in found]) for name in self._names}

    def _run(self, samples_B: Array) -> dict[str, Array]:
        given = {self.input.name: samples_B, **self.filled}
        try:
            values = self._session.run(self._names, given)
        except Exception as error:  # ONNX Runtime's errors have no class of their own
            raise NetworkError(f"graph: cannot be run: {_line(error)}") from error
        return dict(zip(self._names, values, strict=True))

    def taps(self, sample: Array) -> list[Tap]:
        """Return the taps as they are for one sample, from the input to the output.

        Where no taps were named, these are the last four tensors that can be taps.

        Raises:
            NetworkError: the graph does not take the sample, or a named tensor can be no tap.
        """
        found = []
        for name, value in self.run(sample).items():
            try:
                found.append(self._tap(name, np.asarray(value)))
            except NetworkError:
                if self._chosen:
                    raise
        if not found:
            raise NetworkError("taps: no tensor of the graph can be fused, name some")
        return found if self._chosen else found[-FUSED_TAPS:]

    def _tap(self, name: str, value: Array) -> Tap:
        if value.dtype.kind != "f" or value.ndim < 1 or value.shape[0] != 1 or value.size == 0:
            raise NetworkError(
                f"taps: {name!r} is {value.dtype} of shape {value.shape}; a tap is of floats, the "
                "batch of 1 in front"
            )
        if "," in name:
            raise NetworkError(f"taps: {name!r} must have no comma in its name")
        if not np.isfinite(value).all():
            raise NetworkError(f"taps: {name!r} has NaN or infinite values for an input of zeros")
        axis = self._axes[name] if value.ndim > 2 else 1
        return Tap(name, value.shape[1:], axis % value.ndim if value.ndim > 1 else 1)

    def _inputs(self, fill: Mapping[str, float]) -> tuple[GraphInput, dict[str, Array]]:
        inputs = {given.name: given for given in self._session.get_inputs()}
        for name in fill:
            if name not in inputs:
                raise NetworkError(
                    f"fill: {name!r} is no input of the graph, allowed are {', '.join(inputs)}"
                )
        free = [name for name in inputs if name not in fill]
        if len(free) != 1:
            raise NetworkError(
                f"graph: has the inputs {', '.join(inputs) or 'none'}; one takes the sample, give "
                "each other one a number under 'fill'"
            )
        given = inputs[free[0]]
        dimensions = tuple(size if isinstance(size, int) else None for size in given.shape)
        if dimensions and dimensions[0] not in (None, 1):
            raise NetworkError(
                f"graph: the input {given.name} has a fixed batch of {dimensions[0]}, allowed are "
                "1 and any"
            )
        filled = {
            name: np.full(
                [size if isinstance(size, int) else 1 for size in inputs[name].shape],
                value,
                _dtype(name, inputs[name].type),
            )
            for name, value in fill.items()
        }
        return GraphInput(given.name, dimensions, _dtype(given.name, given.type)), filled


def open_graph(path: Path, taps: Sequence[Tap], fill: Mapping[str, float]) -> Graph:
    """Open a file that has passed the archive gate.

    Raises:
        NetworkError: see `Graph`.
    """
    return Graph(read_graph(path.read_bytes()), [tap.name for tap in taps], fill)


def _session(model: ModelProto) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = 4  # errors come as exceptions; warnings are of no use here
    try:
        return onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # ONNX Runtime's errors have no class of their own
        raise NetworkError(f"graph: ONNX Runtime cannot open it: {_line(error)}") from error


_DTYPES = {"float": np.float32, "double": np.float64, "float16": np.float16}
_DTYPES |= {name: getattr(np, name) for name in ("int64", "int32", "int16", "int8", "uint8")}


def _dtype(name: str, kind: str) -> np.dtype[Any]:
    """Return NumPy's type of a graph's input, which ONNX Runtime calls e.g. ``tensor(float)``."""
    plain = kind.removeprefix("tensor(").removesuffix(")")
    if plain not in _DTYPES:
        raise NetworkError(f"graph: the input {name} is a {kind}, allowed are tensors of numbers")
    return np.dtype(_DTYPES[plain])


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
