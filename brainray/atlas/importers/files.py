"""What importers share: tables in files, read with the line that is wrong."""

import csv
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from brainray.catalog.brain import Hemisphere
from brainray.errors import AtlasError


def file_at(path: Path, name: str) -> Path:
    """Return the file that a path is, or that lies in the folder that it is.

    Raises:
        AtlasError: there is none.
    """
    file = path / name if path.is_dir() else path
    if not file.is_file():
        raise AtlasError(f"{path}: must be {name}, or a folder in which it is")
    return file


def read_table(
    path: Path, required: Collection[str], optional: Collection[str] = ()
) -> Iterator[tuple[str, dict[str, str]]]:
    """Read a CSV file with a header, row by row.

    Args:
        path: of the file, in UTF-8.
        required: columns that it must have.
        optional: columns that it may have; where it lacks them they are empty.

    Yields:
        where the row is, e.g. ``rois.csv line 2``, and its cells by column.

    Raises:
        AtlasError: it cannot be read, or has other columns, or a row has other cells.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            columns = next(reader, [])
            _check_columns(path, columns, required, optional)
            for cells in reader:
                where = f"{path.name} line {reader.line_num}"
                if len(cells) != len(columns):
                    raise AtlasError(f"{where}: {len(cells)} cells, must be {len(columns)}")
                yield where, dict.fromkeys(optional, "") | dict(zip(columns, cells, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise AtlasError(f"{path}: cannot be read: {error}") from error


def number(where: str, row: dict[str, str], column: str) -> float:
    """Return a cell as a number.

    Raises:
        AtlasError: it is none.
    """
    try:
        return float(row[column])
    except ValueError:
        raise AtlasError(f"{where}: {column} {row[column]!r}: must be a number") from None


def side(x_mm: float) -> Hemisphere:
    """Return the hemisphere of an MNI coordinate; 0 is on the midline."""
    return "L" if x_mm < 0 else "R" if x_mm > 0 else "M"


def _check_columns(
    path: Path, columns: Sequence[str], required: Collection[str], optional: Collection[str]
) -> None:
    allowed = f"allowed are {', '.join([*required, *optional])}"
    for column in required:
        if column not in columns:
            raise AtlasError(f"{path.name}: has no column {column!r}; {allowed}")
    for column in columns:
        if column not in (*required, *optional):
            raise AtlasError(f"{path.name}: unknown column {column!r}; {allowed}")
        if columns.count(column) > 1:
            raise AtlasError(f"{path.name}: has the column {column!r} twice")
