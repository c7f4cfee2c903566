import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import torch

from brainray.catalog import Library, NewModel, Store, recipe_of, store_weights
from brainray.datasets.dataset import Dataset
from brainray.settings import Settings


@pytest.fixture(params=["local", "object store"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    url = str(tmp_path / "store") if request.param == "local" else f"memory://{uuid4().hex}"
    return Store(url, tmp_path / "cache")


@pytest.fixture
def local(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store"), tmp_path / "cache")


@pytest.fixture
def settings(tmp_path: Path, settings_in: Callable[[Path], Settings]) -> Settings:
    return settings_in(tmp_path / "home")


@pytest.fixture
def library(settings: Settings) -> Library:
    return Library.open(settings)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    data = b"the catalog does not look into a packed file"
    sha256 = hashlib.sha256(data).hexdigest()
    path = tmp_path / f"{sha256}.parquet"
    path.write_bytes(data)
    rows = {"train": 7, "validation": 2, "test": 1}
    return Dataset(path, "digits", sha256, ("0", "1"), {"image": "image"}, rows)


@pytest.fixture
def new_model(library: Library, dataset: Dataset) -> Callable[..., NewModel]:
    """Stores weights and a data set and returns a model of them, changed as asked."""
    library.add_data_set(dataset, "files")

    def build(seed: int = 0, **changes: Any) -> NewModel:
        tensors = {"weight": torch.full((2, 3), float(seed)), "bias": torch.zeros(2)}
        values: dict[str, Any] = {
            "name": "lenet3.image-adam",
            "kind": "unimodal",
            "network": "lenet3.image",
            "sub_region": "vision.shape",
            "modality": "image",
            "data_set": dataset.sha256,
            "optimizer": "adam",
            "platform": "PyTorch 2.13",
            "preparation": {"name": "grey_image", "size": 28},
            "recipe": recipe_of({"seed": seed}),
            "weights": store_weights(
                library.store, changes.get("sub_region", "vision.shape"), tensors
            ),
            "metrics": {"validation": 0.5},
        }
        return NewModel(**(values | changes))

    return build


@pytest.fixture
def fused(library: Library, new_model: Callable[..., NewModel]) -> Callable[..., NewModel]:
    """Registers two backbones and returns a fused model of them, changed as asked."""
    backbones = [library.register(new_model(seed)).id for seed in (1, 2)]

    def build(seed: int = 100, **changes: Any) -> NewModel:
        values = {
            "name": "two-eyes",
            "kind": "fused",
            "network": None,
            "sub_region": "multisensory.integration",
            "modality": "image",
            "backbones": tuple(reversed(backbones)),
            "spec": {"genome": [0, 1], "taps": [{"left": "conv1"}]},
        }
        return new_model(seed, **(values | changes))

    return build
