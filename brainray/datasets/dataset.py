"""A packed data set: one self-contained Parquet file, named by the sha256 of its bytes.

Columns: one an input (image: encoded bytes; audio: int16 little-endian PCM bytes, with
``<input>_rate`` in Hz beside it; text: string), ``target`` (class index), ``split``, ``group``,
``row`` (of the source manifest, counted from 0), and ``stratum_<name>`` (float64) for each stratum.
Rows of train that have no target stand apart, as if ``unlabelled`` were a fourth split: who reads
train sees labelled rows alone.
The schema's metadata holds name, modalities, classes and the number of rows of each split as JSON,
and strata and sources if there are any. Rows stand split by split, so that a split is read without
the others.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from brainray.datasets.samples import decode
from brainray.errors import DataError
from brainray.shapes import IntArray, Modality, Raw

SPLITS = ("train", "validation", "test")
UNLABELLED = "unlabelled"
"""The rows of train that have no target."""
PARTS = (*SPLITS, UNLABELLED)
"""Of a packed file, in the order in which they stand in it."""
METADATA_KEY = b"brainray"
ARROW_TYPES: dict[Modality, pa.DataType] = {
    "image": pa.binary(),
    "audio": pa.binary(),
    "text": pa.string(),
}


@dataclass(frozen=True)
class Dataset:
    """A packed data set; cheap to send to a worker that sees the same file.

    Attributes:
        path: of the packed file.
        name: of the data set.
        sha256: of the packed file's bytes.
        classes: the labels, in the order of their class index.
        modalities: of each input, by name.
        row_counts: the number of rows of each split, and of the unlabelled rows if there are any.
        strata: the names of the numbers that are kept to look at results by.
        sources: the sha256 of the files that a ready data set was made of, by name.
    """

    path: Path
    name: str
    sha256: str
    classes: tuple[str, ...]
    modalities: dict[str, Modality]
    row_counts: dict[str, int]
    strata: tuple[str, ...] = ()
    sources: dict[str, str] = field(default_factory=dict)

    def rows(self, split: str) -> int:
        """Return the number of rows of ``split``, one of `PARTS`; those of train are labelled."""
        if split not in PARTS:
            raise DataError(f"split {split!r}: allowed are {', '.join(PARTS)}")
        return self.row_counts.get(split, 0)

    def column(self, split: str, input_name: str) -> list[Raw | None]:
        """Return the decoded samples of one input, in row order; None is a missing one.

        Raises:
            DataError: there is no such split or input.
        """
        modality = self.modalities.get(input_name)
        if modality is None:
            raise DataError(f"input {input_name!r}: allowed are {', '.join(self.modalities)}")
        columns = [input_name, rate_column(input_name)] if modality == "audio" else [input_name]
        table = self._read(split, columns)
        stored = table.column(0).to_pylist()
        rates = table.column(1).to_pylist() if modality == "audio" else [None] * len(stored)
        return [
            None if sample is None else decode(modality, sample, rate)
            for sample, rate in zip(stored, rates, strict=True)
        ]

    def target(self, split: str) -> IntArray:
        """Return the class index of every row of ``split``, shape `(N,)`.

        Raises:
            DataError: there is no such split, or it is that of the rows without a target.
        """
        if split == UNLABELLED:
            raise DataError(f"split {split!r}: its rows have no target")
        return self._integers(split, "target")

    def row_numbers(self, split: str) -> IntArray:
        """Return where every row of ``split`` stood in the source manifest, shape `(N,)`."""
        return self._integers(split, "row")

    def stratum(self, split: str, name: str) -> NDArray[np.float64]:
        """Return a stratum of every row of ``split``, shape `(N,)`; NaN is a missing value.

        Raises:
            DataError: there is no such split or stratum.
        """
        if name not in self.strata:
            allowed = ", ".join(self.strata) or "none: data.strata names no column"
            raise DataError(f"stratum {name!r}: allowed are {allowed}")
        values = self._read(split, [stratum_column(name)]).column(0)
        return np.array(values.to_numpy(), dtype=np.float64)  # Arrow's own are read-only

    def groups(self, split: str) -> list[str]:
        """Return the group of every row of ``split``; a row without one is ``row <number>``."""
        table = self._read(split, ["group", "row"])
        return [
            f"row {row}" if group is None else group
            for group, row in zip(*(table.column(i).to_pylist() for i in range(2)), strict=True)
        ]

    def _integers(self, split: str, column: str) -> IntArray:
        """Return a column as an array of its own: Arrow's is read-only."""
        values: IntArray = self._read(split, [column]).column(0).to_numpy().astype(np.int64)
        return values

    def _read(self, split: str, columns: list[str]) -> pa.Table:
        self.rows(split)  # refuses an unknown split
        return pq.read_table(self.path, columns=columns, filters=[("split", "=", split)])


