"""The atlas that brainray ships, as it lies in files: a source stands in every row."""

import csv
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

from brainray.catalog.brain import RELATION_KINDS, Association, AtlasRows, Relation, Roi

SHIPPED = "brainray"
"""The name of the atlas."""

DESCRIPTION = (
    "Regions of the human brain in MNI space, what they do and how they are connected: authored "
    "from published facts for brainray, with a source in every row; licensed as brainray is."
)
# A path, not an import: the catalog lies below the package of the atlas.
DATA = files("brainray") / "atlas" / "data"


def shipped_atlas() -> AtlasRows:
    """Return the shipped atlas."""
    return AtlasRows(
        SHIPPED,
        DESCRIPTION,
        rois=tuple(
            Roi(**row | {axis: float(row[axis]) for axis in ("x", "y", "z")})
            for row in _rows("rois")
        ),
        associations=tuple(
            Association(**row | {"degree": float(row["degree"])}) for row in _rows("associations")
        ),
        relations=tuple(
            Relation(
                kind,
                row["a"],
                row["b"],
                weight=float(row["weight"]),
                directed=row["directed"] == "1",
                length_mm=float(row["length_mm"]) if row["length_mm"] else None,
                source=row["source"],
            )
            for kind in RELATION_KINDS
            for row in _rows(kind)
        ),
    )


def _rows(name: str) -> Iterator[dict[str, Any]]:
    with (DATA / f"{name}.csv").open(encoding="utf-8") as file:
        yield from csv.DictReader(file)
