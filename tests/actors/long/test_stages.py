"""A network that is larger than a worker may be is trained by several, on Ray."""

import io
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

from actors.runner import RayRunner
from brainray.catalog import Library, load_weights
from brainray.datasets.dataset import SPLITS
from brainray.datasets.source import load_dataset
from brainray.errors import TrainingError
from brainray.pipeline.columns import ColumnUnit
from brainray.pipeline.local import LocalRunner
from brainray.pipeline.units import PretrainUnit, Together
from brainray.scenario import parse_scenario
from brainray.settings import Settings
from brainray.training.loop import Recipe

pytestmark = pytest.mark.usefixtures("ray_cluster")


@pytest.fixture
def unit(settings: Settings, tmp_path: Path) -> PretrainUnit:
    images, digits = load_digits(return_X_y=True)
    rows = []
    for pixels, digit in zip(images[:400], digits[:400], strict=True):
        buffer = io.BytesIO()
        Image.fromarray((pixels.reshape(8, 8) * 15).astype("uint8")).save(buffer, "PNG")
        rows.append({"picture": buffer.getvalue(), "label": int(digit)})
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "digits.parquet")
    document = {
        "name": "digits",
        "goal": {"target": "label"},
        "inputs": {"picture": {"modality": "image"}},
        "data": {"manifest": tmp_path / "digits.parquet"},
    }
    scenario = parse_scenario(document, origin="test")
    dataset, source = load_dataset(scenario.data, {"picture": "image"}, "label", 0, settings)
    library = Library.open(settings)
    library.add_data_set(dataset, source)
    spec = library.network("lenet5.image")
    return PretrainUnit(
        columns={
            split: ColumnUnit(library.store, dataset.sha256, "picture", split, spec.preparation)
            for split in SPLITS
        },
        spec=spec,
        sub_region="vision.shape",
        classes=len(dataset.classes),
        recipe=Recipe(1, 32, "adam", 3e-3),
        seed=0,
    )


def test_stages_are_trained_by_train_workers(
    runner: RayRunner, unit: PretrainUnit, settings: Settings
) -> None:
    def made(unit: PretrainUnit) -> dict[str, torch.Tensor]:
        (done,) = runner.pretrain([unit], 2, lambda number, result: None)
        return load_weights(Library.open(settings).store, done.weights.key)

    with pytest.raises(TrainingError, match=r"limit_bytes is 1,000; .* needs .* by itself"):
        made(replace(unit, memory_limit=1000))
    staged = made(replace(unit, together=Together("pipeline", {"schedule": "gpipe"}, 2)))
    (done,) = LocalRunner(settings).pretrain([unit], 1, lambda number, result: None)
    for name, weight in load_weights(Library.open(settings).store, done.weights.key).items():
        torch.testing.assert_close(staged[name], weight, rtol=0, atol=1e-3)
