"""From a manifest (a Parquet or CSV file, a row a sample) to a packed data set."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from brainray.datasets.dataset import (
    PARTS,
    SPLITS,
    UNLABELLED,
    Dataset,
    packed_schema,
    rate_column,
    stratum_column,
    write_dataset,
)
from brainray.datasets.interface import sources_of
from brainray.datasets.packing import pack_inputs
from brainray.datasets.split import (
    NO_CLASS,
    check_names,
    check_split_rows,
    check_splits,
    check_unlabelled,
    keep_labels,
    split_rows,
)
from brainray.datasets.strata import read_stratum
from brainray.datasets.table_files import column_names, read_table
from brainray.datasets.targets import as_written, classes_among, classes_of
from brainray.errors import DataError
from brainray.shapes import Modality

CHUNK_ROWS = 1000
"""Rows whose samples are in memory at a time."""


def pack_manifest(
    path: Path,
    inputs: Mapping[str, Modality],
    target: str,
    seed: int,
    folder: Path,
    strata: tuple[str, ...] = (),
    classes: Sequence[str] | None = None,
    labelled: int | None = None,
) -> Dataset:
    """Check a manifest file and pack it (docs/data.md describes the format).

    Args:
        path: ``.parquet`` or ``.csv``; paths in it are relative to its folder.
        inputs: the columns that are inputs, and their modalities.
        target: the column to predict.
        seed: for the split, if the manifest has none.
        folder: where the packed file is written.
        strata: columns of numbers to keep.
        classes: see `pack_table`.
        labelled: see `pack_table`.

    Raises:
        DataError: naming file, row (counted from 0) and column. Nothing is written then.
    """
    try:
        table = read_manifest(path, inputs, target, strata)
        return pack_table(
            table, path.stem, inputs, target, seed, folder, strata, path.parent, classes, labelled
        )
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def pack_table(
    table: pa.Table,
    name: str,
    inputs: Mapping[str, Modality],
    target: str,
    seed: int,
    folder: Path,
    strata: tuple[str, ...] = (),
    base: Path | None = None,
    classes: Sequence[str] | None = None,
    labelled: int | None = None,
) -> Dataset:
    """Check a manifest table and pack it.

    Args:
        table: columns as in a manifest.
        name: of the data set.
        inputs: the columns that are inputs, and their modalities.
        target: the column to predict.
        seed: for the split, if the table has none.
        folder: where the packed file is written.
        strata: columns of numbers to keep.
        base: what relative paths are relative to; None refuses them.
        classes: of a model that is to be judged by the data, in its order; then no split need
            have a row, and without a column ``split`` all rows are test. None makes the classes
            of the targets, and of the splits what a network can be trained on.
        labelled: rows of train that keep their target, see `keep_labels`; None is all.

    Raises:
        DataError: naming row (counted from 0) and column; the caller adds the file. Nothing is
            written then.
    """
    table = _without_views(
        table.select(_needed_columns(table.column_names, inputs, target, strata))
    )
    if not len(table):
        raise DataError("has no rows")
    _refuse_empty_rows(table, inputs)
    groups = _text_column(table, "group")
    splits = _text_column(table, "split")
    if classes is None:
        classes, class_N = classes_of(table, target)
        if "split" not in table.column_names:
            chosen = split_rows(class_N, groups, seed)
            check_split_rows(chosen, class_N, groups)
            splits = list(chosen)
        check_splits(splits, groups, class_N, classes)
    else:
        class_N = classes_among(table, target, classes)
        if "split" not in table.column_names:
            splits = ["test"] * len(table)
        check_names(splits)
    check_unlabelled(splits, class_N, target)
    if labelled is not None:
        class_N = keep_labels(class_N, splits, labelled, seed)
    numbers = {name: read_stratum(table, name) for name in strata}
    part_N = np.where(class_N == NO_CLASS, UNLABELLED, np.asarray(splits))
    rows = {part: np.flatnonzero(part_N == part) for part in PARTS}
    counts = {part: len(rows[part]) for part in PARTS if part in SPLITS or len(rows[part])}
    schema = packed_schema(name, inputs, classes, counts, tuple(numbers), sources_of(table))

    def chunks() -> Iterator[pa.Table]:
        for part in counts:
            for start in range(0, counts[part], CHUNK_ROWS):
                row_N = rows[part][start : start + CHUNK_ROWS]
                columns = pack_inputs(table, row_N, inputs, base)
                columns["target"] = [None] * len(row_N) if part == UNLABELLED else class_N[row_N]
                columns["split"] = [part] * len(row_N)
                columns["group"] = [groups[row] for row in row_N]
                columns["row"] = row_N
                for stratum, value_N in numbers.items():
                    columns[stratum_column(stratum)] = pa.array(value_N[row_N], from_pandas=True)
                yield pa.table(columns, schema=schema)

    return write_dataset(folder, schema, chunks())


def read_manifest(
    path: Path, inputs: Mapping[str, Modality], target: str, strata: tuple[str, ...]
) -> pa.Table:
    """Read the columns of a manifest file that matter.

    Raises:
        DataError: it cannot be read, or has not the columns.
    """
    needed = _needed_columns(column_names(path), inputs, target, strata)
    table = read_table(path, [*inputs, "split", "group"], needed)
    if path.suffix != ".csv":
        return table
    place = table.column_names.index(target)
    return table.set_column(place, target, as_written(path, target, table.column(target)))


def _needed_columns(
    there: Sequence[str], inputs: Mapping[str, Modality], target: str, strata: tuple[str, ...]
) -> list[str]:
    """Return the columns that matter, those that must be there checked."""
    if target in ("split", "group"):
        raise DataError(f"column {target!r} cannot be the target")
    reserved = {"target", "split", "group", "row", target}
    rates = {rate_column(name) for name, modality in inputs.items() if modality == "audio"}
    for name in inputs:
        if name in reserved | rates | {stratum_column(stratum) for stratum in strata}:
            raise DataError(f"column {name!r} cannot be an input: the name is reserved")
    for name in strata:
        if name in reserved | set(inputs) or stratum_column(name) in rates:
            raise DataError(
                f"column {name!r} cannot be a stratum: it is an input, the target or reserved"
            )
    for name in (*inputs, target, *strata):
        if name not in there:
            raise DataError(f"has no column {name!r}, there are {', '.join(there)}")
    optional = ["split", "group"]
    for name, modality in inputs.items():
        if modality == "audio":
            optional += [rate_column(name), "rate"]
    optional = [name for name in optional if name in there]
    needed = dict.fromkeys([*inputs, target, *strata, *optional])
    for name in needed:
        if list(there).count(name) > 1:
            raise DataError(f"has two columns named {name!r}")
    return list(needed)


def _without_views(table: pa.Table) -> pa.Table:
    """Return a table in whose columns Arrow can look up and take values, as it cannot in views."""
    plain = {pa.string_view(): pa.large_string(), pa.binary_view(): pa.large_binary()}
    fields = [field.with_type(plain.get(field.type, field.type)) for field in table.schema]
    return table.cast(pa.schema(fields, table.schema.metadata))


def _refuse_empty_rows(table: pa.Table, inputs: Mapping[str, Modality]) -> None:
    missing_N = np.ones(len(table), dtype=bool)
    for name in inputs:
        missing_N &= table.column(name).is_null().to_numpy()
    if missing_N.any():
        row = int(missing_N.argmax())
        raise DataError(f"row {row}: all inputs are missing ({', '.join(inputs)})")


def _text_column(table: pa.Table, name: str) -> list[str | None]:
    """Return an optional column as strings, all None if it is not there."""
    if name not in table.column_names:
        return [None] * len(table)
    try:
        values: list[str | None] = table.column(name).cast(pa.string()).to_pylist()
    except pa.ArrowException as error:
        kind = table.column(name).type
        raise DataError(f"column {name}: must hold strings or integers, not {kind}") from error
    return values
