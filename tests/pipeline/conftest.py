"""A small scenario of one's own: a manifest with an image and a text column."""

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from brainray.scenario import Report, Scenario, load_scenario, parse_scenario
from brainray.settings import Settings
from brainray.testing.places import settings_below

WORDS = ("zero one", "zero one", "two three", "two three")
"""A text names the shown digit and another one, in random order: half of the answer."""


@pytest.fixture
def empty(tmp_path: Path) -> Settings:
    """Nothing is there yet."""
    return settings_below(tmp_path / "home")


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Shared by the tests that look at one finished run."""
    return settings_below(tmp_path_factory.mktemp("shared"))


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    images, digits = load_digits(return_X_y=True)
    generator = np.random.default_rng(0)
    chosen = [i for i in range(len(digits)) if digits[i] < 4]
    rows = []
    for number, i in enumerate(chosen):
        noisy = images[i].reshape(8, 8) * 8 + generator.normal(0, 70, (8, 8))
        words = WORDS[digits[i]].split()
        generator.shuffle(words)
        rows.append(
            {
                # Some samples lack an input.
                "picture": None if number % 17 == 3 else png(noisy.clip(0, 255).astype(np.uint8)),
                "caption": None if number % 17 == 8 else " ".join(words),
                "label": f"digit {digits[i]}",
            }
        )
    path = tmp_path_factory.mktemp("manifest") / "mine.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


SCENARIO = """
name: pictures-and-captions
goal: {{target: label}}
inputs:
  picture: {{modality: image, networks: [lenet3.image, mediumnet.image]}}
  caption: {{modality: text}}
data: {{manifest: {manifest}}}
search: {{budget: 24, brood: 4, epochs: 2, depth: 2, finalists: 2, hidden: 8}}
pretraining: {{epochs: 3, batch_size: 16, optimizers: [adam]}}
training: {{epochs: 3, workers: 2}}
"""


@pytest.fixture(scope="session")
def scenario(tmp_path_factory: pytest.TempPathFactory, manifest: Path) -> Scenario:
    path = tmp_path_factory.mktemp("scenario") / "scenario.yaml"
    path.write_text(SCENARIO.format(manifest=manifest))
    return load_scenario(path)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    """A run of a second."""
    path = tmp_path_factory.mktemp("two-texts") / "two-texts.csv"
    rows = ["left,right,label"]
    for number in range(80):
        first, second = ("low", "high")[number % 4 // 2], ("even", "odd")[number % 2]
        rows.append(f"{first} filler{number % 7},{second} filler{number % 5},{number % 4}")
    path.write_text("\n".join(rows) + "\n")
    text = {"modality": "text", "networks": ["fasttext.text"]}
    return parse_scenario(
        {
            "name": "two-texts",
            "goal": {"target": "label"},
            "inputs": {"left": text, "right": text},
            "data": {"manifest": path},
            "search": {"budget": 8, "brood": 2, "epochs": 2, "depth": 1, "finalists": 1},
            "pretraining": {"epochs": 2, "optimizers": ["adam"]},
            "training": {"epochs": 2, "workers": 1},
        },
        origin="test",
    )


@pytest.fixture
def made_up() -> Report:
    """A report without a run behind it: two inputs, two levels, one stratum, two active ROIs."""
    tested = {"test": 0.8, "interval": (0.7, 0.9)}
    gain = {"value": 0.05, "interval": (-0.01, 0.11)}
    roi = {"label": "lateral occipital cortex", "coordinates": (-40.0, -70.0, -5.0)}
    roi |= {"function": "shape", "degree": 4.0, "relative": 1.0, "strength": 0.875}
    explained = {
        "weight": 0.75,
        "rank": 1,
        "asked": True,
        "functions": {"shape": 0.7, "color": 0.2, "motion": 0.06, "fear": 0.04},
        "spread": 0.1,
        "rois": [roi | {"name": name} for name in ("LOC", "V4", "V1", "V2")],
        "connections": [],
        "reason": "It carries shape.",
    }
    bins = [
        {"low": -20.0, "high": 0.5, "rows": 40, "fused": 0.7, "interval": (0.6, 0.8)},
        {"low": 0.5, "high": 10.0, "rows": 1, "fused": 1.0, "interval": None},
    ]
    return Report.model_validate(
        {
            "run_id": "made-up-1",
            "scenario": "made-up",
            "seed": 3,
            "versions": {"torch": "2.13"},
            "data": {
                "name": "digits",
                "source": "files",
                "sha256": "ab" * 32,
                "rows": {"train": 100, "test": 41},
                "sources": {"a.parquet": "cd" * 32},
            },
            "pathway": {
                "sub_regions": {"vision.shape": 1.0, "audition.speech": 0.5},
                "connections": [("vision.shape", "audition.speech", 0.5)],
                "integration": {"vision.shape": 0.25, "audition.speech": 0.0},
                "functions": {"image": ["shape"], "audio": ["speech_perception"]},
                "inputs": {"image": ["vision.shape"], "audio": ["audition.speech"]},
                "rois": {"LOC": 1.0, "STG": 0.5},
                "atlas": "small",
            },
            "search": {
                "algorithm": "evolution",
                "evaluated": 3,
                "failed": 1,
                "seconds": 2.0,
                "history": [
                    {"genome": [n], "models": {"image": "i", "audio": "a"}, "value": value}
                    for n, value in enumerate([0.7, None, 0.9])
                ],
            },
            "training": {"strategy": "all_reduce", "workers": 2, "seconds": 1.0},
            "best": tested
            | {
                "genome": [0, 1],
                "models": {"image": "lenet.image-1", "audio": "mediumnet.audio-2"},
                "taps": [
                    {"image": "conv1", "audio": "logits"},
                    {"image": "logits", "audio": "conv2"},
                ],
                "operators": ["concat", "weighted_sum"],
                "depth": 2,
                "validation": 0.9,
                "network_taps": {
                    "image": ["conv1", "logits"],
                    "audio": ["conv1", "conv2", "logits"],
                },
            },
            "unimodal": {
                "image": tested | {"model": "lenet.image-1", "validation": 0.5},
                "audio": tested | {"model": "mediumnet.audio-2", "validation": 0.8},
            },
            "reheaded": {
                "image": tested | {"validation": 0.5},
                "audio": tested | {"validation": 0.8},
            },
            "gate": {"chosen": "fused", "margin": 0.1},
            "model": {"id": "made-up-9", "version": 2, "parameters": 1234, "path": "p"},
            "seconds": {"search": 2.0},
            "units": {"by": "group", "count": 17},
            "gain": {
                "unimodal": gain | {"over": "audio"},
                "reheaded": gain | {"over": "image", "value": -0.02},
            },
            "robustness": {
                "image": {"missing": tested, "shuffled": tested, "others": {"audio": 0.75}},
                "audio": {"missing": tested, "shuffled": tested, "others": {"image": 0.4}},
            },
            "confusion": {"labels": ["no", "yes"], "counts": [[20, 1], [2, 18]]},
            "strata": {
                "snr_db": [part | {"unimodal": {"image": 0.4, "audio": 0.6}} for part in bins],
                "never_known": [],
            },
            "explanation": {
                "image": explained
                | {
                    "model": "lenet.image-1",
                    "sub_region": "vision.shape",
                    "connections": [
                        {"to": "audition.speech", "weight": 0.34, "through": ["language.reading"]},
                        {"to": "language.reading", "weight": 0.9, "through": []},
                    ],
                },
                "audio": explained
                | {"model": "mediumnet.audio-2", "sub_region": "audition.speech", "asked": False},
            },
        }
    )
