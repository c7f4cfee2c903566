"""From the rows of an atlas to its arrays; the order of associations and relations plays no part.

Letters as in `brainray.atlas.interface`; E are relations, A associations.
"""

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from brainray.atlas.interface import Atlas, Floats
from brainray.catalog import Library
from brainray.catalog.brain import AtlasRows
from brainray.catalog.brain_columns import AtlasColumns, RelationColumns, columns_of

Places: TypeAlias = NDArray[np.intp]


def load_atlas(library: Library, name: str) -> Atlas:
    """Return an atlas of the catalog, with sub-regions by the names that they have now.

    Raises:
        AtlasError: there is none of this name.
    """
    return atlas_of(library.atlas_columns(name))


def atlas_of_rows(
    rows: AtlasRows, sub_regions: Mapping[str, str], synonyms: Mapping[str, str]
) -> Atlas:
    """Return the arrays of rows that were checked, as those of a catalog are.

    Args:
        rows: the atlas.
        sub_regions: the sub-region of each function of the dictionary, by name and synonym.
        synonyms: the function that each synonym means.
    """
    return atlas_of(columns_of(rows, sub_regions, synonyms))


def atlas_of(columns: AtlasColumns) -> Atlas:
    """Return the arrays of an atlas."""
    size = len(columns.rois)
    structural, functional = columns.relations["structural"], columns.relations["functional"]
    lengths = [_both_ways(kind, kind.length_mm_E) for kind in columns.relations.values()]
    undirected = np.flatnonzero(~structural.directed_E)
    functions, degree_RF = _degrees(columns)
    return Atlas(
        columns.name,
        columns.rois,
        functions,
        columns.sub_regions,
        columns.synonyms,
        degree_RF,
        functional_RR=_matrix(size, *_both_ways(functional, functional.weight_E)),
        structural_RR=_matrix(size, *_both_ways(structural, structural.weight_E)),
        structural_directed_RR=_matrix(
            size,
            np.concatenate([structural.a_E, structural.b_E[undirected]]),
            np.concatenate([structural.b_E, structural.a_E[undirected]]),
            np.concatenate([structural.weight_E, structural.weight_E[undirected]]),
        ),
        tract_mm_RR=_matrix(size, *map(np.concatenate, zip(*lengths, strict=True))),
    )


def _degrees(columns: AtlasColumns) -> tuple[tuple[str, ...], Floats]:
    """Return the functions that excite an ROI, sorted, and their degrees."""
    exciting = np.flatnonzero(columns.degree_A > 0)
    functions = sorted({columns.function_A[one] for one in exciting})
    column = {function: place for place, function in enumerate(functions)}
    degree_RF = np.zeros((len(columns.rois), len(functions)))
    column_A = [column[columns.function_A[one]] for one in exciting]
    degree_RF[columns.roi_A[exciting], column_A] = columns.degree_A[exciting]
    return tuple(functions), degree_RF


def _both_ways(relations: RelationColumns, value_E: Floats) -> tuple[Places, Places, Floats]:
    return (
        np.concatenate([relations.a_E, relations.b_E]),
        np.concatenate([relations.b_E, relations.a_E]),
        np.concatenate([value_E, value_E]),
    )


def _matrix(size: int, row_E: Places, column_E: Places, value_E: Floats) -> csr_array:
    """Return a matrix of what is known (not NaN) and not 0; of two values the larger one.

    Larger is what is farther from 0, and positive rather than negative.
    """
    known = np.flatnonzero(~np.isnan(value_E) & (value_E != 0))
    row_E, column_E, value_E = row_E[known], column_E[known], value_E[known]
    pair_E = row_E * size + column_E
    order = np.lexsort((value_E, np.abs(value_E), pair_E))
    largest = order[np.append(np.diff(pair_E[order]) != 0, True)] if order.size else order
    return csr_array((value_E[largest], (row_E[largest], column_E[largest])), shape=(size, size))
