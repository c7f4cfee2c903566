"""One input of one split, prepared for one kind of network and cached on each node."""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from brainray.catalog.store import Store
from brainray.datasets.dataset import UNLABELLED, open_dataset
from brainray.errors import DataError, NetworkError
from brainray.networks.interface import build_preparation
from brainray.pipeline.versions import recipe_versions
from brainray.shapes import Array


@dataclass(frozen=True)
class ColumnUnit:
    """One input of one split, prepared for one kind of network.

    Attributes:
        store: where the data set is.
        data_sha256: of the data set.
        column: the input's name.
        split: train, validation, test or unlabelled.
        preparation: as a network declares it.
    """

    store: Store
    data_sha256: str
    column: str
    split: str
    preparation: dict[str, Any]

    @property
    def path(self) -> Path:
        """Where the prepared samples are cached on this node, without an ending."""
        parts = [
            self.data_sha256,
            self.column,
            self.split,
            self.preparation,
            recipe_versions(),
        ]
        name = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
        return self.store.cache / "prepared" / name


def prepare(unit: ColumnUnit) -> int:
    """Prepare a column and cache it on this node; return the number of samples that have it.

    Raises:
        DataError: a sample cannot be prepared, the message names its row; or none has this input,
            where some must.
    """
    _, mask = prepared(unit)
    if unit.split != UNLABELLED and not mask.any():
        raise DataError(
            f"inputs.{unit.column}: no labelled sample of the split {unit.split} has it"
        )
    return int(mask.sum())


def prepared(unit: ColumnUnit) -> tuple[Array, Array]:
    """Return the prepared samples `(N, ...)`, memory-mapped, and which are present `(N,)`.

    Raises:
        DataError: see `prepare`.
    """
    inputs, mask = unit.path.with_suffix(".inputs.npy"), unit.path.with_suffix(".mask.npy")
    if not mask.exists():
        _prepare(unit, inputs, mask)
    return np.load(inputs, mmap_mode="r"), np.load(mask)


def _prepare(unit: ColumnUnit, inputs: Path, mask: Path) -> None:
    """Write both files atomically, the mask last: it says that the inputs are complete."""
    dataset = open_dataset(unit.store.local_path(f"datasets/{unit.data_sha256}.parquet"))
    preparation = build_preparation(unit.preparation)
    raws = dataset.column(unit.split, unit.column)
    partial, partial_mask = (path.with_suffix(f".{os.getpid()}.partial") for path in (inputs, mask))
    try:
        inputs.parent.mkdir(parents=True, exist_ok=True)
        written = np.lib.format.open_memmap(
            partial, "w+", dtype=preparation.dtype, shape=(len(raws), *preparation.shape)
        )
        with partial.open("r+b") as file:
            # A full disk would else end the process when a page of the map is written.
            os.posix_fallocate(file.fileno(), 0, partial.stat().st_size)
        for number, raw in enumerate(raws):
            if raw is not None:
                try:
                    written[number] = preparation.prepare(raw)
                except NetworkError as error:
                    row = dataset.row_numbers(unit.split)[number]
                    raise DataError(
                        f"{dataset.name}: row {row}, column {unit.column}: {error}"
                    ) from error
        written.flush()
        partial.replace(inputs)
        with partial_mask.open("wb") as file:
            np.save(file, np.array([raw is not None for raw in raws]))
        partial_mask.replace(mask)
    except OSError as error:
        raise DataError(f"{inputs}: cannot be written: {error}") from error
    finally:
        partial.unlink(missing_ok=True)
        partial_mask.unlink(missing_ok=True)


def present(column: ColumnUnit) -> tuple[Array, Array]:
    """Return the prepared samples of a column, and those of their rows that have it."""
    inputs, mask = prepared(column)
    return inputs, np.flatnonzero(mask)


def target_of(column: ColumnUnit) -> Tensor:
    """Return the classes of all samples of a column's split, int64 `(N,)`."""
    dataset = open_dataset(column.store.local_path(f"datasets/{column.data_sha256}.parquet"))
    return torch.from_numpy(dataset.target(column.split))
