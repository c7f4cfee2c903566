"""Uploaded graphs in a scenario: offered, headed, fused, loaded; the graph is stored once."""

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

from brainray.catalog import Library, load_weights
from brainray.catalog.cards import ModelCard, NetworkCard, parse_card
from brainray.datasets.dataset import open_dataset
from brainray.errors import CatalogError, ScenarioError
from brainray.fusion.bank import FeatureBank
from brainray.networks.onnx import OnnxNetwork, OnnxTaps
from brainray.networks.onnx_file import read_graph
from brainray.networks.onnx_graph import Graph, Tap
from brainray.pipeline.export.onnx_file import export_onnx
from brainray.pipeline.frozen import train_head, with_head
from brainray.pipeline.local import local_runner
from brainray.pipeline.predict import load_model
from brainray.pipeline.region import Region
from brainray.pipeline.run import run_scenario
from brainray.scenario import Report, Scenario, load_scenario
from brainray.seeding import torch_generator
from brainray.settings import Settings
from brainray.shapes import Recording
from brainray.testing.graphs import picture_graph, picture_weights

GREY = {"name": "grey_image", "size": 28}


def uploaded(library: Library, name: str, file: Path, card: dict[str, Any]) -> str:
    """Add a network with one uploaded graph; return the model's id."""
    network = {"name": name, "architecture": "onnx", "category": "Mine"}
    fill = card.pop("fill", {})
    library.add_network(parse_card(network | card, NetworkCard, "card"))
    model = {"network": name, "data_set": "elsewhere", "platform": "ONNX Runtime 1.32"}
    draft = library.declare_card(parse_card(model | {"fill": fill}, ModelCard, "card"))
    return library.upload(draft, file).id


def picture_card() -> dict[str, Any]:
    return {"modality": "image", "preparation": GREY, "sub_regions": ["vision.shape"]}


def using(scenario: Scenario, *networks: str, **training: int) -> Scenario:
    part = scenario.inputs["picture"].model_copy(update={"networks": networks})
    return scenario.model_copy(
        update={
            "inputs": scenario.inputs | {"picture": part},
            "training": scenario.training.model_copy(update=training),
        }
    )


def add_mine(settings: Settings, file: Path) -> tuple[Library, str]:
    library = Library.open(settings)
    library.add_named_data_set("elsewhere")
    file.write_bytes(picture_graph())
    return library, uploaded(library, "mine.image", file, picture_card())


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("frozen")


@pytest.fixture(scope="module")
def own(home: Path) -> Settings:
    """A catalog with an uploaded graph."""
    folders = {name: home / name for name in ("cache", "runs")}
    return Settings(
        database_url=f"sqlite:///{home / 'catalog.sqlite'}",
        store_url=str(home / "store"),
        data=None,
        **folders,
    )


@pytest.fixture(scope="module")
def graph(own: Settings, home: Path) -> str:
    return add_mine(own, home / "mine.bin")[1]


@pytest.fixture(scope="module")
def report(own: Settings, graph: str, scenario: Scenario) -> Report:
    return run_scenario(using(scenario, "mine.image"), 0, own, local_runner)


def test_a_frozen_network_is_fused_with_trained_ones(report: Report, own: Settings) -> None:
    library = Library.open(own)
    model = library.model(report.best.models["picture"])
    assert model.network == "mine.image"
    assert report.best.network_taps["picture"] == ["conv1", "conv2", "scores", "logits"]
    assert library.model(report.best.models["caption"]).network in ("fasttext.text", "textcnn.text")
    assert report.unimodal["picture"].validation > 0.3  # four classes; the graph has random weights
    assert report.best.validation > report.unimodal["picture"].validation


def test_a_head_learns_what_its_features_say() -> None:
    taps = OnnxTaps(Graph(read_graph(picture_graph()), ["scores"]), (Tap("scores", (5,), 1),))
    generator = torch_generator(0, "features")
    target_N = torch.randint(3, (300,), generator=generator)
    scores_ND = torch.randn((300, 5), generator=generator) + 6 * torch.eye(5)[target_N]
    present = torch.rand(300, generator=generator) > 0.1
    features = FeatureBank({"scores": scores_ND * present[:, None] * 100}, present)
    network = OnnxNetwork(taps, 3)
    train_head(network, features, target_N, seed=0)
    bank = with_head(network, features)
    assert (bank.logits.argmax(1) == target_N)[present].float().mean() > 0.95
    assert not bank.logits[~present].any()
    assert torch.equal(bank.taps["scores"], features.taps["scores"])


