"""The data of the benchmark: Schaefer's 100 cortical parcels with the maps of 124 terms.

Letters: R parcels, N maps.

Terms are correlated, so they are no independent samples: they are put into clusters (average
linkage of 1 - correlation, 45 clusters), which stay together in folds and in the bootstrap.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse import csr_array
from scipy.spatial.distance import squareform

from brainray.atlas.arrays import atlas_of_rows
from brainray.atlas.importers import schaefer
from brainray.atlas.interface import Atlas, Floats
from brainray.catalog.seeding import seed_functions

FOLDER = "brain_schaefer"
CLUSTERS = 45


@dataclass(frozen=True)
class TermMaps:
    """The maps.

    Attributes:
        atlas: the parcels; its functions are the terms, each a sub-region of its own, in the
            order of the maps; what a term excites is what is above 0 in its map.
        value_RN: the maps as they are, below 0 too.
        cluster_N: of each map.
    """

    atlas: Atlas
    value_RN: Floats
    cluster_N: NDArray[np.intp]


def read_term_maps(data: Path) -> TermMaps:
    """Return the maps of ``brain_schaefer`` in the folder of data sets."""
    path = data / FOLDER / "schaefer100_neurosynth_terms.csv.gz"
    labels, terms, value_RN = schaefer.read_terms(path)
    order = np.argsort(terms)
    named = [terms[i] for i in order]
    whole = read_schaefer(data)
    atlas = replace(
        first_rois(whole, len(labels)),
        functions=tuple(named),
        sub_regions={term: f"term.{term}" for term in named},
        degree_RF=np.maximum(value_RN[:, order], 0.0),
    )
    return TermMaps(atlas, value_RN[:, order], _clusters(value_RN[:, order]))


def read_schaefer(data: Path) -> Atlas:
    """Return the atlas that is imported from Schaefer's parcels, with functions of the catalog."""
    homes = {row["function"]: row["sub_region"] for row in seed_functions()}
    return atlas_of_rows(schaefer.read(data / FOLDER, "schaefer"), homes, {})


def first_rois(atlas: Atlas, count: int) -> Atlas:
    """Return an atlas of its first ROIs alone."""
    return replace(
        atlas,
        rois=atlas.rois[:count],
        degree_RF=atlas.degree_RF[:count],
        functional_RR=atlas.functional_RR[:count, :count],
        structural_RR=atlas.structural_RR[:count, :count],
        structural_directed_RR=atlas.structural_directed_RR[:count, :count],
        tract_mm_RR=atlas.tract_mm_RR[:count, :count],
    )


def with_functional(atlas: Atlas, functional_RR: Floats) -> Atlas:
    """Return an atlas with other functional relations."""
    return replace(atlas, functional_RR=csr_array(functional_RR))


def with_functions(atlas: Atlas, kept: Sequence[int]) -> Atlas:
    """Return an atlas that knows some of its functions alone."""
    return replace(
        atlas,
        functions=tuple(atlas.functions[i] for i in kept),
        degree_RF=atlas.degree_RF[:, kept],
    )


def _clusters(value_RN: Floats) -> NDArray[np.intp]:
    apart_NN: Floats = np.asarray(1 - np.corrcoef(value_RN.T))
    np.fill_diagonal(apart_NN, 0.0)
    tree = linkage(squareform((apart_NN + apart_NN.T) / 2, checks=False), "average")
    return np.asarray(fcluster(tree, CLUSTERS, "maxclust"))
