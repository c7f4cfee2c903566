import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import fsspec
import pytest
import torch
from sqlalchemy import Connection, create_engine, text

from brainray.catalog import Library, NewModel, Store, recipe_of, store_weights, tables
from brainray.catalog.database import open_database, writing
from brainray.catalog.sealing import seal
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
            "metrics": {"validation": 0.5},
        } | changes
        stored = store_weights(library.store, values["sub_region"], tensors)
        return NewModel(**({"weights": stored} | values))

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


@pytest.fixture
def whole(
    library: Library, fused: Callable[..., NewModel], settings: Settings, tmp_path: Path
) -> Library:
    """A catalog with rows in every table that refers to others, and files of every kind.

    There are no local copies of an object store's files.
    """
    first, second = library.models()
    model = library.register(fused())
    child = library.register(fused(7, **UNIMODAL, parent=first.id))
    for one in (first, child):
        key = f"banks/{one.sha256}/{'0' * 64}.safetensors"
        library.store.put(key, seal({"x": torch.ones(4)}, {"taps": ["x"]}))
    library.add_run("run", "digits", 1, "record.jsonl")
    library.finish_run("run", "finished", model.id)
    weights = tmp_path / "detector.onnx"
    weights.write_bytes(b"no real graph")
    library.deploy_tracking("street", "nanodet", {}, {"weights": weights}, "sort", {})
    now = datetime.now(UTC)
    with writing(open_database(settings.database_url)) as session:
        session.add(tables.SubRegion(name="vision.shape.face", region="vision"))
        session.add(tables.Scenario(sha256="0" * 64, name="digits", definition={}, created=now))
        session.flush()
        session.get_one(tables.Run, "run").scenario_sha256 = "0" * 64
        session.add(
            tables.Endpoint(
                name="digits",
                model=second.id,
                canary=second.id,
                share=0.5,
                previous=second.id,
                revision=3,
                changed=now,
            )
        )
        session.add(
            tables.Draft(
                id="draft",
                name="draft",
                network="lenet3.image",
                sub_region="vision.shape",
                data_set=second.data_set,
                optimizer="adam",
                platform="PyTorch 2.13",
                preparation={},
                metrics={},
                spec={},
                created=now,
            )
        )
    # A repair would take them for files that a test damages.
    shutil.rmtree(settings.cache, ignore_errors=True)
    return library


UNIMODAL = {
    "name": "child",
    "kind": "unimodal",
    "network": "lenet3.image",
    "sub_region": "vision.shape",
    "backbones": (),
    "optimizer": "sgd",
}


@pytest.fixture
def unchecked(settings: Settings) -> Callable[[], AbstractContextManager[Connection]]:
    """Opens a transaction in which the database does not check references."""

    @contextmanager
    def begin() -> Iterator[Connection]:
        engine = create_engine(settings.database_url)  # SQLite checks only when it is told to
        with engine.begin() as connection:
            if engine.dialect.name == "postgresql":
                connection.execute(text("SET session_replication_role = replica"))
            yield connection
        engine.dispose()

    return begin


class Files:
    """The files of a store, behind its back."""

    def __init__(self, url: str) -> None:
        self.system, self.root = fsspec.core.url_to_fs(url, use_listings_cache=False)

    def write(self, key: str, data: bytes) -> None:
        place = f"{self.root}/{key}"
        self.system.makedirs(place.rpartition("/")[0], exist_ok=True)
        self.system.pipe_file(place, data)

    def read(self, key: str) -> bytes:
        return bytes(self.system.cat_file(f"{self.root}/{key}"))

    def remove(self, key: str) -> None:
        self.system.rm_file(f"{self.root}/{key}")


@pytest.fixture
def behind(settings: Settings) -> Files:
    return Files(settings.store_url)
