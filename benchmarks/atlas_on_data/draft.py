"""The draft of 64 functions in 30 sub-regions, laid upon Schaefer's 100 parcels.

Rows of Neurosynth's terms are maps already. The others are points: centers of Brodmann areas,
ROIs of Seitzman's networks, coordinates of textbooks. A point excites parcels by a Gaussian of
their distance, whose width is that of a parcel (neighbors are 17 mm apart) with the uncertainty
of a peak.
"""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from atlas_on_data.maps import TermMaps
from brainray.atlas.interface import Atlas, Floats

POINT_SD_MM = 12.0


@dataclass(frozen=True)
class Draft:
    """The draft.

    Attributes:
        atlas: its functions and sub-regions on the parcels.
        tested: the functions that are maps and share their sub-region with another function.
        cluster_T: the cluster of the map of each of these.
    """

    atlas: Atlas
    tested: tuple[str, ...]
    cluster_T: NDArray[np.intp]


def read_draft(data: Path, maps: TermMaps) -> Draft:
    """Return the draft of ``brain_functions`` in the folder of data sets."""
    rows = {row["function"]: row for row in _read(data / "brain_functions/draft_functions.csv")}
    areas = _read(data / "brain_functions/function_area_mni.csv")
    networks = _read(data / "brain_rois/seitzman300.csv")
    functions = sorted(rows)
    homes = {name: rows[name]["sub_region"] for name in functions}
    degree_RF = np.zeros((len(maps.atlas.rois), len(functions)))
    cluster = {}
    for column, name in enumerate(functions):
        source, what = rows[name]["source"], rows[name]["term_or_area"]
        if source == "schaefer_neurosynth":
            term = maps.atlas.functions.index(what)
            degree_RF[:, column] = maps.atlas.degree_RF[:, term]
            cluster[name] = maps.cluster_N[term]
        elif source == "brodmann":
            degree_RF[:, column] = _around(
                maps.atlas, [_place(a) for a in areas if a["brodmann_area"] in what.split()]
            )
        elif source == "seitzman":
            degree_RF[:, column] = _around(
                maps.atlas, [_place(roi) for roi in networks if roi["network"] == what]
            )
        else:
            points = re.findall(r"\(([-\d]+),([-\d]+),([-\d]+)\)", what)
            degree_RF[:, column] = _around(maps.atlas, [tuple(map(float, p)) for p in points])
    atlas = replace(maps.atlas, functions=tuple(functions), sub_regions=homes, degree_RF=degree_RF)
    shared = list(homes.values())
    tested = tuple(name for name in cluster if shared.count(homes[name]) > 1)
    return Draft(atlas, tested, np.array([cluster[name] for name in tested]))


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _place(row: dict[str, str]) -> tuple[float, ...]:
    return tuple(float(row[axis]) for axis in "xyz")


def _around(atlas: Atlas, points: Sequence[tuple[float, ...]]) -> Floats:
    distance_mm = np.linalg.norm(atlas.coordinates[:, None] - np.array(points)[None], axis=2)
    return np.asarray(np.exp(-(distance_mm**2) / (2 * POINT_SD_MM**2)).max(axis=1))
