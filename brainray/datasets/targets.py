"""The classes that the targets of a manifest are."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from brainray.datasets.split import NO_CLASS
from brainray.datasets.table_files import read_chunks
from brainray.errors import DataError
from brainray.shapes import IntArray

CHUNK_ROWS = 100_000


def as_written(path: Path, target: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the target of a CSV file: texts where numbers would not tell all of them apart.

    As numbers 007 and 7 would be one class, and so would 1e3 and 1000. Spaces around a number do
    not matter.

    Args:
        path: of the file.
        target: the column's name.
        column: as it was read.

    Raises:
        DataError: the file cannot be read.
    """
    whole = pa.types.is_integer(column.type)
    if not whole and not pa.types.is_floating(column.type):
        return column
    if not pc.all(pc.equal(pc.floor(column), column)).as_py():
        return column  # measurements, which are no classes
    tables = read_chunks(path, [target], CHUNK_ROWS)
    written = pc.utf8_trim_whitespace(pa.concat_tables(tables).column(target))
    same = whole and pc.all(pc.equal(column.cast(pa.string()), written)).as_py()
    return column if same else written


def classes_among(table: pa.Table, target: str, classes: Sequence[str]) -> IntArray:
    """Return the index of every row's class among those that are given, shape `(N,)`.

    A row without a target has `NO_CLASS`.

    Raises:
        DataError: a row has another class, or the column is of another type.
    """
    column = _targets(table, target).cast(pa.string())
    indices = pc.index_in(column, pa.array(classes, pa.string()))
    strange_N = pc.and_(indices.is_null(), column.is_valid()).to_numpy()
    if strange_N.any():
        row = int(strange_N.argmax())
        raise DataError(
            f"row {row}, column {target}: {column[row].as_py()!r} is no class of the model, "
            f"allowed are {', '.join(classes)}"
        )
    return np.asarray(indices.fill_null(NO_CLASS), dtype=np.int64)


def classes_of(table: pa.Table, target: str) -> tuple[list[str], IntArray]:
    """Return the sorted class names, and the class index of every row, shape `(N,)`.

    A row without a target has `NO_CLASS`.

    Raises:
        DataError: there are less than two classes, or the column is of another type.
    """
    column = _targets(table, target)
    labels = sorted(column.drop_null().unique().to_pylist())
    if len(labels) < 2:
        there = repr(labels[0]) if labels else "none"
        raise DataError(f"column {target}: classification needs two classes, there is {there}")
    indices = pc.index_in(column, pa.array(labels, type=column.type))
    return [str(label) for label in labels], np.asarray(indices.fill_null(NO_CLASS), dtype=np.int64)


def _targets(table: pa.Table, target: str) -> pa.ChunkedArray:
    """Return the target of every row, strings or integers; null is a row without one."""
    column = table.column(target)
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_boolean(column.type):  # what CSV makes of the words true and false
        column = column.cast(pa.string())
    if not (pa.types.is_integer(column.type) or _is_text(column.type)):
        raise DataError(
            f"column {target}: classification needs strings or integers, not {column.type}"
        )
    return column


def _is_text(kind: pa.DataType) -> bool:
    return kind in (pa.string(), pa.large_string())