def test_its_head_is_all_that_is_stored_of_it(report: Report, own: Settings, graph: str) -> None:
    library = Library.open(own)
    model = library.model(report.best.models["picture"])
    assert model.parent == graph
    assert set(load_weights(library.store, model.key)) == {
        "head.mean",
        "head.deviation",
        "head.linear.weight",
        "head.linear.bias",
    }
    assert model.parameters == 2 * 15 + 15 * 4 + 4
    assert len(list((Path(own.store_url) / "models").rglob("*.onnx"))) == 1


def test_a_run_again_finds_its_head(report: Report, own: Settings, scenario: Scenario) -> None:
    again = run_scenario(using(scenario, "mine.image"), 0, own, local_runner)
    assert again.best == report.best
    assert again.model.id == report.model.id


def fused(library: Library, report: Report) -> str:
    """Return the fused model of a run, whichever network the gate has returned."""
    return next(
        model.id
        for model in library.models(kind="fused")
        if model.spec["genome"] == report.best.genome and model.run_id == report.run_id
    )


def test_the_fused_model_answers(report: Report, own: Settings, scenario: Scenario) -> None:
    library = Library.open(own)
    predictor = load_model(library, fused(library, report))
    dataset = open_dataset(library.dataset_path(str(report.data["sha256"])))
    pictures = dataset.column("validation", "picture")
    captions = dataset.column("validation", "caption")
    right = []
    for picture, caption, target in zip(
        pictures, captions, dataset.target("validation"), strict=True
    ):
        given = {"picture": picture, "caption": caption}
        answer = predictor({name: raw for name, raw in given.items() if raw is not None})
        right.append(answer.label == dataset.classes[target])
    assert float(np.mean(right)) == pytest.approx(report.best.validation, abs=0.02)


def test_a_region_holds_it(report: Report, own: Settings, graph: str) -> None:
    region = Region("vision", own)
    model = report.best.models["picture"]
    features = region.features(model, [np.zeros((8, 8), np.uint8)] * 2)
    assert {name: tap.shape for name, tap in features.items()} == {
        "conv1": (2, 4),
        "conv2": (2, 6),
        "scores": (2, 5),
        "logits": (2, 4),
    }
    with pytest.raises(CatalogError, match=rf"^model {graph}: is an uploaded graph without the cl"):
        region.load(graph)
    with pytest.raises(CatalogError, match=rf"^model {graph}: is an uploaded graph without the cl"):
        load_model(Library.open(own), graph)


def test_fine_tuning_leaves_the_graph_as_it_is(
    report: Report, own: Settings, scenario: Scenario
) -> None:
    tuned = run_scenario(using(scenario, "mine.image", fine_tuning_epochs=2), 0, own, local_runner)
    library = Library.open(own)
    weights = load_weights(library.store, library.model(fused(library, tuned)).key)
    own_weights = {name for name in weights if name.startswith("backbones/picture/")}
    assert own_weights <= {
        f"backbones/picture/head.{part}"
        for part in ("mean", "deviation", "linear.weight", "linear.bias")
    }
    assert load_model(library, fused(library, tuned))({"caption": "zero one"}).label.startswith(
        "digit"
    )


def test_two_graphs_of_a_network_are_two_candidates(
    scenario: Scenario, empty: Settings, tmp_path: Path
) -> None:
    library, first = add_mine(empty, tmp_path / "mine.bin")
    weights = {name: value * 2 for name, value in picture_weights().items()}
    (tmp_path / "other.bin").write_bytes(picture_graph(weights=weights))
    card = {"network": "mine.image", "data_set": "elsewhere", "platform": "ONNX Runtime 1.32"}
    draft = library.declare_card(parse_card(card, ModelCard, "card"))
    second = library.upload(draft, tmp_path / "other.bin").id
    found = run_scenario(using(scenario, "mine.image"), 0, empty, local_runner)
    heads = [model for model in library.models(network="mine.image") if model.parent]
    assert {head.parent for head in heads} == {first, second}
    used = {candidate.models["picture"] for candidate in found.search.history}
    assert used == {head.id for head in heads}


