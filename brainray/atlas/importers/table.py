"""Any atlas as a folder of CSV files, or an ROI table alone.

Files: ``rois.csv``, and if they are there ``associations.csv``, ``relations.csv`` and one a kind
of relation, e.g. ``structural.csv`` or ``structural.npy``: an R x R matrix in the order of the
ROIs, or, with a header, rows as in ``relations.csv``. docs/atlas.md says what the columns mean.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

from brainray.atlas.importers.files import file_at, number, read_table, side
from brainray.atlas.importers.matrices import read_matrix, relations_of
from brainray.catalog.brain import (
    RELATION_KINDS,
    Association,
    AtlasRows,
    Hemisphere,
    Relation,
    RelationKind,
    Roi,
    Structure,
)
from brainray.errors import AtlasError

PAIR = ("a", "b", "weight")
OF_PAIR = ("directed", "length_mm", "source")
DIRECTED = {"": False, "0": False, "false": False, "1": True, "true": True}


def read(path: Path, name: str) -> AtlasRows:
    """Return the atlas of a folder, or of an ROI table.

    Raises:
        AtlasError: a file is missing or cannot be read, or a row is not what it must be.
    """
    table = file_at(path, "rois.csv")
    rois = tuple(_rois(table))
    associations: tuple[Association, ...] = ()
    relations: list[Relation] = []
    if path.is_dir():
        if (file := path / "associations.csv").exists():
            associations = tuple(_associations(file))
        if (file := path / "relations.csv").exists():
            relations += _relations(file)
        for kind in RELATION_KINDS:
            relations += _of_kind(path, kind, [roi.name for roi in rois])
    return AtlasRows(name, f"Imported from {path.name}.", rois, associations, tuple(relations))


def _rois(path: Path) -> Iterator[Roi]:
    required = ("name", "x", "y", "z")
    optional = ("label", "hemisphere", "structure", "parent", "network", "source")
    for where, row in read_table(path, required, optional):
        x, y, z = (number(where, row, axis) for axis in ("x", "y", "z"))
        yield Roi(
            row["name"],
            row["label"] or row["name"],
            cast(Hemisphere, row["hemisphere"] or side(x)),
            x,
            y,
            z,
            cast(Structure, row["structure"] or "cortex"),
            row["parent"],
            row["network"],
            row["source"] or path.name,
        )


def _associations(path: Path) -> Iterator[Association]:
    for where, row in read_table(path, ("function", "roi", "degree"), ("source",)):
        degree = number(where, row, "degree")
        yield Association(row["function"], row["roi"], degree, row["source"] or path.name)


def _relations(path: Path, kind: RelationKind | None = None) -> Iterator[Relation]:
    required = PAIR if kind else ("kind", *PAIR)
    for where, row in read_table(path, required, OF_PAIR):
        if row["directed"].lower() not in DIRECTED:
            allowed = ", ".join(filter(None, DIRECTED))
            raise AtlasError(f"{where}: directed {row['directed']!r}, allowed are {allowed}")
        yield Relation(
            kind or cast(RelationKind, row["kind"]),
            row["a"],
            row["b"],
            number(where, row, "weight"),
            DIRECTED[row["directed"].lower()],
            number(where, row, "length_mm") if row["length_mm"] else None,
            row["source"] or path.name,
        )


def _of_kind(folder: Path, kind: RelationKind, names: Sequence[str]) -> list[Relation]:
    """Return the relations of the file of a kind, if there is one."""
    files = [file for suffix in ("csv", "npy") if (file := folder / f"{kind}.{suffix}").exists()]
    if len(files) > 1:
        raise AtlasError(f"{folder}: has both {kind}.csv and {kind}.npy, must be one")
    for file in files:
        if file.suffix == ".csv" and _has_header(file):
            return list(_relations(file, kind))
        return relations_of(file.name, kind, names, read_matrix(file), file.name)
    return []


def _has_header(file: Path) -> bool:
    with file.open(encoding="utf-8-sig", errors="replace") as opened:
        return not set(PAIR).isdisjoint(opened.readline().strip().split(","))
