"""What the augmentation of a scenario changes in a run, and what it leaves as it is."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from brainray.catalog import Library, Model
from brainray.fusion.bank import load_bank
from brainray.pipeline import units
from brainray.pipeline.columns import ColumnUnit
from brainray.pipeline.local import local_runner
from brainray.pipeline.run import run_scenario
from brainray.pipeline.units import PretrainUnit
from brainray.scenario import Scenario, parse_scenario
from brainray.seeding import numpy_generator
from brainray.settings import Settings
from brainray.testing.places import settings_below
from brainray.training.loop import Recipe


def tone(hertz: float) -> bytes:
    wave_T = np.sin(2 * np.pi * hertz * np.arange(1600) / 8000)
    buffer = io.BytesIO()
    soundfile.write(buffer, wave_T, 8000, format="WAV")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def sound_and_caption(tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    """Low and high tones, and a word that tells which."""
    generator = numpy_generator(0, "tones")
    rows = [
        {"sound": tone(generator.uniform(300, 400) * (1 + high)), "caption": word, "label": word}
        for _ in range(30)
        for high, word in enumerate(("low", "high"))
    ]
    path = tmp_path_factory.mktemp("tones") / "tones.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    return parse_scenario(
        {
            "name": "tones",
            "goal": {"target": "label"},
            "inputs": {
                "sound": {"modality": "audio", "networks": ["lenet3.audio"]},
                "caption": {"modality": "text", "networks": ["fasttext.text"]},
            },
            "data": {"manifest": path},
            "search": {"budget": 4, "brood": 2, "epochs": 1, "depth": 1, "finalists": 1},
            "pretraining": {"epochs": 1, "optimizers": ["adam"]},
            "training": {"epochs": 1, "workers": 1},
        },
        origin="test",
    )


def augmented(scenario: Scenario, strength: float, workers: int = 1) -> Scenario:
    update = {"augmentation": strength, "workers": workers}
    pretraining = scenario.pretraining.model_copy(update=update)
    return scenario.model_copy(update={"pretraining": pretraining})


def by_network(settings: Settings) -> dict[str, list[Model]]:
    found: dict[str, list[Model]] = {}
    for model in Library.open(settings).models():
        found.setdefault(model.network, []).append(model)
    return found


def test_only_networks_whose_preparation_augments_are_trained_anew(
    sound_and_caption: Scenario, empty: Settings
) -> None:
    for strength in (0.0, 0.3):
        run_scenario(augmented(sound_and_caption, strength), 0, empty, local_runner)
    models = by_network(empty)
    assert len(models["fasttext.text"]) == 1
    assert len({model.sha256 for model in models["lenet3.audio"]}) == 2


def test_the_same_seed_gives_the_same_weights_with_more_workers(
    sound_and_caption: Scenario, empty: Settings, tmp_path: Path
) -> None:
    other = settings_below(tmp_path / "other")
    for home, workers in ((empty, 1), (other, 2)):
        run_scenario(augmented(sound_and_caption, 0.3, workers), 0, home, local_runner)
    ((one,), (two,)) = (by_network(home)["lenet3.audio"] for home in (empty, other))
    assert one.sha256 == two.sha256


def test_the_recipe_names_the_augmentation_only_if_there_is_one(
    empty: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = Library.open(empty)
    spec = library.network("lenet3.audio")
    column = ColumnUnit(library.store, "0" * 64, "sound", "train", spec.preparation)
    unit = PretrainUnit({"train": column}, spec, "audition", 2, Recipe(1, 1, "adam", 1e-3), 0)
    parts: list[dict[str, Any]] = []
    monkeypatch.setattr(units, "recipe_of", lambda given: parts.append(given) or "")
    for strength in (0.0, 0.1):
        assert replace(unit, augmentation=strength).model_recipe == ""
    assert "augmentation" not in parts[0]
    assert parts[1] == parts[0] | {"augmentation": 0.1}


def test_heads_learn_from_varied_features_of_the_same_networks(
    sound_and_caption: Scenario, empty: Settings
) -> None:
    for strength in (0.0, 0.4, 0.4):
        training = sound_and_caption.training.model_copy(update={"augmentation": strength})
        varied = sound_and_caption.model_copy(update={"training": training})
        run_scenario(varied, 0, empty, local_runner)
    library = Library.open(empty)
    models = by_network(empty)
    ((audio,), (caption,)) = (models[name] for name in ("lenet3.audio", "fasttext.text"))
    # Of each split a bank, and one more of the varied training rows, where they can be varied.
    assert len(library.store.files(f"banks/{caption.sha256}/")) == 3
    banks = [load_bank(library.store, key) for key in library.store.files(f"banks/{audio.sha256}/")]
    rows = max(len(bank.present) for bank in banks)
    plain, other = (bank for bank in banks if len(bank.present) == rows)
    assert len(banks) == 4
    assert set(plain.taps) == set(other.taps)
    assert not plain.logits.equal(other.logits)
    assert len(library.models(kind="fused")) == 2
