"""A network that is grown on actors is the one that is grown in one process."""

import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from actors.runner import ray_runner
from brainray.catalog import Library
from brainray.pipeline.local import local_runner
from brainray.pipeline.run import run_scenario
from brainray.scenario import Scenario, parse_scenario
from brainray.settings import Settings
from brainray.testing.places import settings_below

pytestmark = pytest.mark.usefixtures("ray_cluster")
SEED = 2


def picture_of(digit_HW: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(digit_HW).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def growing(tmp_path: Path) -> Scenario:
    digits = load_digits(n_class=4)
    pictures = (digits.images[:160] * 15.9).astype("uint8")
    rows = [
        {"picture": picture_of(picture), "label": f"digit {digit}"}
        for picture, digit in zip(pictures, digits.target[:160], strict=True)
    ]
    path = tmp_path / "pictures.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    return parse_scenario(
        {
            "name": "pictures",
            "goal": {"target": "label"},
            "inputs": {"picture": {"modality": "image", "networks": ["lenet3.image"]}},
            "data": {"manifest": path},
            "search": {"budget": 6, "brood": 2, "finalists": 2},
            "grow": {"enabled": True, "depth": 3, "filters": [4, 8], "rows": 100, "epochs": 1},
            "pretraining": {"epochs": 1, "batch_size": 16, "optimizers": ["adam"]},
            "training": {"workers": 2},
        },
        origin="test",
    )


def test_it_equals_one_that_is_grown_locally(
    growing: Scenario, settings: Settings, tmp_path: Path
) -> None:
    elsewhere = settings_below(tmp_path / "local")
    here = run_scenario(growing, SEED, elsewhere, local_runner)
    there = run_scenario(growing, SEED, settings, ray_runner)
    assert there.search.history == here.search.history
    assert there.grown == here.grown
    assert there.best == here.best
    assert there.gate == here.gate
    models = [
        Library.open(places).model(report.best.models["picture"]).sha256
        for places, report in ((settings, there), (elsewhere, here))
    ]
    assert models[0] == models[1]  # down to the weights
