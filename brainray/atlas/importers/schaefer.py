"""Schaefer's 100 parcels and 14 subcortical structures, Neurosynth's terms, ENIGMA's FC and SC.

The folder has ``schaefer100_rois.csv`` (index, label, hemisphere, network7, x, y, z in mm),
``schaefer100_neurosynth_terms.csv.gz`` (label and a column a term), ``connectivity.npz`` (with
``enigma_fc_100_with_subcortex`` and ``enigma_sc_100_with_subcortex``) and
``schaefer100_with_subcortex_labels.txt``, the order of these matrices.
"""

import csv
import gzip
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np

from brainray.atlas.importers.files import file_at, number, read_table
from brainray.atlas.importers.matrices import check_square, read_arrays, relations_of
from brainray.atlas.interface import Floats
from brainray.catalog.brain import Association, AtlasRows, Hemisphere, Relation, Roi
from brainray.catalog.seeding import seed_functions
from brainray.errors import AtlasError

TERMS = {"mental_imagery": "visual_imagery", "rehearsal": "verbal_rehearsal"}
"""The function that a term means, where it has another name."""
SUBCORTEX = {
    "accumb": ("nucleus accumbens", "basal ganglia", (-9.6, 11.8, -7.0), (9.5, 12.5, -6.5)),
    "amyg": ("amygdala", "medial temporal lobe", (-23.0, -4.7, -18.3), (23.4, -3.5, -18.2)),
    "caud": ("caudate", "basal ganglia", (-12.8, 9.1, 9.9), (13.4, 10.0, 10.6)),
    "hippo": ("hippocampus", "medial temporal lobe", (-25.1, -22.2, -14.5), (26.6, -20.8, -14.5)),
    "pal": ("pallidum", "basal ganglia", (-19.2, -5.2, -1.2), (19.9, -4.2, -1.2)),
    "put": ("putamen", "basal ganglia", (-25.0, 0.5, 0.6), (25.7, 1.7, 0.5)),
    "thal": ("thalamus", "diencephalon", (-10.1, -19.0, 6.7), (11.2, -18.0, 7.0)),
}
"""By the name in ENIGMA: label, larger unit, and the centers on the left and the right (MNI, mm)
of the Harvard-Oxford atlas, as ENIGMA has none."""
PARCELS = "Schaefer et al. 2018"
NEUROSYNTH = "Neurosynth (Yarkoni et al. 2011), association with the term, mean over the parcel"
ENIGMA = "ENIGMA Toolbox (Larivière et al. 2021), group average of HCP"


def read(path: Path, name: str) -> AtlasRows:
    """Return the atlas of a folder.

    Functions are the terms that the catalog knows; their degrees are Neurosynth's raw values,
    those below 0 left out, and the subcortex has none. Functional relations are Pearson's r
    (ENIGMA holds Fisher's z), structural ones log(1 + strength) (ENIGMA holds log strength).

    Raises:
        AtlasError: a file is missing or is not what it must be.
    """
    columns = ("index", "label", "hemisphere", "network7", "x", "y", "z")
    cortex = [
        _parcel(*found) for found in read_table(file_at(path, "schaefer100_rois.csv"), columns)
    ]
    names = [roi.label for roi in cortex]
    order = file_at(path, "schaefer100_with_subcortex_labels.txt").read_text("utf-8").split()
    if order[: len(names)] != names:
        raise AtlasError(
            f"schaefer100_with_subcortex_labels.txt: must begin with the {len(names)} labels of "
            f"schaefer100_rois.csv, in their order"
        )
    rois = (*cortex, *(_structure(label) for label in order[len(names) :]))
    return AtlasRows(
        name,
        "Schaefer's 100 parcels (7-network order; Schaefer 2018) and 14 subcortical structures. "
        "Functions are Neurosynth's terms (Yarkoni 2011; parcel means of Hansen 2022, CC BY-NC-SA "
        "4.0), none for the subcortex. Functional (Pearson's r) and structural (log(1 + "
        "strength)) relations are ENIGMA's group averages of HCP (Larivière 2021, BSD-3-Clause; "
        "HCP open-access data-use terms), since these alone include the subcortex.",
        rois,
        tuple(_associations(file_at(path, "schaefer100_neurosynth_terms.csv.gz"), cortex)),
        tuple(_relations(file_at(path, "connectivity.npz"), [roi.name for roi in rois])),
    )


