"""A manifest that needs no other file, to be read on another machine."""

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from brainray.datasets.dataset import rate_column
from brainray.datasets.files import write_parquet
from brainray.datasets.manifest import read_manifest
from brainray.datasets.packing import fetch
from brainray.errors import DataError
from brainray.shapes import Modality


def write_portable(
    path: Path,
    inputs: Mapping[str, Modality],
    target: str,
    strata: tuple[str, ...],
    folder: Path,
) -> Path:
    """Write a manifest again as Parquet, with the files' bytes instead of their paths and URLs.

    Packing the result gives the same data set as packing the original.

    Args:
        path: of the manifest; paths in it are relative to its folder.
        inputs: the columns that are inputs, and their modalities.
        target: the column to predict.
        strata: columns of numbers to keep.
        folder: where it is written, under the manifest's name.

    Returns:
        The path of the new manifest.

    Raises:
        DataError: naming file, row (counted from 0) and column.
    """
    try:
        table = read_manifest(path, inputs, target, strata)
        for name, modality in inputs.items():
            if modality != "text":
                table = _embed(table, name, modality, path.parent)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    portable = folder / f"{path.stem}.parquet"
    write_parquet(table, portable)
    return portable


def _embed(table: pa.Table, name: str, modality: Modality, base: Path) -> pa.Table:
    """Return the table with a column's paths and URLs replaced by what is behind them."""
    values = table.column(name).to_pylist()
    if not any(isinstance(value, str) for value in values):
        return table
    content: list[bytes | None] = []
    for row, place in enumerate(values):
        try:
            content.append(None if place is None else fetch(place, base))
        except DataError as error:
            raise DataError(f"row {row}, column {name}: {error}") from error
    table = _with(table, name, pa.array(content, pa.large_binary()))
    if modality == "audio":
        # The file says its rate itself; a rate would declare the bytes to be PCM without a header.
        table = _with(table, rate_column(name), pa.nulls(len(table), pa.int64()))
    return table


def _with(table: pa.Table, name: str, column: pa.Array) -> pa.Table:
    """Return the table with a column set, which may be there already."""
    if name not in table.column_names:
        return table.append_column(name, column)
    return table.set_column(table.column_names.index(name), name, column)
