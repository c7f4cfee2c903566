"""A small atlas for tests: a few ROIs on a line, with what a test wants to say of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from scipy.sparse import coo_array, csr_array

from brainray.atlas.interface import Atlas
from brainray.catalog.brain import Roi

Pairs = Mapping[tuple[str, str], float]


def small_atlas(
    degrees: Mapping[str, Mapping[str, float]],
    sub_regions: Mapping[str, str],
    functional: Pairs | None = None,
    structural: Pairs | None = None,
    synonyms: Mapping[str, str] | None = None,
    rois: Sequence[str] | None = None,
) -> Atlas:
    """Return an atlas of ROIs that lie 15 mm apart in the left hemisphere.

    Args:
        degrees: function to ROI to raw degree.
        sub_regions: the sub-region of each function, also of those without ROIs.
        functional: relations between ROIs, each pair once.
        structural: the same.
        synonyms: synonym to function.
        rois: names in order; by default those of ``degrees`` and of the relations, sorted.
    """
    named = {roi for found in degrees.values() for roi in found}
    named |= {roi for pairs in (functional, structural) for pair in pairs or {} for roi in pair}
    names = list(rois) if rois is not None else sorted(named)
    place = {name: i for i, name in enumerate(names)}
    functions = tuple(sorted(degrees))
    degree_RF = np.zeros((len(names), len(functions)))
    for column, function in enumerate(functions):
        for roi, degree in degrees[function].items():
            degree_RF[place[roi], column] = degree
    known = {word: sub_regions[function] for word, function in (synonyms or {}).items()}
    empty = csr_array((len(names), len(names)), dtype=np.float64)
    return Atlas(
        name="small",
        rois=tuple(
            Roi(name, name, "L", -40.0, 15.0 * (i - len(names) / 2), 10.0)
            for i, name in enumerate(names)
        ),
        functions=functions,
        sub_regions={**sub_regions, **known},
        synonyms=dict(synonyms or {}),
        degree_RF=degree_RF,
        functional_RR=_matrix(functional or {}, place),
        structural_RR=_matrix(structural or {}, place),
        structural_directed_RR=empty,
        tract_mm_RR=empty,
    )


def reordered(atlas: Atlas, order: Sequence[int]) -> Atlas:
    """Return the same atlas with its ROIs in another order."""
    places = list(order)
    return replace(
        atlas,
        rois=tuple(atlas.rois[i] for i in places),
        degree_RF=atlas.degree_RF[places],
        functional_RR=atlas.functional_RR[places][:, places],
        structural_RR=atlas.structural_RR[places][:, places],
        structural_directed_RR=atlas.structural_directed_RR[places][:, places],
        tract_mm_RR=atlas.tract_mm_RR[places][:, places],
    )


def _matrix(pairs: Pairs, place: Mapping[str, int]) -> csr_array:
    rows = [place[a] for a, _ in pairs] + [place[b] for _, b in pairs]
    columns = [place[b] for _, b in pairs] + [place[a] for a, _ in pairs]
    weights = [*pairs.values(), *pairs.values()]
    shape = (len(place), len(place))
    return csr_array(coo_array((weights, (rows, columns)), shape=shape, dtype=np.float64))