def test_a_network_without_a_graph_is_not_offered(scenario: Scenario, empty: Settings) -> None:
    network = {"name": "mine.image", "architecture": "onnx", "category": "Mine"}
    Library.open(empty).add_network(parse_card(network | picture_card(), NetworkCard, "card"))
    with pytest.raises(ScenarioError, match=r"'mine\.image' is not offered by the activated"):
        run_scenario(using(scenario, "mine.image"), 0, empty, local_runner)


def test_a_frozen_network_has_no_start(
    report: Report, own: Settings, graph: str, scenario: Scenario
) -> None:
    pretraining = scenario.pretraining.model_copy(update={"start": (graph,)})
    changed = using(scenario, "mine.image").model_copy(update={"pretraining": pretraining})
    with pytest.raises(ScenarioError, match=r"of mine\.image, which is frozen: it has no start$"):
        run_scenario(changed, 0, own, local_runner)


REAL_SCENARIO = """
name: faces-and-voices
goal: {{target: digit}}
inputs:
  image: {{modality: image, networks: [face.image, lenet3.image]}}
  audio: {{modality: audio, networks: [mel.audio, lenet3.audio]}}
data: {{manifest: {manifest}}}
search: {{budget: 8, brood: 4, epochs: 2, depth: 2, finalists: 1, hidden: 8}}
pretraining: {{epochs: 1, optimizers: [adam]}}
training: {{epochs: 2, workers: 1}}
"""


@pytest.mark.data
def test_real_networks_are_fused(empty: Settings, tmp_path: Path) -> None:
    """A network of facial expressions looks at digits, the mel front end of a wake word hears."""
    models = Path(os.environ["BRAINRAY_DATA"]) / "models"
    library = Library.open(empty)
    library.add_named_data_set("elsewhere")
    face = {
        "name": "scaled_image",
        "height": 64,
        "width": 64,
        "channels": "grey",
        "layout": "last",
        "mean": 127.5,
        "deviation": 127.5,
    }
    image = {"modality": "image", "preparation": face, "sub_regions": ["vision.shape"]}
    uploaded(library, "face.image", models / "face_emotion_64.onnx", image)
    wave = {"name": "waveform", "samples": 4000, "rate": 16_000, "scale": 32768}
    audio = {"modality": "audio", "preparation": wave, "sub_regions": ["audition.speech"]}
    uploaded(library, "mel.audio", models / "openwakeword_melspectrogram.onnx", audio)
    images, digits = load_digits(return_X_y=True)
    rows = [row for row in range(400) if digits[row] < 3]
    manifest = tmp_path / "digits.parquet"
    pq.write_table(
        pa.table(
            {
                "image": [_png(images[row]) for row in rows],
                "audio": [_tone(digits[row], row) for row in rows],
                "audio_rate": [16_000] * len(rows),
                "digit": [f"digit {digits[row]}" for row in rows],
            }
        ),
        manifest,
    )
    path = tmp_path / "scenario.yaml"
    path.write_text(REAL_SCENARIO.format(manifest=manifest))
    report = run_scenario(load_scenario(path), 0, empty, local_runner)
    frozen = {model.network: model for model in library.models() if model.parent}
    assert set(frozen) == {"face.image", "mel.audio"}
    assert all(model.metrics["validation"] > 0.6 for model in frozen.values())  # chance is a third
    assert report.best.validation > 0.8
    predictor = load_model(library, fused(library, report))
    answer = predictor({"audio": Recording(_wave(1, 0).astype(np.float32) / 32768, 16_000)})
    assert answer.label == "digit 1"
    exported = export_onnx(library.store, predictor, tmp_path / "whole.onnx")
    assert exported.difference <= 1e-4


def _png(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray((image.reshape(8, 8) * 15).astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def _wave(digit: int, row: int) -> np.ndarray:
    noise = np.random.default_rng(row).normal(0, 300, 4000)
    seconds = np.arange(4000) / 16_000
    return (np.sin(2 * np.pi * 300 * (digit + 1) * seconds) * 6000 + noise).astype(np.int16)


def _tone(digit: int, row: int) -> bytes:
    return _wave(digit, row).tobytes()
