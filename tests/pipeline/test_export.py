"""Exported files answer as the stored model does: every form, every operator, every subset."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper

from brainray.catalog.store import Store
from brainray.catalog.values import Model
from brainray.errors import NetworkError
from brainray.fusion.forms import build
from brainray.fusion.genome import Level, Wiring
from brainray.fusion.network import FusionNetwork, TapScale
from brainray.networks.interface import LOGITS, TappedNetwork, build_preparation
from brainray.networks.lenet import LeNet3
from brainray.networks.onnx import OnnxNetwork
from brainray.networks.onnx_file import read_graph
from brainray.networks.onnx_graph import Graph
from brainray.networks.text import FastText
from brainray.pipeline.export import onnx_file
from brainray.pipeline.export.check import made_up, made_up_samples
from brainray.pipeline.export.onnx_file import Exported, export_onnx
from brainray.pipeline.frozen import StoredGraph
from brainray.pipeline.predict import Backbone, Predictor
from brainray.shapes import Array
from brainray.testing.graphs import OPSET, model_bytes, picture_graph

LABELS = ("cat", "dog", "owl", "ant")
GREY = {"name": "grey_image", "size": 28}
WORDS = {"name": "hashed_words", "tokens": 16}


def image_backbone() -> Backbone:
    return Backbone(LeNet3((1, 28, 28), len(LABELS)).eval(), build_preparation(GREY))


def text_backbone() -> Backbone:
    return Backbone(FastText((16,), len(LABELS)).eval(), build_preparation(WORDS))


def frozen_backbone(store: Store, file: bytes, fill: Mapping[str, float] | None = None) -> Backbone:
    """Return the backbone of an uploaded graph on grey pictures, with a head of random weights."""
    sha256 = hashlib.sha256(file).hexdigest()
    key = f"models/vision/shape/{sha256}.onnx"
    store.put(key, file)
    found = Graph(read_graph(file), (), fill).taps(np.zeros((1, 28, 28), np.float32))
    graph = StoredGraph("graph", key, sha256, 1, tuple(found), dict(fill or {}))
    network = OnnxNetwork(graph.open(store), len(LABELS))
    torch.nn.init.normal_(network.head.linear.weight, 0, 0.3)
    return Backbone(network.eval(), build_preparation(GREY), graph)


def fusion_of(
    parts: Mapping[str, Backbone],
    operators: tuple[str, ...],
    representation: str = "joint",
    feedback: bool = False,
    absent: str = "",
) -> FusionNetwork:
    """Return a fusion network on what the parts give, with random weights everywhere.

    The first level, and every other one from there on, lacks the absent input.
    """
    generator = torch.Generator().manual_seed(0)
    taps = {name: _features(part) for name, part in parts.items()}
    levels = tuple(
        Level(
            {
                name: list(given)[-1 - number % 2]
                for name, given in taps.items()
                if number % 2 or name != absent
            },
            operator,
        )
        for number, operator in enumerate(operators)
    )
    wiring = Wiring({name: f"{name}-1" for name in parts}, levels, representation, feedback)
    scales = {
        (name, tap): TapScale(
            torch.randn(value.shape[1], generator=generator),
            0.5 + torch.rand(value.shape[1], generator=generator),
        )
        for name, given in taps.items()
        for tap, value in given.items()
    }
    prior = torch.tensor([0.4, 0.3, 0.2, 0.1]).log()
    network = build(wiring, scales, dict.fromkeys(parts, 1.7), prior, 6, generator)
    for weight in network.parameters():
        torch.nn.init.normal_(weight, 0, 0.5, generator=generator)
    return network.eval()


def _features(part: Backbone) -> dict[str, torch.Tensor]:
    raw = made_up(part.preparation.modality, 0)
    with torch.inference_mode():
        return part.network.tap_features(part.prepare(raw)[None])


def predictor_of(parts: Mapping[str, Backbone], fusion: FusionNetwork | None) -> Predictor:
    declared: dict[str, Any] = {
        name: GREY if part.preparation.modality == "image" else WORDS
        for name, part in parts.items()
    }
    kind = "unimodal" if fusion is None else "fused"
    values = dict.fromkeys((field.name for field in dataclasses.fields(Model)), "")
    values |= {
        "id": f"{kind}-1",
        "kind": kind,
        "version": 3,
        "sha256": "ab" * 32,
        "preparation": declared if fusion else next(iter(declared.values())),
        "created": datetime.now(UTC),
    }
    return Predictor(Model(**values), parts, fusion, LABELS)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store"), tmp_path / "cache")


def session(path: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def check(store: Store, predictor: Predictor, path: Path) -> Exported:
    """Export, and compare with the predictor here too: rows with other inputs in one batch."""
    done = export_onnx(store, predictor, path)
    assert done.difference < 1e-5
    assert done.size_bytes == path.stat().st_size
    samples = made_up_samples(predictor)[:3]
    names = list(predictor.inputs)
    subsets = [names, names[:1], names[-1:]]
    given: dict[str, list[Array]] = {}
    for sample, subset in zip(samples, subsets, strict=True):
        for name in names:
            # What stands in the place of a missing input does not matter, not even NaN.
            value = sample[name].numpy()
            if name not in subset and value.dtype.kind == "f":
                value = np.full_like(value, np.nan)
            given.setdefault(name, []).append(value)
            if predictor.fusion is not None:
                given.setdefault(f"{name}_present", []).append(np.array(name in subset))
    step = 3 if done.any_batch else 1
    opened = session(path)
    got = [
        opened.run(None, {n: np.stack(v[i : i + step]) for n, v in given.items()})
        for i in range(0, 3, step)
    ]
    logits, probabilities = (np.concatenate(parts) for parts in zip(*got, strict=True))
    for row, (sample, subset) in enumerate(zip(samples, subsets, strict=True)):
        (answer,) = predictor.answer([{name: sample[name] for name in subset}])
        assert probabilities[row] == pytest.approx(list(answer.probabilities.values()), abs=1e-5)
        assert LABELS[logits[row].argmax()] == answer.label
    # The file answers the inputs it is given, by far more than the tolerance above.
    assert min(abs(one - two).max() for one, two in combinations(probabilities, 2)) > 1e-4
    return done


@pytest.mark.parametrize(
    ("operators", "representation", "feedback"),
    [
        (("concat", "weighted_sum", "bilinear", "attention"), "joint", False),
        (("attention", "bilinear"), "joint", True),
        (("concat", "concat"), "coordinated", False),
    ],
)
def test_every_form_and_operator_answers_alike(
    store: Store, tmp_path: Path, operators: tuple[str, ...], representation: str, feedback: bool
) -> None:
    torch.manual_seed(0)
    parts = {"type": image_backbone(), "note": text_backbone()}
    fusion = fusion_of(parts, operators, representation, feedback)
    assert check(store, predictor_of(parts, fusion), tmp_path / "model.onnx").any_batch


@pytest.mark.parametrize(
    ("operators", "representation", "feedback", "absent"),
    [
        (("attention", "bilinear"), "joint", True, "type"),
        (("concat",), "coordinated", False, "note"),
    ],
)
def test_levels_without_an_input_answer_alike(
    store: Store,
    tmp_path: Path,
    operators: tuple[str, ...],
    representation: str,
    feedback: bool,
    absent: str,
) -> None:
    torch.manual_seed(0)
    parts = {"type": image_backbone(), "note": text_backbone()}
    fusion = fusion_of(parts, operators, representation, feedback, absent)
    assert check(store, predictor_of(parts, fusion), tmp_path / "model.onnx").any_batch


def test_a_file_says_how_its_inputs_are_prepared(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    assert check(store, predictor_of({"note": text_backbone()}, None), path).any_batch
    opened = session(path)
    assert [(one.name, one.shape) for one in opened.get_inputs()] == [("note", ["batch", 16])]
    assert [one.name for one in opened.get_outputs()] == ["logits", "probabilities"]
    notes = opened.get_modelmeta().custom_metadata_map
    assert notes["model_id"] == "unimodal-1"
    assert notes["model_version"] == "3"
    assert notes["model_sha256"] == "ab" * 32
    assert json.loads(notes["labels"]) == list(LABELS)
    declared = json.loads(notes["inputs"])["note"]
    assert declared["present"] is None
    preparation = build_preparation(declared["preparation"])
    assert preparation == build_preparation(WORDS)
    assert declared["shape"] == list(preparation.shape)
    assert declared["dtype"] == "int64"


def state_graph(batch: int | str) -> bytes:
    """A graph with a state beside the picture, whose batch is that of the picture."""
    nodes = [
        helper.make_node("Flatten", ["picture"], ["flat"]),
        helper.make_node("ReduceMean", ["flat"], ["level"], axes=[1]),
        helper.make_node("Add", ["level", "state"], ["moved"]),
        helper.make_node("Concat", ["level", "moved"], ["scores"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "state",
        [
            helper.make_tensor_value_info("picture", TensorProto.FLOAT, [batch, 1, 28, 28]),
            helper.make_tensor_value_info("state", TensorProto.FLOAT, [batch, 2]),
        ],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [batch, 3])],
    )
    return model_bytes(graph)


@pytest.mark.parametrize(
    ("file", "fill", "any_batch"),
    [
        (picture_graph(), None, True),
        (picture_graph(batch=1), None, False),
        (state_graph("n"), {"state": 0.5}, True),  # a state of one row goes with any batch
        (state_graph(1), {"state": 0.5}, False),
    ],
    ids=["any", "one", "filled", "filled one"],
)
def test_uploaded_graphs_are_merged(
    store: Store,
    tmp_path: Path,
    file: bytes,
    fill: dict[str, float] | None,
    any_batch: bool,
) -> None:
    torch.manual_seed(0)
    parts = {"picture": frozen_backbone(store, file, fill), "note": text_backbone()}
    path = tmp_path / "model.onnx"
    done = check(store, predictor_of(parts, fusion_of(parts, ("concat",))), path)
    assert done.any_batch == any_batch
    names = [one.name for one in session(path).get_inputs()]
    assert sorted(names) == ["note", "note_present", "picture", "picture_present"]
    merged = onnx.load(path)
    assert max(entry.version for entry in merged.opset_import) >= max(OPSET, onnx_file.OPSET)


def test_a_file_that_answers_otherwise_is_not_kept(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = predictor_of({"note": text_backbone()}, None)
    original = onnx_file._traced

    def wrong(*arguments: Any) -> Any:
        model = original(*arguments)
        for tensor in model.graph.initializer:
            if "head" in tensor.name and "bias" in tensor.name:
                tensor.CopyFrom(
                    onnx.numpy_helper.from_array(np.array([3, 0, 0, 0], np.float32), tensor.name)
                )
        return model

    monkeypatch.setattr(onnx_file, "_traced", wrong)
    path = tmp_path / "out/model.onnx"
    with pytest.raises(NetworkError, match=r"differs from the stored model by 0\.\d+ .* nothing"):
        export_onnx(store, predictor, path)
    assert not path.exists()
    assert not path.parent.exists()


class Deciding(TappedNetwork):
    """Decides in Python by its values, which no graph can follow."""

    def forward_taps(self, inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        logits = torch.zeros(len(inputs), len(LABELS))
        return {LOGITS: logits + 1 if inputs.sum() > 3 else logits}


def test_what_cannot_be_traced_is_one_line(store: Store, tmp_path: Path) -> None:
    parts = {"note": Backbone(Deciding().eval(), build_preparation(WORDS))}
    with pytest.raises(NetworkError, match=r"^export: ") as caught:
        export_onnx(store, predictor_of(parts, None), tmp_path / "model.onnx")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("*.onnx"))


@pytest.mark.parametrize("name", ["logits", "probabilities", "note_present"])
def test_a_name_that_means_something_else_is_refused(
    store: Store, tmp_path: Path, name: str
) -> None:
    parts = {name: image_backbone(), "note": text_backbone()}
    predictor = predictor_of(parts, fusion_of(parts, ("concat",)))
    with pytest.raises(NetworkError, match=f"an input cannot be called '{name}'"):
        export_onnx(store, predictor, tmp_path / "model.onnx")
