"""A stored model as one ONNX file: all its networks and what fuses them.

The file takes prepared inputs; how they are prepared stands in its metadata. It is checked against
the stored model before it is kept.
"""

import json
import logging
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from onnx import ModelProto, helper
from torch import Tensor

from brainray.catalog.store import Store
from brainray.errors import NetworkError
from brainray.files import write_atomically
from brainray.networks.onnx import OnnxNetwork
from brainray.pipeline.export.check import largest_difference, made_up_samples
from brainray.pipeline.export.graphs import BATCH, TAKEN, GraphPart, graph_part, joined
from brainray.pipeline.export.whole import Frozen, Trained, WholeModel
from brainray.pipeline.predict import Predictor

OPSET = 18
"""Of ONNX's own operators, unless an uploaded graph needs a newer one."""
TOLERANCE = 1e-4
"""By how much a probability may differ from the stored model's."""
LOGITS, PROBABILITIES = "logits", "probabilities"


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        size_bytes: of the file.
        difference: the largest between its probabilities and the stored model's.
        samples: that were compared, each with every subset of its inputs.
        any_batch: whether it takes several samples at a time; an uploaded graph may not.
    """

    size_bytes: int
    difference: float
    samples: int
    any_batch: bool


def export_onnx(
    store: Store,
    predictor: Predictor,
    path: Path,
    samples: Sequence[dict[str, Tensor]] | None = None,
) -> Exported:
    """Write a model as one ONNX file, if it answers as the stored one does.

    Its inputs are the prepared tensors by name, `(B, *shape)`, and for a fused model
    ``<input>_present``, bool `(B,)`; its outputs ``logits`` and ``probabilities``, `(B, C)`. The
    metadata hold the model's id, version and sha256, the labels, and the preparation of each
    input.

    Args:
        store: where uploaded graphs are.
        predictor: the stored model.
        path: of the file.
        samples: prepared, to compare the answers to; noise by default.

    Raises:
        NetworkError: the model cannot be exported, or the file answers otherwise; then nothing
            is written.
        CatalogError: an uploaded graph is missing or damaged.
        OSError: the file cannot be written.
    """
    noise = made_up_samples(predictor)
    present = presences(predictor)
    parts = _graph_parts(store, predictor, noise)
    any_batch = all(part.any_batch for part in parts.values())
    model = _traced(predictor, parts, noise, present, any_batch)
    helper.set_model_props(model, _metadata(predictor, present))
    try:
        data: bytes = model.SerializeToString()
    except ValueError as error:
        raise NetworkError("export: the model has 2 GB or more, an ONNX file less") from error
    compared = noise if samples is None else samples
    difference = largest_difference(data, predictor, compared, present, any_batch)
    if not (math.isfinite(difference) and difference <= TOLERANCE):
        raise NetworkError(
            f"export: {predictor.model.id} as ONNX differs from the stored model by "
            f"{difference:.2g} in a probability, allowed is {TOLERANCE:.0e}; nothing was written"
        )
    write_atomically(path, data)
    return Exported(len(data), difference, len(compared), any_batch)


def presences(predictor: Predictor) -> dict[str, str]:
    """Return the name of each input's presence; a unimodal model has none: it needs its input.

    Raises:
        NetworkError: the name of an input means something else in the file.
    """
    fused = predictor.fusion is not None
    present = {name: f"{name}_present" for name in predictor.inputs} if fused else {}
    taken = {LOGITS, PROBABILITIES, *present.values()}
    for name in predictor.inputs:
        if name in taken:
            raise NetworkError(f"export: an input cannot be called {name!r} in an ONNX file")
    return present


def _graph_parts(
    store: Store, predictor: Predictor, samples: Sequence[Mapping[str, Tensor]]
) -> dict[str, GraphPart]:
    """Return the uploaded graphs below a model, by input."""
    return {
        name: graph_part(name, backbone.graph, store, [one[name].numpy() for one in samples[:2]])
        for name, backbone in predictor.backbones.items()
        if backbone.graph is not None
    }


def _traced(
    predictor: Predictor,
    graphs: Mapping[str, GraphPart],
    samples: Sequence[Mapping[str, Tensor]],
    present: Mapping[str, str],
    any_batch: bool,
) -> ModelProto:
    """Return the graph of the whole model, that of the uploaded ones included."""
    rows = 3 if any_batch else 1
    names: list[str] = []
    given: list[list[Tensor]] = []
    modules: dict[str, Trained | Frozen] = {}
    for name, backbone in predictor.backbones.items():
        network = backbone.network
        if isinstance(network, OnnxNetwork):
            modules[name] = Frozen(network)
            values = [np.repeat(value, rows, 0) for value in graphs[name].values]
            given.append([torch.from_numpy(value) for value in values])
            names += [f"{output}{TAKEN}" for output in graphs[name].outputs]
        else:
            modules[name] = Trained(network)
            given.append([torch.stack([sample[name] for sample in samples[:rows]])])
            names.append(name)
    # A tensor of its own each: equal ones would be taken for the same input.
    there = [torch.ones(rows, dtype=torch.bool) for _ in present]
    whole = WholeModel(modules, predictor.fusion).eval()
    target = max([OPSET, *(part.opset for part in graphs.values())])
    traced = _export(whole, given, there, [*names, *present.values()], target, any_batch)
    return joined(traced, list(graphs.values()), target)


def _export(
    whole: WholeModel,
    given: list[list[Tensor]],
    present: list[Tensor],
    names: list[str],
    opset: int,
    any_batch: bool,
) -> ModelProto:
    batch = {0: torch.export.Dim(BATCH)}
    shapes = ([[batch for _ in one] for one in given], [batch for _ in present])
    try:
        with _silenced(), torch.no_grad():
            program = torch.onnx.export(
                whole,
                (given, present),
                input_names=names,
                output_names=[LOGITS, PROBABILITIES],
                opset_version=opset,
                dynamo=True,
                dynamic_shapes=shapes if any_batch else None,
                verbose=False,
            )
    except Exception as error:  # tracing a network of a package may raise anything
        reason = " ".join(str(error).split())[:300]
        raise NetworkError(f"export: PyTorch cannot trace the model: {reason}") from error
    assert program is not None
    model: ModelProto = program.model_proto
    _name_batch(model)
    return model


@contextmanager
def _silenced() -> Iterator[None]:
    """Leave out what the exporter says of itself: deprecations, packages not needed here."""
    logs = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [log.level for log in logs]
    for log in logs:
        log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for log, level in zip(logs, levels, strict=True):
            log.setLevel(level)


def _name_batch(model: ModelProto) -> None:
    """Call the batch by its name, whatever PyTorch calls it; nothing to do for a batch of 1."""
    symbol = model.graph.input[0].type.tensor_type.shape.dim[0].dim_param
    graph = model.graph
    for value in (*graph.input, *graph.output, *graph.value_info):
        for size in value.type.tensor_type.shape.dim:
            if symbol and size.dim_param == symbol:
                size.dim_param = BATCH


def _metadata(predictor: Predictor, present: Mapping[str, str]) -> dict[str, str]:
    model = predictor.model
    declared = (
        model.preparation
        if predictor.fusion is not None
        else dict.fromkeys(predictor.inputs, model.preparation)
    )
    inputs: dict[str, Any] = {
        name: {
            "modality": backbone.preparation.modality,
            "preparation": declared[name],
            "shape": list(backbone.preparation.shape),
            "dtype": str(backbone.preparation.dtype),
            "present": present.get(name),
        }
        for name, backbone in predictor.backbones.items()
    }
    return {
        "brainray_version": version("brainray"),
        "model_id": model.id,
        "model_version": str(model.version),
        "model_sha256": model.sha256,
        "labels": json.dumps(list(predictor.labels), ensure_ascii=False),
        "inputs": json.dumps(inputs, ensure_ascii=False),
    }