def open_dataset(path: str | Path) -> Dataset:
    """Open a packed file.

    Raises:
        DataError: it is not there, not a packed data set, or its bytes are not those that its
            name says.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        if sha256 != path.stem:
            raise DataError(f"{path}: is damaged or renamed: the sha256 of its bytes is {sha256}")
        metadata = json.loads(pq.read_schema(path).metadata[METADATA_KEY])
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file") from error
    except (OSError, pa.ArrowInvalid, KeyError, TypeError) as error:
        raise DataError(f"{path}: is not a packed data set") from error
    return Dataset(
        path=path,
        name=metadata["name"],
        sha256=sha256,
        classes=tuple(metadata["classes"]),
        modalities=metadata["modalities"],
        row_counts=metadata["rows"],
        strata=tuple(metadata.get("strata", ())),
        sources=metadata.get("sources", {}),
    )


def rows_text(rows: Mapping[str, int]) -> str:
    """Say how many rows there are, e.g. ``train: 40 labelled, 90 unlabelled; validation: 20``."""
    if UNLABELLED not in rows:
        return ", ".join(f"{count} {split}" for split, count in rows.items())
    train = f"train: {rows['train']} labelled, {rows[UNLABELLED]} unlabelled"
    others = (f"{split}: {rows[split]}" for split in SPLITS[1:] if split in rows)
    return "; ".join((train, *others))


def rate_column(input_name: str) -> str:
    """Return the name of the column that holds an audio input's rate."""
    return f"{input_name}_rate"


def stratum_column(name: str) -> str:
    """Return the name of the packed column that holds a stratum."""
    return f"stratum_{name}"


def packed_schema(
    name: str,
    modalities: Mapping[str, Modality],
    classes: Iterable[str],
    row_counts: Mapping[str, int],
    strata: tuple[str, ...] = (),
    sources: Mapping[str, str] | None = None,
) -> pa.Schema:
    """Return the schema of a packed file, with its metadata."""
    fields = []
    for input_name, modality in modalities.items():
        fields.append(pa.field(input_name, ARROW_TYPES[modality]))
        if modality == "audio":
            fields.append(pa.field(rate_column(input_name), pa.int32()))
    fields += [
        pa.field("target", pa.int64()),
        pa.field("split", pa.string()),
        pa.field("group", pa.string()),
        pa.field("row", pa.int64()),
        *(pa.field(stratum_column(stratum), pa.float64()) for stratum in strata),
    ]
    metadata: dict[str, Any] = {
        "name": name,
        "modalities": dict(modalities),
        "classes": list(classes),
        "rows": dict(row_counts),
    }
    # Left out when empty: the bytes, and so the sha256, of other data sets stay what they were.
    if strata:
        metadata["strata"] = list(strata)
    if sources:
        metadata["sources"] = dict(sources)
    return pa.schema(fields, metadata={METADATA_KEY: json.dumps(metadata)})


def write_dataset(folder: Path, schema: pa.Schema, tables: Iterable[pa.Table]) -> Dataset:
    """Write ``tables`` one after the other into one packed file of ``folder``.

    Nothing is left behind if a table cannot be made. Equal tables give equal bytes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=folder, suffix=".part")
    os.close(handle)
    part = Path(name)
    try:
        with pq.ParquetWriter(part, schema, compression="zstd", compression_level=3) as writer:
            for table in tables:
                writer.write_table(table, row_group_size=len(table))
        with part.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        path = folder / f"{sha256}.parquet"
        part.chmod(0o644)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return open_dataset(path)
