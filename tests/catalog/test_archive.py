"""The archive gate: what comes in, and every reason why something does not."""

import io
import os
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import safetensors.torch
import torch
from onnx import TensorProto, helper

from brainray.catalog import archive
from brainray.catalog.archive import Declared, inspect
from brainray.errors import CatalogError
from brainray.networks.interface import NetworkSpec, build_network
from brainray.networks.onnx_file import read_graph
from brainray.seeding import torch_random
from brainray.testing.graphs import model_bytes, picture_graph, picture_weights

LENET = NetworkSpec(
    "lenet3.image",
    "lenet3",
    "LeNet",
    "image",
    {"name": "grey_image", "size": 28},
    ("vision.shape",),
)
GRAPH = replace(LENET, name="mine.image", architecture="onnx")
WEIGHTS = Declared(LENET, "safetensors", classes=10)
DRAWN = Declared(GRAPH, "onnx", classes=0)


def tensors(classes: int = 10, **changes: torch.Tensor | None) -> bytes:
    with torch_random(0):
        state = build_network(LENET, classes).state_dict()
    state |= {
        name.replace("__", "."): value for name, value in changes.items() if value is not None
    }
    for name in [name.replace("__", ".") for name, value in changes.items() if value is None]:
        del state[name]
    return safetensors.torch.save({key: value.contiguous() for key, value in state.items()})


def torch_file() -> bytes:
    buffer = io.BytesIO()
    torch.save({"head.bias": torch.zeros(10)}, buffer)
    return buffer.getvalue()


