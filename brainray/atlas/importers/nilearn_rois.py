"""The sets of spherical ROIs that nilearn has: Dosenbach 2010, Power 2011, Seitzman 2018.

A file ``dosenbach160.csv``, ``power264.csv`` or ``seitzman300.csv``, known by its name. Their
networks are functions where the catalog knows one; they say nothing of relations.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from brainray.atlas.importers.files import number, read_table, side
from brainray.catalog.brain import Association, AtlasRows, Roi, Structure
from brainray.errors import AtlasError

Row: TypeAlias = dict[str, str]

FUNCTIONS = {
    "Auditory": "auditory_network",
    "Reward": "reward_network",
    "Visual": "visual_network",
    "occipital": "visual_network",
}
"""The function of each network that the catalog knows as one."""
SUBCORTICAL = {"basal ganglia", "basalGanglia", "thalamus", "amygdala", "hippocampus"}
POWER_SUBCORTEX, POWER_CEREBELLUM = range(222, 235), range(243, 247)
"""The ROIs that Power et al. count to these, by number; all others are cortex."""


def read(path: Path, name: str) -> AtlasRows:
    """Return the atlas of a file.

    Raises:
        AtlasError: it is none of the three files, or not as nilearn has it.
    """
    if path.stem not in SETS or not path.is_file():
        allowed = ", ".join(f"{stem}.csv" for stem in SETS)
        raise AtlasError(f"{path}: is no file of a set of ROIs, allowed are {allowed}")
    citation, columns, roi_of = SETS[path.stem]
    rois = tuple(
        roi_of(index, where, row, citation)
        for index, (where, row) in enumerate(read_table(path, columns), 1)
    )
    networks = {roi.network for roi in rois if roi.network}
    known = [roi for roi in rois if roi.network in FUNCTIONS]
    functions = "No functions"
    if networks:
        functions = (
            "A function is a network, of degree 1 in its ROIs; "
            f"{len(networks - FUNCTIONS.keys())} of {len(networks)} networks are no function of "
            "the catalog and left out"
        )
    return AtlasRows(
        name,
        f"ROIs of {citation}, as nilearn has them. {functions}. No relations.",
        rois,
        tuple(Association(FUNCTIONS[roi.network], roi.name, 1.0, citation) for roi in known),
        (),
    )


def _dosenbach(index: int, where: str, row: Row, citation: str) -> Roi:
    name = f"{row['name'].replace(' ', '_')}_{row['number']}"
    structure: Structure = "cerebellum" if row["network"] == "cerebellum" else "cortex"
    return _roi(where, row, name, row["name"], structure, row["network"], citation)


def _power(index: int, where: str, row: Row, citation: str) -> Roi:
    structure: Structure = "cerebellum" if index in POWER_CEREBELLUM else "cortex"
    if index in POWER_SUBCORTEX:
        structure = "subcortex"
    xyz = {axis.lower(): row[axis] for axis in ("X", "Y", "Z")}
    return _roi(where, xyz, f"power_{row['ROI']}", f"ROI {row['ROI']}", structure, "", citation)


def _seitzman(index: int, where: str, row: Row, citation: str) -> Roi:
    network = "" if row["network"] == "unassigned" else row["network"]
    name = f"{row['network']}_{index}"
    structure: Structure = "cerebellum" if row["anatomy"] == "cerebellum" else "cortex"
    return _roi(where, row, name, row["anatomy"], structure, network, citation)


def _roi(
    where: str,
    row: Row,
    name: str,
    label: str,
    structure: Structure,
    network: str,
    citation: str,
) -> Roi:
    x, y, z = (number(where, row, axis) for axis in ("x", "y", "z"))
    if label in SUBCORTICAL:
        structure = "subcortex"
    hemisphere = "M" if label == "cortexMid" else side(x)
    return Roi(name, label, hemisphere, x, y, z, structure, "", network, citation)


SETS: dict[str, tuple[str, tuple[str, ...], Callable[[int, str, Row, str], Roi]]] = {
    "dosenbach160": (
        "Dosenbach et al. 2010",
        ("number", "x", "y", "z", "name", "network"),
        _dosenbach,
    ),
    "power264": ("Power et al. 2011", ("ROI", "X", "Y", "Z"), _power),
    "seitzman300": (
        "Seitzman et al. 2018",
        ("x", "y", "z", "radius_mm", "network_id", "network", "anatomy"),
        _seitzman,
    ),
}
"""Citation, columns and reader of each set."""
