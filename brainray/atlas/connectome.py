"""The connectome of an atlas: which ROIs pass activation on to which.

Letters: R ROIs, N stimuli. Matrices are sparse, so that all work is linear in the edges.
"""

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array, diags_array
from scipy.spatial import KDTree

from brainray.atlas.interface import Atlas, Floats
from brainray.errors import AtlasError

ConnectomeKind: TypeAlias = Literal["functional", "structural", "distance"]

LENGTH_MM = 20.0
"""How far the distance kernel reaches; see `distance_kernel`."""


def connectome(atlas: Atlas, kind: ConnectomeKind = "functional", edges: int = 20) -> csr_array:
    """Return the connectome ``W`` of an atlas: its strongest positive relations.

    Args:
        atlas: whose relations to take.
        kind: correlated activity, fibres, or the distance kernel, which needs coordinates alone.
        edges: how many of the strongest relations of each ROI are kept, at least 1.

    Returns:
        symmetric, without diagonal, all values above 0, shape `(R, R)`.

    Raises:
        AtlasError: the atlas has no relation of this kind.
    """
    if kind == "distance":
        return distance_kernel(atlas.coordinates, edges)
    relations = atlas.functional_RR if kind == "functional" else atlas.structural_RR
    kept = strongest(relations, edges)
    if kept.nnz == 0 and len(atlas.rois) > 1:
        raise AtlasError(
            f"connectome: atlas {atlas.name!r} has no {kind} relation above 0; "
            f"give it some, or take connectome distance, which needs coordinates alone"
        )
    return kept


def strongest(relations_RR: csr_array, edges: int) -> csr_array:
    """Keep the strongest positive relations of each row, then make the matrix symmetric.

    Relations that tie with the last one kept are kept too: then no order of ROIs matters.
    """
    entries = relations_RR.tocoo()
    usable = (entries.row != entries.col) & (entries.data > 0)
    row, column, weight = entries.row[usable], entries.col[usable], entries.data[usable]
    order = np.lexsort((-weight, row))
    row, column, weight = row[order], column[order], weight[order]
    first = np.searchsorted(row, np.arange(relations_RR.shape[0]))
    last = np.minimum(first + edges, np.append(first[1:], len(row))) - 1
    weakest_R = weight[last] if len(weight) else np.zeros(relations_RR.shape[0])
    kept = weight >= weakest_R[row]
    return _symmetric(row[kept], column[kept], weight[kept], relations_RR.shape[0])


def distance_kernel(coordinates: Floats, edges: int, length_mm: float = LENGTH_MM) -> csr_array:
    """Return ``exp(-distance / length)`` between each ROI and its nearest ones.

    Distances are mirrored: both hemispheres are laid upon each other, for an ROI works with its
    twin on the other side as with a neighbor. A kernel that does not know this makes any
    connectome look better than it is.

    Args:
        coordinates: MNI in mm, shape `(R, 3)`.
        edges: how many nearest ROIs each one is connected with; those as near as the last too.
        length_mm: where the kernel has fallen to 1 / e.
    """
    count = len(coordinates)
    if count < 2:
        return csr_array((count, count), dtype=np.float64)
    places = mirrored(coordinates)
    tree = KDTree(places)
    nearest_mm = np.asarray(tree.query(places, k=min(edges + 1, count))[0])
    reach_R = nearest_mm[:, -1]
    found = tree.query_ball_point(places, reach_R * (1 + 1e-9) + 1e-9)
    row = np.repeat(np.arange(count), [len(near) for near in found])
    column = np.concatenate([np.asarray(near, dtype=np.intp) for near in found])
    row, column = row[row != column], column[row != column]
    distance_mm = np.linalg.norm(places[row] - places[column], axis=1)
    return _symmetric(row, column, np.exp(-distance_mm / length_mm), count)


def passing(connectome_RR: csr_array, nearness_RR: csr_array, nearness: float) -> csr_array:
    """Return how activation passes on: partly over the connectome, partly to near ROIs.

    Both parts are normalised before they are mixed, so that no unit of a source matters.

    Args:
        connectome_RR: the relations.
        nearness_RR: the distance kernel.
        nearness: the share of the distance kernel, in [0, 1].

    Returns:
        symmetric, eigenvalues in [-1, 1], shape `(R, R)`.
    """
    mixed = (1 - nearness) * normalised(connectome_RR) + nearness * normalised(nearness_RR)
    return csr_array(mixed)


def mirrored(coordinates: Floats) -> Floats:
    """Lay the right hemisphere upon the left one."""
    return np.abs(coordinates * [1, 0, 0]) + coordinates * [0, 1, 1]


def normalised(connectome_RR: csr_array) -> csr_array:
    """Return ``D^-1/2 W D^-1/2``, whose eigenvalues lie in [-1, 1].

    An ROI without any relation keeps a row of zeros: it passes nothing on.
    """
    degree_R = connectome_RR.sum(axis=1)
    root_R = np.sqrt(np.where(degree_R > 0, degree_R, 1.0))
    return csr_array(diags_array(1 / root_R) @ connectome_RR @ diags_array(1 / root_R))


def _symmetric(
    row: NDArray[np.integer], column: NDArray[np.integer], weight: Floats, count: int
) -> csr_array:
    one_way = csr_array(coo_array((weight, (row, column)), shape=(count, count)))
    return csr_array(one_way.maximum(one_way.T))
