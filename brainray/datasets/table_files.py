"""Manifest files, Parquet or CSV: their columns, read whole or a few rows at a time."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from brainray.errors import DataError

SUFFIXES = (".parquet", ".csv")


def column_names(path: Path) -> list[str]:
    """Return the names of a file's columns, in order.

    Raises:
        DataError: it cannot be read.
    """
    with _readable(path):
        if path.suffix == ".parquet":
            return list(pq.read_schema(path).names)
        with pyarrow.csv.open_csv(path, parse_options=_parsing()) as reader:
            return list(reader.schema.names)


def row_count(path: Path) -> int | None:
    """Return the number of a file's rows, None where only reading it would tell.

    Raises:
        DataError: it cannot be read.
    """
    with _readable(path):
        return int(pq.read_metadata(path).num_rows) if path.suffix == ".parquet" else None


def read_table(path: Path, texts: Sequence[str], columns: Sequence[str] | None = None) -> pa.Table:
    """Read a file.

    Args:
        path: of it.
        texts: columns of a CSV file that are texts whatever stands in them.
        columns: that are wanted, all if None.

    Raises:
        DataError: it cannot be read.
    """
    with _readable(path):
        if path.suffix == ".parquet":
            return pq.read_table(path, columns=columns)
        table = pyarrow.csv.read_csv(
            path, parse_options=_parsing(), convert_options=_conversion(texts)
        )
        return table if columns is None else table.select(columns)


def read_chunks(path: Path, columns: Sequence[str], rows: int) -> Iterator[pa.Table]:
    """Read a file a few rows at a time; the columns of a CSV file are read as texts.

    Args:
        path: of it.
        columns: that are read.
        rows: of a table, at most.

    Raises:
        DataError: it cannot be read.
    """
    with _readable(path):
        if path.suffix == ".parquet":
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(batch_size=rows, columns=list(columns)):
                    yield pa.Table.from_batches([batch])
            return
        conversion = _conversion(columns)
        conversion.include_columns = list(columns)
        with pyarrow.csv.open_csv(
            path, parse_options=_parsing(), convert_options=conversion
        ) as reader:
            for block in reader:
                for start in range(0, len(block), rows):
                    yield pa.Table.from_batches([block.slice(start, rows)])


def _parsing() -> pyarrow.csv.ParseOptions:
    return pyarrow.csv.ParseOptions(newlines_in_values=True)


def _conversion(texts: Sequence[str]) -> pyarrow.csv.ConvertOptions:
    return pyarrow.csv.ConvertOptions(
        column_types=dict.fromkeys(texts, pa.string()), null_values=[""], strings_can_be_null=True
    )


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    if path.suffix not in SUFFIXES:
        raise DataError(f"a manifest ends in {' or '.join(SUFFIXES)}, not {path.suffix!r}")
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"cannot be read: {' '.join(str(error).split())}") from error
