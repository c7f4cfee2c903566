"""A small ONNX graph, as somebody's exported network."""

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from brainray.seeding import numpy_generator
from brainray.shapes import Array

OPSET = 17


def picture_weights() -> dict[str, Array]:
    """Return the weights of `picture_graph`: 4 and 6 channels, 5 classes."""
    shapes = {"w1": (4, 1, 3, 3), "w2": (6, 4, 3, 3), "w3": (6, 5), "b3": (5,)}
    generator = numpy_generator(0, "graph")
    return {
        name: generator.normal(0, 0.4, shape).astype(np.float32) for name, shape in shapes.items()
    }


def picture_graph(
    batch: int | str = "n",
    size: int | str = 28,
    weights: Mapping[str, Array] | None = None,
    outputs: Sequence[str] = ("scores",),
) -> bytes:
    """Return a graph of two convolutions and a classifier on grey pictures.

    Its tensors are ``conv1``, ``relu1``, ``conv2``, ``relu2``, ``pooled``, ``flat``, ``scores``.

    Args:
        batch: first size of the input; a name stands for any.
        size: height and width.
        weights: as `picture_weights`.
        outputs: names of tensors.
    """
    nodes = [
        helper.make_node("Conv", ["picture", "w1"], ["conv1"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["conv1"], ["relu1"]),
        helper.make_node("Conv", ["relu1", "w2"], ["conv2"], strides=[2, 2]),
        helper.make_node("Relu", ["conv2"], ["relu2"]),
        helper.make_node("GlobalAveragePool", ["relu2"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "w3", "b3"], ["scores"]),
    ]
    shape = [batch, 1, size, size]
    graph = helper.make_graph(
        nodes,
        "picture",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, shape)],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [f"{name}{i}" for i in range(n)])
            for name in outputs
            for n in [2 if name in ("flat", "scores") else 4]
        ],
        [
            numpy_helper.from_array(value, name)
            for name, value in (weights or picture_weights()).items()
        ],
    )
    return model_bytes(graph)


def model_bytes(graph: onnx.GraphProto, opset: int = OPSET) -> bytes:
    """Return a graph as an ONNX file."""
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    data: bytes = model.SerializeToString()
    return data


def color_graph(batch: str | int = "n", channels: int = 3) -> onnx.GraphProto:
    """A graph of pictures of 8 x 8 pixels that gives the mean of each channel."""
    shape = [batch, channels, 8, 8]
    given = helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)
    mean = helper.make_tensor_value_info("mean", TensorProto.FLOAT, [batch, channels])
    nodes = [
        helper.make_node("GlobalAveragePool", ["image"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["mean"]),
    ]
    return helper.make_graph(nodes, "colors", [given], [mean])


def constant_graph(
    outputs: Mapping[str, Array],
    shape: Sequence[int],
    dtype: str = "float32",
    others: Mapping[str, Sequence[int | str]] | None = None,
) -> bytes:
    """Return a graph that gives the same tensors whatever it is given.

    Args:
        outputs: the tensors by name.
        shape: of the input.
        dtype: of the input.
        others: shapes of further inputs, which are int64 and become outputs called ``other NAME``.
    """
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    given = [helper.make_tensor_value_info("image", kind, shape)]
    nodes = [
        helper.make_node("Constant", [], [name], value=numpy_helper.from_array(value, name))
        for name, value in outputs.items()
    ]
    values = [
        helper.make_tensor_value_info(
            name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape
        )
        for name, value in outputs.items()
    ]
    for name, sides in (others or {}).items():
        given.append(helper.make_tensor_value_info(name, TensorProto.INT64, sides))
        nodes.append(helper.make_node("Identity", [name], [f"other {name}"]))
        values.append(helper.make_tensor_value_info(f"other {name}", TensorProto.INT64, sides))
    return model_bytes(helper.make_graph(nodes, "constant", given, values))


def bright_cells_graph(side: int, stride: int, dtype: str = "float32", batch: bool = True) -> bytes:
    """Return a detector whose rows are cells, as surely objects as their darkest pixel is bright.

    A row of its output ``rows``, `(1, cells, 5)`, is a box as YOLOX has them, and a score.

    Args:
        side: of the input, `(1, side, side, 3)` of 0 to 255.
        stride: side of a cell.
        dtype: of the input.
        batch: whether the input's first axis is there.
    """
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    cells = (side // stride) ** 2
    shape = [1, side, side, 3]
    given = helper.make_tensor_value_info("image", kind, shape if batch else shape[1:])
    found = helper.make_tensor_value_info("rows", TensorProto.FLOAT, [1, cells, 5])
    nodes = [
        helper.make_node("Cast", ["image"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["numbers", "darker"], ["dark"]),
        helper.make_node("Reshape", ["dark", "shape"], ["one"]),
        helper.make_node("Transpose", ["one"], ["first"], perm=[0, 3, 1, 2]),
        helper.make_node("ReduceMax", ["first"], ["grey"], axes=[1]),
        helper.make_node(
            "MaxPool", ["grey"], ["pooled"], kernel_shape=[stride] * 2, strides=[stride] * 2
        ),
        helper.make_node("Reshape", ["pooled", "column"], ["darkest"]),
        helper.make_node("Neg", ["darkest"], ["scores"]),
        helper.make_node("Concat", ["boxes", "scores"], ["rows"], axis=2),
    ]
    middles = np.zeros((1, cells, 4), dtype=np.float32)
    middles[:, :, :2] = 0.5  # exp(0) strides wide
    constants: dict[str, Array] = {
        "darker": np.array(-1 / 255, dtype=np.float32),
        "shape": np.array(shape, dtype=np.int64),
        "column": np.array([1, -1, 1], dtype=np.int64),
        "boxes": middles,
    }
    weights = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    return model_bytes(helper.make_graph(nodes, "bright", [given], [found], weights))