class Trap:
    """Unpickled, it leaves a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "weights.bin"


def written(file: Path, data: bytes) -> Path:
    file.write_bytes(data)
    return file


def test_weights_of_the_architecture_come_in_and_are_counted(file: Path) -> None:
    passed = inspect(written(file, tensors()), WEIGHTS)
    module = build_network(LENET, 10)
    assert passed.parameters == sum(part.numel() for part in module.parameters())
    assert passed.data == file.read_bytes()
    assert passed.taps == ()


def test_a_graph_comes_in_and_is_counted(file: Path) -> None:
    passed = inspect(written(file, picture_graph()), DRAWN)
    assert passed.parameters == sum(value.size for value in picture_weights().values())
    assert passed.features["input"] == [1, 28, 28]
    assert passed.features["layers"]["Conv"] == 2
    assert [(tap.name, tap.shape) for tap in passed.taps] == [
        ("conv1", (4, 28, 28)),
        ("conv2", (6, 13, 13)),
        ("scores", (5,)),
    ]


@pytest.mark.parametrize("declared", [WEIGHTS, DRAWN], ids=["safetensors", "onnx"])
@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (pickle.dumps([1, 2]), "a pickle, which can run any code when it is read"),
        (pickle.dumps([1, 2], protocol=2), "a pickle, which can run any code when it is read"),
        (pickle.dumps([1, 2], protocol=0), "neither safetensors nor ONNX"),
        (torch_file(), r"a zip archive, as torch\.save writes it with a pickle inside"),
        (b"\x89HDF\r\n", "an HDF5 file"),
        (b"GGUF" + bytes(20), "a GGUF file"),
        (b"\x93NUMPY\x01\x00", "a NumPy file"),
        (b"\x1f\x8b\x08", "a gzip file"),
        (b"", "neither safetensors nor ONNX"),
        (b"anything", "neither safetensors nor ONNX"),
    ],
)
def test_other_files_are_refused_by_their_name(
    data: bytes, kind: str, declared: Declared, file: Path
) -> None:
    with pytest.raises(CatalogError, match=rf"^weights\.bin: is {kind}; the platform takes "):
        inspect(written(file, data), declared)


def test_a_file_of_the_other_format_is_refused_whatever_its_name(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="is an ONNX file; the platform takes safetensors alone"):
        inspect(written(tmp_path / "a.safetensors", picture_graph()), WEIGHTS)
    with pytest.raises(CatalogError, match="is a safetensors file; the platform takes onnx alone"):
        inspect(written(tmp_path / "a.onnx", tensors()), DRAWN)


def test_nothing_is_unpickled(tmp_path: Path, file: Path) -> None:
    trace = tmp_path / "trace"
    for data in (pickle.dumps(Trap(trace)), pickle.dumps(Trap(trace), protocol=0)):
        for declared in (WEIGHTS, DRAWN):
            with pytest.raises(CatalogError):
                inspect(written(file, data), declared)
    assert not trace.exists()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (tensors(head__bias=None), r"network lenet3\.image with 10 classes: the file lacks head\."),
        (tensors(extra=torch.zeros(1)), r".*: has no extra, but the file does"),
        (
            tensors(head__bias=torch.zeros(11)),
            r".*: head\.bias is float32 \(10,\), but float32 \(11,\) in the file",
        ),
        (
            tensors(head__bias=torch.zeros(10, dtype=torch.float16)),
            r".*: head\.bias is float32 \(10,\), but float16 \(10,\) in the file",
        ),
        (tensors(classes=7), r".*: head\.bias is float32 \(10,\), but float32 \(7,\)|.*head\.weig"),
        (tensors(head__bias=torch.full((10,), torch.nan)), r"head\.bias has NaN or infinite val"),
        (tensors(head__bias=torch.full((10,), torch.inf)), r"head\.bias has NaN or infinite val"),
        (tensors()[:-1], "is a damaged safetensors file"),
        (tensors() + b"PK\x03\x04 and more", "is a damaged safetensors file"),
    ],
)
def test_weights_that_do_not_fit_are_refused(data: bytes, reason: str, file: Path) -> None:
    with pytest.raises(CatalogError, match=rf"^weights\.bin: {reason}"):
        inspect(written(file, data), WEIGHTS)


def external() -> bytes:
    model = read_graph(picture_graph())
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../secret")
    return model.SerializeToString()


def changed(**changes: float) -> bytes:
    """Return the graph with one number of the named weights exchanged."""
    weights = picture_weights()
    for name, value in changes.items():
        weights[name].flat[1] = value
    return picture_graph(weights=weights)


def of_opset(version: int) -> bytes:
    model = read_graph(picture_graph())
    return model_bytes(model.graph, version)


def of_another_domain() -> bytes:
    model = read_graph(picture_graph())
    model.graph.node[0].domain = "somebody"
    model.opset_import.append(helper.make_opsetid("somebody", 1))
    return model.SerializeToString()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (external(), "graph: the data of w1 lie in another file; save the graph as one file"),
        (changed(w2=np.nan), "graph: w2 has NaN or infinite values"),
        (changed(b3=-np.inf), "graph: b3 has NaN or infinite values"),
        (of_opset(6), "graph: has opset 6, allowed are 7 to "),
        (of_opset(999), "graph: has opset 999, allowed are 7 to "),
        (of_another_domain(), "graph: "),
        (picture_graph(size=32), r"graph: the input picture takes float32 \(any, 1, 32, 32\), but"),
        (picture_graph(batch=2), "graph: the input picture has a fixed batch of 2"),
        (picture_graph()[:-40], "is neither safetensors nor ONNX|graph: "),
    ],
)
def test_graphs_that_do_not_fit_are_refused(data: bytes, reason: str, file: Path) -> None:
    with pytest.raises(CatalogError, match=rf"^weights\.bin: ({reason})"):
        inspect(written(file, data), DRAWN)


def test_a_constant_of_a_node_is_a_weight_too(file: Path) -> None:
    values = helper.make_tensor("", TensorProto.FLOAT, [2], [1.0, float("nan")])
    nodes = [
        helper.make_node("Constant", [], ["w"], value=values),
        helper.make_node("Mul", ["a", "w"], ["b"]),
    ]
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n", 2]) for n in "ab"]
    data = model_bytes(helper.make_graph(nodes, "g", ends[:1], ends[1:]))
    with pytest.raises(CatalogError, match="graph: w has NaN or infinite values"):
        inspect(written(file, data), DRAWN)


def test_a_single_infinite_number_is_a_bound_and_no_weight(file: Path) -> None:
    model = read_graph(picture_graph())
    model.graph.node[1].CopyFrom(helper.make_node("Clip", ["conv1", "", "most"], ["relu1"]))
    model.graph.initializer.append(helper.make_tensor("most", TensorProto.FLOAT, [], [np.inf]))
    inspect(written(file, model.SerializeToString()), DRAWN)


def test_another_type_of_numbers_than_the_preparation_gives_is_refused(file: Path) -> None:
    words = replace(GRAPH, modality="text", preparation={"name": "hashed_words"})
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n", 64]) for n in "ab"]
    graph = helper.make_graph([helper.make_node("Relu", ["a"], ["b"])], "g", ends[:1], ends[1:])
    with pytest.raises(
        CatalogError, match=r"takes float32 \(any, 64\), but .* gives int64 \(1, 64\)"
    ):
        inspect(written(file, model_bytes(graph)), replace(DRAWN, network=words))


def test_taps_are_those_declared(file: Path) -> None:
    declared = replace(DRAWN, taps=["flat", "relu1"])
    passed = inspect(written(file, picture_graph()), declared)
    assert [tap.name for tap in passed.taps] == ["relu1", "flat"]
    with pytest.raises(CatalogError, match=r"the tap flat has the shape \(6,\), but that of the n"):
        inspect(file, replace(declared, shapes={"flat": [7]}))
    with pytest.raises(
        CatalogError, match=r"^weights\.bin: taps: 'conv7' is no tensor of the graph"
    ):
        inspect(file, replace(DRAWN, taps=["conv7"]))


def test_a_graph_needs_a_network_of_graphs_and_weights_one_of_code(file: Path) -> None:
    with pytest.raises(CatalogError, match=r"network lenet3\.image: is lenet3, whose weights are"):
        inspect(written(file, picture_graph()), replace(DRAWN, network=LENET))
    with pytest.raises(CatalogError, match=r"network mine\.image: is an ONNX graph, not safetens"):
        inspect(written(file, tensors()), replace(WEIGHTS, network=GRAPH))


def test_what_is_said_of_size_and_sha256_has_to_be_so(file: Path) -> None:
    written(file, tensors())
    passed = inspect(file, WEIGHTS)
    exact = replace(WEIGHTS, sha256=passed.sha256, size_bytes=len(passed.data))
    assert inspect(file, exact) == passed
    with pytest.raises(CatalogError, match=f"has {len(passed.data)} bytes, but 7 are declared"):
        inspect(file, replace(exact, size_bytes=7))
    with pytest.raises(CatalogError, match=f"the sha256 {passed.sha256}, but {'0' * 64} is declar"):
        inspect(file, replace(exact, sha256="0" * 64))


def test_a_file_that_is_too_large_is_refused_unread(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "MAX_BYTES", 10)
    with pytest.raises(CatalogError, match=r"^weights\.bin: has 11 bytes, allowed are at most 10"):
        inspect(written(file, bytes(11)), WEIGHTS)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(CatalogError, match=f"^{path}: is no file$"):
            inspect(path, WEIGHTS)


@pytest.mark.data
@pytest.mark.parametrize(
    ("file", "preparation", "fill", "parameters"),
    [
        (
            "appearance_mobilenetv2_224",
            {"name": "scaled_image", "mean": [124, 116, 104], "deviation": [58, 57, 57]},
            {},
            2_206_886,
        ),
        (
            "face_emotion_64",
            {
                "name": "scaled_image",
                "height": 64,
                "width": 64,
                "channels": "grey",
                "layout": "last",
                "mean": 127.5,
                "deviation": 127.5,
            },
            {},
            205_129,
        ),
        ("openwakeword_melspectrogram", {"name": "waveform", "samples": 12_640}, {}, 271_401),
        ("silero_vad", {"name": "waveform", "samples": 512}, {"sr": 16_000, "state": 0}, None),
    ],
)
def test_real_networks_come_in(file, preparation, fill, parameters):
    path = Path(os.environ["BRAINRAY_DATA"]) / "models" / f"{file}.onnx"
    declared = Declared(replace(GRAPH, preparation=preparation), "onnx", 0, fill=fill)
    passed = inspect(path, declared)
    assert parameters in (None, passed.parameters)
    onnx.checker.check_model(onnx.load_model_from_string(passed.data))
