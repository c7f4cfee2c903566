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
from brainray.testing.reports import made_up_report

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
    return made_up_report()
