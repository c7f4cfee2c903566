"""What can be read of an ONNX file without running it: its layers, its constants."""

from collections.abc import Iterator, Mapping
from math import prod

import onnx
from google.protobuf.message import DecodeError
from onnx import GraphProto, ModelProto, NodeProto, TensorProto

from brainray.errors import NetworkError

CHANNELS_FIRST = {"Conv", "ConvTranspose", "MaxPool", "AveragePool", "GlobalAveragePool"}
FLOATS = {TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16}
WEIGHTS = FLOATS | {TensorProto.INT8, TensorProto.UINT8}
ALWAYS_LAYERS = {"Conv", "ConvTranspose", "LSTM", "GRU", "RNN"}
PRODUCTS = {"MatMul", "Gemm"}
"""Layers if one factor is a weight; between two activations (attention) they are not."""
ELEMENTWISE = {
    *("Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Clip", "Cast", "Identity", "Dropout"),
    *("Relu", "LeakyRelu", "PRelu", "Elu", "Selu", "Celu", "Gelu", "Sigmoid", "HardSigmoid"),
    *("HardSwish", "Swish", "Mish", "Tanh", "Erf", "Exp", "Log", "Sqrt", "Abs", "Neg", "Softplus"),
    *("BatchNormalization", "InstanceNormalization", "LayerNormalization", "Softmax"),
}
"""Operators whose result has its features on the same axis as what they are given."""


def read_graph(data: bytes) -> ModelProto:
    """Parse an ONNX file; nothing of it is run.

    Raises:
        NetworkError: it is none.
    """
    try:
        model = onnx.load_model_from_string(data)
    except DecodeError as error:
        raise NetworkError("graph: is no ONNX file, it cannot be parsed") from error
    if not model.graph.node or not model.opset_import:
        raise NetworkError("graph: is no ONNX file, it has no nodes")
    return model


def count_parameters(model: ModelProto) -> int:
    """Return how many numbers the weights hold; those of shapes and indices do not count."""
    return sum(prod(tensor.dims) for tensor in tensors(model) if tensor.data_type in WEIGHTS)


def fusable(model: ModelProto) -> list[str]:
    """Return what the layers of a graph give, and its outputs, from the input to the output.

    Layers have weights: convolutions, products with a weight, recurrent ones.
    """
    outputs = {output.name for output in model.graph.output}
    computed = {value.name for value in model.graph.input}
    computed -= {weight.name for weight in model.graph.initializer}
    found = []
    for node in model.graph.node:
        depends = [name for name in node.input if name in computed]
        if not depends:
            continue
        computed.update(name for name in node.output if name)
        layer = node.op_type in ALWAYS_LAYERS or (
            node.op_type in PRODUCTS and not set(node.input[:2]) <= computed
        )
        found += [
            name
            for number, name in enumerate(node.output)
            if name in outputs or (layer and number == 0)
        ]
    return found


def tensors(model: ModelProto) -> Iterator[TensorProto]:
    """Yield every constant tensor of a model, those of its subgraphs and functions included."""
    yield from _tensors(model.graph)
    for function in model.functions:
        for node in function.node:
            yield from _constants(node)


def _tensors(graph: GraphProto) -> Iterator[TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        yield from _constants(node)


def _constants(node: NodeProto) -> Iterator[TensorProto]:
    for attribute in node.attribute:
        if attribute.HasField("t"):
            yield _named(attribute.t, node)
        for tensor in attribute.tensors:
            yield _named(tensor, node)
        if attribute.HasField("sparse_tensor"):
            yield _named(attribute.sparse_tensor.values, node)
        for graph in ([attribute.g] if attribute.HasField("g") else []) + list(attribute.graphs):
            yield from _tensors(graph)


def _named(tensor: TensorProto, node: NodeProto) -> TensorProto:
    """Give a constant the name of what it is the value of."""
    tensor.name = tensor.name or (node.output[0] if node.output else node.name)
    return tensor


def feature_axis(known: Mapping[str, NodeProto], name: str) -> int:
    """Return 1 for what a convolution or pooling gives, else -1, seen through what keeps axes."""
    node = known.get(name)
    while node is not None and node.op_type in ELEMENTWISE:
        before = [known[given] for given in node.input if given in known]
        node = next((one for one in before if one.op_type != "Constant"), None)
    return 1 if node is not None and node.op_type in CHANNELS_FIRST else -1
