"""The sub-regions of an atlas: which ROIs belong to each, and what connects them.

Letters: R ROIs, K sub-regions that have an ROI.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from brainray.atlas.interface import Atlas, Floats

Connections = tuple[tuple[str, str, float], ...]


class SubRegions:
    """The sub-regions that an atlas knows ROIs of.

    Args:
        atlas: the atlas.
        membership: the degree, relative to the function's own peak, from which an ROI is a
            member of the function's sub-region, in (0, 1].

    Attributes:
        names: sorted.
        degree_RK: the largest relative degree of an ROI for any function of the sub-region.
        member_RK: the same, and 0 below ``membership``.
        peak_RK: whether an ROI is the peak of a function of the sub-region.
    """

    def __init__(self, atlas: Atlas, membership: float) -> None:
        excited = [i for i in range(len(atlas.functions)) if atlas.relative[:, i].any()]
        of_function = {i: atlas.sub_regions[atlas.functions[i]] for i in excited}
        self.names: tuple[str, ...] = tuple(sorted(set(of_function.values())))
        degree_RK = np.zeros((len(atlas.rois), len(self.names)))
        for i, name in of_function.items():
            column = degree_RK[:, self.names.index(name)]
            np.maximum(column, atlas.relative[:, i], out=column)
        self.degree_RK: Floats = degree_RK
        self.member_RK: Floats = np.where(degree_RK >= membership, degree_RK, 0.0)
        self.peak_RK: NDArray[np.bool_] = degree_RK >= 1.0
        self._unit_RK: Floats = degree_RK / np.linalg.norm(degree_RK, axis=0)

    def weights(self, active_R: Floats) -> Floats:
        """Return the cosine of each sub-region's degrees with an activation, in [0, 1]."""
        length = np.linalg.norm(active_R)
        if length == 0:
            return np.zeros(len(self.names))
        return np.asarray(self._unit_RK.T @ (active_R / length))

    def with_peak_among(self, rois_R: NDArray[np.bool_]) -> set[str]:
        """Return the sub-regions of the functions that have their peak in one of the ROIs."""
        return {name for i, name in enumerate(self.names) if (self.peak_RK[:, i] & rois_R).any()}

    def connections(
        self, connectome_RR: csr_array, names: Sequence[str], floor: float
    ) -> Connections:
        """Return the connections between some sub-regions.

        A connection is the mean of the connectome over all pairs of a member of the one and a
        member of the other. Pairs of two ROIs that are members of both are left out, so that
        sub-regions are not connected because they overlap; two of the very same ROIs are
        connected by the pairs of these, and two of one and the same ROI as strongly as any.

        Args:
            connectome_RR: of `brainray.atlas.connectome.connectome`.
            names: the sub-regions; those without ROIs have no connection.
            floor: the weakest that counts, relative to the strongest, in [0, 1].

        Returns:
            ``(a, b, weight)`` in the order of ``names``, relative to the strongest.
        """
        members = {name: self.member_RK[:, i] > 0 for i, name in enumerate(self.names)}
        known = [name for name in names if name in members]
        # Only the rows of members are needed, so that work stays linear in their edges.
        rows = {name: connectome_RR[np.flatnonzero(members[name])] for name in known}
        means = {
            (a, b): _mean_between(rows[a], members[a], members[b])
            for a, b in combinations(known, 2)
        }
        measured = [mean for mean in means.values() if mean is not None]
        most = max(measured, default=0.0) or 1.0
        relative = {pair: 1.0 if mean is None else mean / most for pair, mean in means.items()}
        return tuple((a, b, w) for (a, b), w in relative.items() if w > 0 and w >= floor)


def integration(names: Sequence[str], connections: Connections) -> dict[str, float]:
    """Return how much of the connection of all others goes through each sub-region.

    The current-flow betweenness: a unit of current flows between any two others over the
    connections as conductors; the mean share of it that passes a sub-region (Newman 2005, A
    measure of betweenness centrality based on random walks, eq. 10; weights as conductances
    after Brandes and Fleischer 2005). Two others that nothing connects count as 0.

    Args:
        names: the sub-regions.
        connections: between them.

    Returns:
        in [0, 1] each; 0 where there are no two others.
    """
    count = len(names)
    place = {name: i for i, name in enumerate(names)}
    conductance_KK = np.zeros((count, count))
    for a, b, weight in connections:
        conductance_KK[place[a], place[b]] = conductance_KK[place[b], place[a]] = weight
    laplacian_KK = np.diag(conductance_KK.sum(axis=0)) - conductance_KK
    potential_KK = np.linalg.pinv(laplacian_KK, hermitian=True) if count else laplacian_KK
    part_K = connected_components(csr_array(conductance_KK), directed=False)[1]
    through_K = np.zeros(count)
    for s, t in combinations(range(count), 2):
        if part_K[s] != part_K[t]:
            continue
        potential_K = potential_KK[s] - potential_KK[t]
        current_KK = conductance_KK * np.abs(potential_K[:, None] - potential_K[None, :])
        passing_K = current_KK.sum(axis=1) / 2
        passing_K[[s, t]] = 0
        through_K += passing_K
    pairs = (count - 1) * (count - 2) / 2
    shares_K = np.clip(through_K / pairs, 0.0, 1.0) if pairs else through_K
    return {name: float(shares_K[i]) for name, i in place.items()}


def _mean_between(
    rows_AR: csr_array, a_R: NDArray[np.bool_], b_R: NDArray[np.bool_]
) -> float | None:
    """Return the mean over pairs, None if there is none; A are the rows of the ROIs of ``a_R``."""
    both_R, shared_A = a_R & b_R, b_R[a_R]
    pairs = float(a_R.sum() * b_R.sum() - both_R.sum() ** 2)
    if pairs:
        total = (rows_AR @ b_R.astype(np.float64))[~shared_A].sum()
        total += (rows_AR @ (b_R & ~a_R).astype(np.float64))[shared_A].sum()
        return float(total) / pairs
    pairs = float(both_R.sum() ** 2 - both_R.sum())
    return float((rows_AR @ both_R.astype(np.float64)).sum()) / pairs if pairs else None
