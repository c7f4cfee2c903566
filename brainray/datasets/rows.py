"""The samples of a manifest file as they are, to be answered: no target, no split, no copy."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from brainray.datasets.dataset import rate_column
from brainray.datasets.packing import read_inputs
from brainray.datasets.table_files import column_names, read_chunks
from brainray.errors import DataError
from brainray.shapes import Modality, Raw


@dataclass(frozen=True)
class Row:
    """One sample.

    Attributes:
        number: where it stands in the file, counted from 0.
        inputs: by name, those that it has; at least one.
    """

    number: int
    inputs: dict[str, Raw]


def read_rows(path: Path, inputs: Mapping[str, Modality], rows: int) -> Iterator[list[Row]]:
    """Read the samples of a manifest file, a few in memory at a time.

    Args:
        path: ``.parquet`` or ``.csv``; paths in it are relative to its folder.
        inputs: that are read; a column that is not there is missing in every sample.
        rows: of a chunk, at most.

    Raises:
        DataError: naming file, row (counted from 0) and column.
    """
    try:
        there = column_names(path)
        known = {name: modality for name, modality in inputs.items() if name in there}
        if not known:
            raise DataError(
                f"has no column of an input ({', '.join(inputs)}), there are {', '.join(there)}"
            )
        wanted = dict.fromkeys(known)
        for name, modality in known.items():
            if modality == "audio":
                wanted |= dict.fromkeys((rate_column(name), "rate"))
        columns = [name for name in wanted if name in there]
        for name in columns:
            if there.count(name) > 1:
                raise DataError(f"has two columns named {name!r}")
        first = 0
        for table in read_chunks(path, columns, rows):
            numbers = range(first, first + len(table))
            samples = read_inputs(table, known, path.parent, first)
            yield [_row(*sample, tuple(known)) for sample in zip(numbers, samples, strict=True)]
            first += len(table)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def _row(number: int, inputs: dict[str, Raw], names: tuple[str, ...]) -> Row:
    if not inputs:
        raise DataError(f"row {number}: all inputs are missing ({', '.join(names)})")
    return Row(number, inputs)
