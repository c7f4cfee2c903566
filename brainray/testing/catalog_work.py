"""What several processes do to one catalog at the same time, for tests.

A test sends these functions to processes of its own, so they stand here, where those find them.
"""

import hashlib
import os
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from brainray.catalog import Library, NewModel, Store, recipe_of, store_weights
from brainray.datasets.dataset import Dataset
from brainray.errors import CatalogError
from brainray.settings import Settings

DATA_SET = "digits"
"""The data set of all models here; it is known by its name alone."""

PATIENCE_SECONDS = 120


def enter(environment: Mapping[str, str]) -> None:
    """Begin a process: it finds the servers by the environment."""
    os.environ.update(environment)


def meet(folder: Path, name: str, count: int) -> None:
    """Wait until so many processes are here, each with a name of its own.

    Raises:
        TimeoutError: the others do not come.
    """
    (folder / name).touch()
    end = time.monotonic() + PATIENCE_SECONDS
    while len(list(folder.iterdir())) < count:
        if time.monotonic() > end:
            raise TimeoutError(f"{name}: the others are not here")
        time.sleep(0.001)


def add_data_sets(settings: Settings, meeting: Path, name: str, paths: Sequence[Path]) -> None:
    """Add packed data sets, the same ones as another process does."""
    library = Library.open(settings)
    meet(meeting, name, 2)
    for path in paths:
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        rows = {"train": 7, "validation": 2, "test": 1}
        library.add_data_set(
            Dataset(path, path.name, sha256, ("0", "1"), {"image": "image"}, rows), "files"
        )


def put_often(settings: Settings, meeting: Path, name: str, key: str, data: bytes) -> None:
    """Write a key that another process writes too, and read it."""
    store = Store(settings.store_url, settings.cache)
    meet(meeting, name, 2)
    for _ in range(20):
        store.put(key, data)
        if len(set(store.local_path(key).read_bytes())) != 1:
            raise AssertionError("a file was seen in parts")


def register(settings: Settings, meeting: Path, name: str, count: int) -> int:
    """Register models, wherever their sub-region is just now; return how often it went away."""
    library = Library.open(settings)
    meet(meeting, name, 2)
    refused = 0
    for number in range(count):
        while True:
            home = library.current_name("vision.shape")
            try:
                library.register(_model(library, home, number))
                break
            except CatalogError as error:
                # Renamed there and back, the folder had lost what nobody had registered yet.
                if not re.search("sub-region|store it again", str(error)):
                    raise
                refused += 1
    return refused


def look_after(settings: Settings, meeting: Path, name: str, count: int) -> list[str]:
    """Verify and collect until so many models are there; return what was taken for damage."""
    library = Library.open(settings)
    meet(meeting, name, 2)
    damage = []
    while True:
        done = len(library.models()) >= count
        found = library.verify().findings
        damage += [str(finding) for finding in found if finding.damage]
        damage += library.collect().files
        if done:
            return damage


def rename_often(settings: Settings, meeting: Path, name: str, times: int) -> None:
    """Give a sub-region another name and its old one again."""
    library = Library.open(settings)
    meet(meeting, name, 2)
    for _ in range(times):
        library.rename_region("vision.shape", "vision.form")
        library.rename_region("vision.form", "vision.shape")


def _model(library: Library, home: str, number: int) -> NewModel:
    return NewModel(
        name="lenet3.image-adam",
        kind="unimodal",
        network="lenet3.image",
        sub_region=home,
        modality="image",
        data_set=DATA_SET,
        optimizer="adam",
        platform="PyTorch 2.13",
        preparation={"name": "grey_image", "size": 28},
        recipe=recipe_of({"number": number}),
        metrics={"validation": 0.5},
        weights=store_weights(library.store, home, {"weight": torch.full((500,), float(number))}),
    )
