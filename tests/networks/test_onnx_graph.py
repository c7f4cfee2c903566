"""What is read of an ONNX file: taps, inputs, and one sample at a time."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper
from torch.nn import functional

from brainray.errors import NetworkError
from brainray.networks.onnx_file import fusable, read_graph, tensors
from brainray.networks.onnx_graph import Graph, Tap
from brainray.seeding import numpy_generator
from brainray.testing.graphs import model_bytes, picture_graph, picture_weights

BLANK = np.zeros((1, 28, 28), np.float32)
TAPS = [
    Tap("conv1", (4, 28, 28), 1),
    Tap("conv2", (6, 13, 13), 1),
    Tap("scores", (5,), 1),
]


def noise(shape: tuple[int, ...]) -> np.ndarray:
    return numpy_generator(0, "noise").random(shape, np.float32)


def opened(data: bytes, *names: str, **fill: float) -> Graph:
    return Graph(read_graph(data), names, fill)


def test_layers_and_outputs_are_taps_by_default():
    assert opened(picture_graph()).taps(BLANK) == TAPS


def test_at_most_four_are_taken_those_nearest_the_output():
    names = ["conv1", "relu1", "conv2", "relu2", "pooled", "scores"]
    graph = opened(picture_graph(outputs=names))
    assert [tap.name for tap in graph.taps(BLANK)] == ["conv2", "relu2", "pooled", "scores"]


@pytest.mark.parametrize("batch", [1, "n"])
def test_any_tensor_can_be_named_and_they_come_in_the_order_of_the_graph(batch: int | str):
    graph = opened(picture_graph(batch), "flat", "relu1")
    assert graph.taps(BLANK) == [Tap("relu1", (4, 28, 28), 1), Tap("flat", (6,), 1)]


def test_the_tensors_are_those_that_torch_computes():
    weights = {name: torch.from_numpy(value) for name, value in picture_weights().items()}
    sample = noise((1, 28, 28))
    conv1 = functional.conv2d(torch.from_numpy(sample)[None], weights["w1"], padding=1)
    conv2 = functional.conv2d(conv1.relu(), weights["w2"], stride=2)
    scores = conv2.relu().mean((2, 3)) @ weights["w3"] + weights["b3"]
    values = opened(picture_graph(), "conv1", "conv2", "scores").run(sample)
    for name, expected in (("conv1", conv1), ("conv2", conv2), ("scores", scores)):
        np.testing.assert_allclose(values[name], expected, rtol=1e-4, atol=1e-5)


def test_the_same_sample_gives_the_same_bits_in_another_session():
    sample = noise((1, 28, 28))
    first, second = (opened(picture_graph()).run(sample)["scores"] for _ in range(2))
    assert first.tobytes() == second.tobytes()


def attention() -> bytes:
    """Words to queries and values, and the product of the two: only the first two are layers."""
    weight = helper.make_tensor("w", TensorProto.FLOAT, [3, 3], np.eye(3).ravel())
    nodes = [
        helper.make_node("MatMul", ["words", "w"], ["queries"]),
        helper.make_node("MatMul", ["words", "w"], ["values"]),
        helper.make_node("Transpose", ["values"], ["turned"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["queries", "turned"], ["scores"]),
        helper.make_node("MatMul", ["scores", "values"], ["mixed"]),
        helper.make_node("Relu", ["mixed"], ["result"]),
    ]
    shape = ["n", "t", 3]
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n in ("words", "result")]
    return model_bytes(helper.make_graph(nodes, "attention", ends[:1], ends[1:], [weight]))


def test_products_without_a_weight_are_no_layers_and_words_are_averaged():
    assert fusable(read_graph(attention())) == ["queries", "values", "result"]
    taps = opened(attention()).taps(np.ones((5, 3), np.float32))
    assert [(tap.shape, tap.axis, tap.width) for tap in taps] == [((5, 3), 2, 3)] * 3


def recurrent() -> bytes:
    """A state goes in beside the sample, and comes out with the batch in its middle."""
    nodes = [
        helper.make_node("Mul", ["wave", "gain"], ["louder"]),
        helper.make_node("Add", ["state", "one"], ["next"]),
        helper.make_node("ReduceSum", ["louder"], ["sum"], keepdims=1),
    ]
    sizes = {"wave": ["n", 8], "state": [2, "n", 4], "gain": []}
    inputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in sizes.items()]
    one = helper.make_tensor("one", TensorProto.FLOAT, [], [1.0])
    results = [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in ("sum", "next")]
    return model_bytes(helper.make_graph(nodes, "recurrent", inputs, results, [one]))


def test_other_inputs_are_filled_and_what_has_no_batch_in_front_is_no_tap():
    graph = opened(recurrent(), gain=3, state=0)
    assert graph.taps(np.zeros(8, np.float32)) == [Tap("sum", (1,), 1)]
    assert graph.run(np.ones(8, np.float32))["sum"].item() == 24


def test_weights_of_constants_and_of_subgraphs_are_found():
    inner = helper.make_graph(
        [helper.make_node("Constant", [], ["c"], value=helper.make_tensor("", 1, [2], [1.0, 2.0]))],
        "inner",
        [],
        [helper.make_tensor_value_info("c", TensorProto.FLOAT, [2])],
        [helper.make_tensor("hidden", TensorProto.FLOAT, [3], [1.0, 2.0, 3.0])],
    )
    node = helper.make_node("If", ["yes"], ["out"], then_branch=inner, else_branch=inner)
    model = read_graph(model_bytes(helper.make_graph([node], "outer", [], [])))
    found = sorted((tensor.name, tuple(tensor.dims)) for tensor in tensors(model))
    assert found == [("c", (2,)), ("c", (2,)), ("hidden", (3,)), ("hidden", (3,))]


@pytest.mark.parametrize(
    ("data", "names", "fill", "message"),
    [
        (b"\x80\x04K\x01.", (), {}, r"graph: is no ONNX file, it "),
        (b"", (), {}, r"graph: is no ONNX file, it has no nodes"),
        (picture_graph(), ("conv9",), {}, r"taps: 'conv9' is no tensor of the graph"),
        (picture_graph(), (), {"rate": 1}, r"fill: 'rate' is no input of the graph, allowed are"),
        (picture_graph(), (), {"picture": 1}, r"graph: has the inputs picture; one takes the "),
        (recurrent(), (), {}, r"graph: has the inputs wave, state, gain; one takes the sample, "),
        (picture_graph(batch=4), (), {}, r"graph: the input picture has a fixed batch of 4, "),
        (
            model_bytes(helper.make_graph([helper.make_node("Nope", ["a"], ["b"])], "g", [], [])),
            (),
            {},
            r"graph: ONNX Runtime cannot open it: ",
        ),
    ],
)
def test_what_cannot_be_a_network_is_refused(data, names, fill, message):
    with pytest.raises(NetworkError, match=f"^{message}"):
        opened(data, *names, **fill)


def test_a_named_tensor_that_can_be_no_tap_is_refused():
    graph = opened(recurrent(), "next", gain=1, state=0)
    with pytest.raises(NetworkError, match=r"^taps: 'next' is float32 of shape \(2, 1, 4\); "):
        graph.taps(np.zeros(8, np.float32))


def test_a_tensor_that_is_not_finite_is_no_tap():
    nodes = [helper.make_node("Log", ["a"], ["b"])]
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n", 2]) for n in "ab"]
    graph = opened(model_bytes(helper.make_graph(nodes, "log", ends[:1], ends[1:])), "b")
    with pytest.raises(NetworkError, match=r"^taps: 'b' has NaN or infinite values for an input"):
        graph.taps(np.zeros(2, np.float32))


def test_a_sample_of_another_shape_is_refused():
    with pytest.raises(NetworkError, match=r"^graph: cannot be run: "):
        opened(picture_graph()).run(np.zeros((3, 28, 28), np.float32))


@pytest.mark.data
@pytest.mark.parametrize(
    ("file", "shape", "widths", "fill"),
    [
        ("appearance_mobilenetv2_224", (3, 224, 224), [960, 320, 1280, 1280], {}),
        ("face_emotion_64", (64, 64, 1), [256, 256, 7, 7], {}),
        ("nanodet_416", (3, 416, 416), [128, 124, 80, 44], {}),
        ("openwakeword_embedding", (76, 32, 1), [96] * 4, {}),
        ("openwakeword_melspectrogram", (12_640,), [257, 257, 32, 32], {}),
        ("silero_vad", (512,), [1], {"sr": 16_000, "state": 0}),
    ],
)
def test_real_networks_have_taps(file, shape, widths, fill):
    path = Path(os.environ["BRAINRAY_DATA"]) / "models" / f"{file}.onnx"
    graph = opened(path.read_bytes(), **fill)
    assert [tap.width for tap in graph.taps(np.zeros(shape, np.float32))] == widths
