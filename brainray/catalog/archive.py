"""The archive gate: what a file of weights must be before the catalog takes it in.

Only files of a predefined platform's format come in, safetensors or ONNX, and only if they fit the
network that was declared. A file is parsed, never unpickled, and nothing of it is run before all
that can be read of it has been checked.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import safetensors.torch
import torch
from onnx import ModelProto, TensorProto, numpy_helper
from onnx.defs import onnx_opset_version

from brainray.errors import CatalogError, NetworkError
from brainray.networks.declared import ONNX, NetworkSpec, build_preparation
from brainray.networks.interface import build_network
from brainray.networks.onnx_file import FLOATS, count_parameters, read_graph, tensors
from brainray.networks.onnx_graph import Graph, Tap

MAX_BYTES = 2**30
"""Of one file; ONNX itself cannot have twice as much."""

OLDEST_OPSET = 7
"""ONNX Runtime promises to run graphs from here on."""

MAGIC = {
    b"PK\x03\x04": "a zip archive, as torch.save writes it with a pickle inside",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "a NumPy file",
    b"GGUF": "a GGUF file",
    b"\x1f\x8b": "a gzip file",
}
_SHOWN = 5


@dataclass(frozen=True)
class Declared:
    """What is said of a file before it is seen.

    Attributes:
        network: that the weights are of.
        file_format: of the platform: ``safetensors`` or ``onnx``.
        classes: that the weights tell apart; an ONNX graph may have none.
        taps: names of tensors of an ONNX graph; none stands for the last four that are fusable.
        shapes: of taps, without the batch, as far as earlier uploads have shown them.
        fill: numbers for the other inputs of an ONNX graph.
        sha256: of the file, if it is said.
        size_bytes: of the file, if it is said.
    """

    network: NetworkSpec
    file_format: str
    classes: int
    taps: Sequence[str] = ()
    shapes: Mapping[str, Sequence[int]] = field(default_factory=dict)
    fill: Mapping[str, float] = field(default_factory=dict)
    sha256: str | None = None
    size_bytes: int | None = None


@dataclass(frozen=True)
class Inspected:
    """A file that has passed the gate.

    Attributes:
        data: its bytes, those that were checked.
        sha256: of the bytes.
        parameters: how many numbers its weights hold.
        taps: of an ONNX graph, with their shapes.
        features: of an ONNX graph: ``input`` (shape of a sample), ``layers`` (how many of each
            operator), ``parameters``.
    """

    data: bytes
    sha256: str
    parameters: int
    taps: tuple[Tap, ...] = ()
    features: Mapping[str, Any] = field(default_factory=dict)


def inspect(path: Path, declared: Declared) -> Inspected:
    """Let a file through the gate.

    Args:
        path: of a local file; its name says nothing.
        declared: what it is to be.

    Raises:
        CatalogError: it is something else, with the reason.
    """
    data = _read(path, declared)
    _refuse_other_formats(path, data, declared.file_format)
    try:
        inspected = _onnx if declared.file_format == "onnx" else _safetensors
        return inspected(data, declared)
    except NetworkError as error:
        raise CatalogError(f"{path.name}: {error}") from error


def kind_of(data: bytes) -> str:
    """Return what a file is by its first bytes, e.g. ``a pickle``."""
    for magic, kind in MAGIC.items():
        if data.startswith(magic):
            return kind
    if data[:1] == b"\x80" and data[1:2] in {bytes([protocol]) for protocol in range(2, 6)}:
        return "a pickle, which can run any code when it is read"
    header = int.from_bytes(data[:8], "little")
    if data[8:9] == b"{" and header <= len(data) - 8:
        return "a safetensors file"
    try:
        read_graph(data)
    except NetworkError:
        return "neither safetensors nor ONNX"
    return "an ONNX file"


def _read(path: Path, declared: Declared) -> bytes:
    try:
        if not path.is_file():
            raise CatalogError(f"{path}: is no file")
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise CatalogError(f"{path.name}: has {size} bytes, allowed are at most {MAX_BYTES}")
        data = path.read_bytes()
    except OSError as error:
        raise CatalogError(f"{path}: cannot be read: {error.strerror}") from error
    if declared.size_bytes not in (None, len(data)):
        raise CatalogError(
            f"{path.name}: has {len(data)} bytes, but {declared.size_bytes} are declared"
        )
    sha256 = hashlib.sha256(data).hexdigest()
    if declared.sha256 not in (None, sha256):
        raise CatalogError(
            f"{path.name}: has the sha256 {sha256}, but {declared.sha256} is declared"
        )
    return data


def _refuse_other_formats(path: Path, data: bytes, file_format: str) -> None:
    wanted = {"onnx": "an ONNX file", "safetensors": "a safetensors file"}[file_format]
    if (kind := kind_of(data)) != wanted:
        raise CatalogError(f"{path.name}: is {kind}; the platform takes {file_format} alone")


# safetensors


def _safetensors(data: bytes, declared: Declared) -> Inspected:
    """Let weights through that are exactly those of the architecture."""
    if declared.network.architecture == ONNX:
        raise NetworkError(f"network {declared.network.name}: is an ONNX graph, not safetensors")
    try:
        given = safetensors.torch.load(data)
    except safetensors.SafetensorError as error:
        raise NetworkError(f"is a damaged safetensors file: {error}") from error
    with torch.device("meta"):
        wanted = build_network(declared.network, declared.classes).state_dict()
    where = f"network {declared.network.name} with {declared.classes} classes"
    if missing := wanted.keys() - given.keys():
        raise NetworkError(f"{where}: the file lacks {_some(missing)}")
    if unexpected := given.keys() - wanted.keys():
        raise NetworkError(f"{where}: has no {_some(unexpected)}, but the file does")
    for name, tensor in wanted.items():
        if given[name].shape != tensor.shape or given[name].dtype != tensor.dtype:
            raise NetworkError(
                f"{where}: {name} is {_shown(tensor)}, but {_shown(given[name])} in the file"
            )
    for name in sorted(given):
        if not bool(torch.isfinite(given[name]).all()):
            raise NetworkError(f"{name} has NaN or infinite values")
    parameters = sum(tensor.numel() for tensor in given.values())
    return Inspected(data, hashlib.sha256(data).hexdigest(), parameters)


def _shown(tensor: torch.Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"


def _some(names: set[str]) -> str:
    shown = ", ".join(sorted(names)[:_SHOWN])
    return shown + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


# ONNX


def _onnx(data: bytes, declared: Declared) -> Inspected:
    """Let a graph through that takes the prepared sample and has the taps."""
    if declared.network.architecture != ONNX:
        raise NetworkError(
            f"network {declared.network.name}: is {declared.network.architecture}, whose weights "
            f"are safetensors; a graph needs a network of the architecture {ONNX!r}"
        )
    model = read_graph(data)
    _check_tensors(model)
    _check_opsets(model)
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        raise NetworkError(f"graph: is not valid: {' '.join(str(error).split())[:300]}") from error
    graph = Graph(model, declared.taps, declared.fill)
    preparation = build_preparation(declared.network.preparation)
    sizes, given = graph.input.dimensions, (1, *preparation.shape)
    fits = len(sizes) == len(given) and all(
        size in (None, other) for size, other in zip(sizes, given, strict=True)
    )
    if not fits or graph.input.dtype != preparation.dtype:
        raise NetworkError(
            f"graph: the input {graph.input.name} takes {graph.input.dtype} "
            f"({', '.join('any' if size is None else str(size) for size in sizes)}), but the "
            f"preparation {declared.network.preparation['name']} gives {preparation.dtype} "
            f"{given}"
        )
    taps = graph.taps(np.zeros(preparation.shape, preparation.dtype))
    for tap in taps:
        shape = tuple(declared.shapes.get(tap.name, tap.shape))
        if shape != tap.shape:
            raise NetworkError(
                f"graph: the tap {tap.name} has the shape {tap.shape}, but that of the network "
                f"{declared.network.name} has {shape}"
            )
    parameters = count_parameters(model)
    layers = Counter(node.op_type for node in model.graph.node if node.op_type != "Constant")
    features = {
        "input": list(preparation.shape),
        "layers": dict(sorted(layers.items())),
        "parameters": parameters,
    }
    return Inspected(data, hashlib.sha256(data).hexdigest(), parameters, tuple(taps), features)


def _check_tensors(model: ModelProto) -> None:
    for tensor in tensors(model):
        if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
            raise NetworkError(
                f"graph: the data of {tensor.name} lie in another file; save the graph as one file"
            )
        if tensor.data_type not in FLOATS:
            continue
        try:
            values = np.asarray(numpy_helper.to_array(tensor), dtype=np.float64)
        except (ValueError, TypeError) as error:
            raise NetworkError(f"graph: {tensor.name} cannot be read: {error}") from error
        # A single infinite number is a bound, as of Clip, or fills a mask: it is no weight.
        if np.isnan(values).any() or (np.isinf(values).any() and values.size > 1):
            raise NetworkError(f"graph: {tensor.name} has NaN or infinite values")


def _check_opsets(model: ModelProto) -> None:
    newest = onnx_opset_version()
    for opset in model.opset_import:
        if opset.domain in ("", "ai.onnx") and not OLDEST_OPSET <= opset.version <= newest:
            raise NetworkError(
                f"graph: has opset {opset.version}, allowed are {OLDEST_OPSET} to {newest}"
            )