def read_terms(path: Path) -> tuple[list[str], list[str], Floats]:
    """Return the labels of parcels, the terms, and the values `(parcels, terms)` of a file.

    Raises:
        AtlasError: it cannot be read, or a value is no finite number.
    """
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file, strict=True)
    except (OSError, EOFError, ValueError, zlib.error, csv.Error) as error:
        raise AtlasError(f"{path}: cannot be read: {error}") from error
    for line, row in enumerate(rows, 2):
        if len(row) != len(header):
            raise AtlasError(f"{path.name} line {line}: {len(row)} cells, must be {len(header)}")
    try:
        values = np.array([row[1:] for row in rows], dtype=np.float64)
    except ValueError as error:
        raise AtlasError(f"{path.name}: {error}; must be numbers after the label") from None
    for row, column in np.argwhere(~np.isfinite(values))[:1]:
        raise AtlasError(
            f"{path.name} line {row + 2}: {header[column + 1]} {values[row, column]}, must be a "
            f"finite number"
        )
    return [row[0] for row in rows], header[1:], values


def _parcel(where: str, row: dict[str, str]) -> Roi:
    label = row["label"]
    if row["hemisphere"] not in ("L", "R"):
        raise AtlasError(f"{where}: hemisphere {row['hemisphere']!r}: allowed are L, R")
    x, y, z = (number(where, row, axis) for axis in "xyz")
    return Roi(
        label.removeprefix("7Networks_"),
        label,
        cast(Hemisphere, row["hemisphere"]),
        x,
        y,
        z,
        network=row["network7"],
        source=PARCELS,
    )


def _structure(label: str) -> Roi:
    side, stem = label[:1], label[1:]
    if side not in ("L", "R") or stem not in SUBCORTEX:
        raise AtlasError(
            f"schaefer100_with_subcortex_labels.txt: {label!r}: allowed are L or R before "
            f"{', '.join(SUBCORTEX)}"
        )
    words, parent, left, right = SUBCORTEX[stem]
    return Roi(
        f"{side}H_{words.split()[-1]}",
        words,
        cast(Hemisphere, side),
        *(left if side == "L" else right),
        structure="subcortex",
        parent=parent,
        source="Harvard-Oxford atlas, centers",
    )


def _associations(path: Path, cortex: Sequence[Roi]) -> list[Association]:
    labels, terms, values = read_terms(path)
    if labels != [roi.label for roi in cortex]:
        raise AtlasError(
            f"{path.name}: must have the labels of schaefer100_rois.csv, in their order"
        )
    known = {row["function"] for row in seed_functions()}
    meant = {term: TERMS.get(term, term) for term in terms}
    return [
        Association(meant[term], roi.name, float(degree), NEUROSYNTH)
        for term, column in zip(terms, values.T, strict=True)
        if meant[term] in known
        for roi, degree in zip(cortex, column, strict=True)
        if degree > 0
    ]


def _relations(path: Path, names: Sequence[str]) -> list[Relation]:
    arrays = read_arrays(path)
    found = {}
    for kind in ("fc", "sc"):
        key = f"enigma_{kind}_100_with_subcortex"
        if key not in arrays or arrays[key].dtype.kind != "f":
            raise AtlasError(f"{path.name}: has no matrix of numbers {key!r}")
        check_square(key, arrays[key], len(names))
        found[kind] = arrays[key].astype(np.float64)
    log_strength = found["sc"]
    fibres = np.where(log_strength != 0, np.log1p(np.exp(log_strength)), 0.0)
    return [
        *relations_of("enigma_sc_100_with_subcortex", "structural", names, fibres, ENIGMA),
        *relations_of(
            "enigma_fc_100_with_subcortex", "functional", names, np.tanh(found["fc"]), ENIGMA
        ),
    ]
