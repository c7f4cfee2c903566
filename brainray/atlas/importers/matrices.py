"""What importers share: matrices between ROIs, from files and as relations.

Letter: R ROIs.
"""

import csv
from collections.abc import Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from brainray.atlas.interface import Floats
from brainray.catalog.brain import Relation, RelationKind
from brainray.errors import AtlasError


def read_arrays(path: Path) -> dict[str, NDArray[np.generic]]:
    """Return the arrays of an ``.npz`` file; nothing in it is unpickled.

    Raises:
        AtlasError: it cannot be read.
    """
    try:
        archive = np.load(path, allow_pickle=False)
        if not isinstance(archive, NpzFile):
            raise AtlasError(f"{path}: must be an .npz file, is a single array")
        with archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise AtlasError(f"{path}: cannot be read as arrays: {error}") from error


def read_matrix(path: Path) -> Floats:
    """Return the matrix of a ``.csv`` file of numbers without a header, or of an ``.npy`` file.

    Raises:
        AtlasError: it cannot be read as a matrix.
    """
    return _read_npy(path) if path.suffix == ".npy" else _read_numbers(path)


def check_square(where: str, matrix: NDArray[np.generic], size: int) -> None:
    """Raise `AtlasError` unless a matrix has a row and a column for every ROI."""
    if matrix.shape != (size, size):
        shape = " x ".join(map(str, matrix.shape))
        raise AtlasError(f"{where}: is {shape}, must be {size} x {size}, in the order of the ROIs")


def relations_of(
    where: str,
    kind: RelationKind,
    names: Sequence[str],
    weight_RR: Floats,
    source: str,
    length_mm_RR: Floats | None = None,
) -> list[Relation]:
    """Return the relations of a matrix: its weights that are not 0, beside the diagonal.

    Of a symmetric matrix they are undirected, of any other directed from row to column.

    Args:
        where: the file, for the error.
        kind: of the relations.
        names: of the ROIs.
        weight_RR: the matrix, in the order of the names.
        source: of the relations.
        length_mm_RR: lengths of the tracts, 0 or NaN where they are not known.

    Raises:
        AtlasError: a matrix has another size, or a weight is NaN or infinite.
    """
    size = len(names)
    lengths = np.zeros((size, size)) if length_mm_RR is None else length_mm_RR
    for matrix in (weight_RR, lengths):
        check_square(where, matrix, size)
    weights = weight_RR.copy()
    np.fill_diagonal(weights, 0.0)
    for row, column in np.argwhere(~np.isfinite(weights))[:1]:
        raise AtlasError(
            f"{where}: row {row + 1} ({names[row]}), column {column + 1} ({names[column]}): "
            f"{weights[row, column]}, must be a finite number"
        )
    directed = not np.array_equal(weights, weights.T)
    found = np.argwhere(weights if directed else np.triu(weights))
    return [
        Relation(
            kind,
            names[row],
            names[column],
            float(weights[row, column]),
            directed,
            float(lengths[row, column]) if lengths[row, column] > 0 else None,
            source,
        )
        for row, column in found
    ]


def _read_npy(path: Path) -> Floats:
    try:
        matrix = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise AtlasError(f"{path}: cannot be read as a matrix: {error}") from error
    if not isinstance(matrix, np.ndarray) or matrix.dtype.kind not in "biuf":
        raise AtlasError(f"{path}: must be one matrix of numbers")
    return matrix.astype(np.float64)


def _read_numbers(path: Path) -> Floats:
    rows: list[list[float]] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            for cells in reader:
                where = f"{path.name} line {reader.line_num}"
                try:
                    rows.append([float(cell) for cell in cells])
                except ValueError as error:
                    raise AtlasError(f"{where}: {error}; must be numbers, no header") from None
                if len(cells) != len(rows[0]):
                    raise AtlasError(f"{where}: {len(cells)} cells, must be {len(rows[0])}")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise AtlasError(f"{path}: cannot be read: {error}") from error
    return np.array(rows, dtype=np.float64)
