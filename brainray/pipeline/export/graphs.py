"""Uploaded ONNX graphs as parts of a larger file."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime
from onnx import ModelProto, compose, helper, numpy_helper

from brainray.catalog.store import Store
from brainray.catalog.weights import weights_path
from brainray.errors import NetworkError
from brainray.networks.onnx_file import read_graph
from brainray.networks.onnx_graph import Graph
from brainray.pipeline.frozen import StoredGraph
from brainray.shapes import Array

BATCH = "batch"
"""The name of the batch in the files, where it may have any size."""


@dataclass(frozen=True)
class GraphPart:
    """An uploaded graph that takes a model's input and gives the tensors that are fused.

    Attributes:
        model: its one input has the name of the model's input.
        outputs: the names of its outputs, in the order of the taps.
        values: of the taps for one sample, with a batch of 1 in front.
        any_batch: whether several samples at a time give what each gives alone.
    """

    model: ModelProto
    outputs: tuple[str, ...]
    values: tuple[Array, ...]
    any_batch: bool

    @property
    def opset(self) -> int:
        """The version of ONNX's own operators that it uses."""
        return opset_of(self.model)


def opset_of(model: ModelProto) -> int:
    """Return the version of ONNX's own operators that a model uses."""
    return max(
        int(entry.version) for entry in model.opset_import if entry.domain in ("", "ai.onnx")
    )


def graph_part(name: str, stored: StoredGraph, store: Store, samples: Sequence[Array]) -> GraphPart:
    """Read an uploaded graph and make a part of it.

    Args:
        name: of the model's input.
        stored: the graph.
        store: where it is.
        samples: prepared, two of them.

    Raises:
        CatalogError: the file is missing or damaged.
        NetworkError: ONNX Runtime cannot run it.
    """
    data = weights_path(store, stored.key).read_bytes()
    taps = [tap.name for tap in stored.taps]
    graph = Graph(read_graph(data), taps, stored.fill)
    alone = [graph.run(sample) for sample in samples]
    values = tuple(alone[0][tap] for tap in taps)
    model = _cut(read_graph(data), graph, taps, values)
    prefix = f"{name}/"
    model = compose.add_prefix(model, prefix)
    inner = model.graph.input[0].name
    batch = BATCH if graph.input.dimensions[0] is None else 1
    kind = helper.np_dtype_to_tensor_dtype(graph.input.dtype)
    taken = helper.make_tensor_value_info(name, kind, [batch, *samples[0].shape])
    del model.graph.input[:]
    model.graph.input.append(taken)
    model.graph.node.insert(0, helper.make_node("Identity", [name], [inner], f"{prefix}input"))
    part = GraphPart(model, tuple(f"{prefix}{tap}" for tap in taps), values, any_batch=False)
    expected = [np.concatenate([one[tap] for one in alone]) for tap in taps]
    alike = batch == BATCH and _gives(part, name, np.stack(samples), expected)
    return GraphPart(part.model, part.outputs, part.values, alike)


def _cut(model: ModelProto, graph: Graph, taps: list[str], values: tuple[Array, ...]) -> ModelProto:
    """Leave the sample as the only input and the taps as the outputs; the rest is constant."""
    taken = next(given for given in model.graph.input if given.name == graph.input.name)
    outputs = [
        helper.make_tensor_value_info(
            tap, helper.np_dtype_to_tensor_dtype(value.dtype), [None, *value.shape[1:]]
        )
        for tap, value in zip(taps, values, strict=True)
    ]
    # Shapes that the file notes may be those of another batch.
    for field in (model.graph.input, model.graph.output, model.graph.value_info):
        del field[:]
    model.graph.input.append(taken)
    model.graph.output.extend(outputs)
    model.graph.initializer.extend(
        numpy_helper.from_array(value, name) for name, value in graph.filled.items()
    )
    return model


def _gives(part: GraphPart, name: str, batch: Array, expected: Sequence[Array]) -> bool:
    """Return whether a part gives these outputs for several samples at a time."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(
            part.model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        given = session.run(list(part.outputs), {name: batch})
    except Exception:  # ONNX Runtime's errors have no class of their own
        return False
    return all(
        one.shape == other.shape and np.allclose(one, other, rtol=1e-3, atol=1e-4)
        for one, other in zip(given, expected, strict=True)
    )


def joined(model: ModelProto, parts: Sequence[GraphPart], version: int) -> ModelProto:
    """Return a model whose inputs named like outputs of the parts are computed by these.

    Args:
        model: what comes after the parts.
        parts: before it.
        version: of ONNX's own operators, at least that of all.

    Raises:
        NetworkError: a part cannot be brought to this version, or does not go with the others.
    """
    for part in parts:
        given = part.model.graph.input[0].name
        try:
            before = part.model
            if part.opset != version:
                before = onnx.version_converter.convert_version(before, version)
            newest = max(before.ir_version, model.ir_version)
            before.ir_version = model.ir_version = newest
            pairs = [(output, f"{output}{TAKEN}") for output in part.outputs]
            model = compose.merge_models(before, model, io_map=pairs)
        except (ValueError, RuntimeError, onnx.checker.ValidationError) as error:
            reason = " ".join(str(error).split())[:300]
            raise NetworkError(f"input {given}: its graph cannot be merged: {reason}") from error
    return model


TAKEN = "/taken"
"""Ends the name of an input of a model that is to be joined with an output of a part."""
