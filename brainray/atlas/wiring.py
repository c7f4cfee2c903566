"""How strongly sub-regions are connected, and how unlikely that is.

Letters: R ROIs, S those that take part in a test, K sub-regions, P pairs of them that overlap.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from scipy.sparse import csr_array

from brainray.atlas.connectome import connectome
from brainray.atlas.coverage import Members
from brainray.atlas.interface import Atlas, Floats
from brainray.atlas.permutations import Columns, Permutations, Places, Statistic, lower_tail

RelationKind = Literal["functional", "structural"]


@dataclass(frozen=True)
class Connection:
    """How strongly two sub-regions are connected by one kind of relation.

    Attributes:
        kind: ``functional`` or ``structural``.
        a: one of them.
        b: the other.
        mean: of the connectome over pairs of an ROI of the one and an ROI of the other; pairs of
            two ROIs that both have are left out.
        rank: 1 for the strongest of this kind.
        pairs: how many of this kind there are.
        p: how likely ROIs of any place are connected as strongly, by test.
    """

    kind: RelationKind
    a: str
    b: str
    mean: float
    rank: int
    pairs: int
    p: dict[str, float]


def connections(
    atlas: Atlas,
    members: Mapping[str, Members],
    tests: Mapping[str, Permutations],
    kind: RelationKind,
) -> list[Connection]:
    """Return the connections between each two sub-regions, the strongest first.

    Args:
        atlas: of the ROIs.
        members: the ROIs of each sub-region, shape `(R,)`.
        tests: by name, e.g. ``relabel`` and ``spin``.
        kind: of the relations; none of it in the atlas is no connections.
    """
    relations = atlas.functional_RR if kind == "functional" else atlas.structural_RR
    names = sorted(name for name, found in members.items() if found.any())
    if not names or not (relations.data > 0).any():
        return []
    weights_RR = connectome(atlas, kind)
    member_RK = np.stack([members[name] for name in names], axis=1)
    mean_KK = means_between(weights_RR, member_RK)
    p = {
        test: lower_tail(_weaker(weights_RR, null.rois_S), member_RK, null)
        for test, null in tests.items()
    }
    known = [(i, j) for i, j in combinations(range(len(names)), 2) if not np.isnan(mean_KK[i, j])]
    order = sorted(known, key=lambda pair: (-round(float(mean_KK[pair]), 9), pair))
    return [
        Connection(
            kind,
            names[i],
            names[j],
            mean=float(mean_KK[i, j]),
            rank=rank,
            pairs=len(order),
            p={test: float(p_KK[i, j]) for test, p_KK in p.items()},
        )
        for rank, (i, j) in enumerate(order, start=1)
    ]


def means_between(weights_RR: csr_array, member_RK: Columns) -> Floats:
    """Return the mean weight between an ROI of one column and an ROI of the other.

    Pairs of two ROIs that both columns have are left out: columns are not connected because they
    overlap.

    Args:
        weights_RR: symmetric, without diagonal.
        member_RK: which ROIs each column has.

    Returns:
        shape `(K, K)`, symmetric; NaN on the diagonal and where there is no pair.
    """
    member = member_RK.astype(np.float64)
    total_KK = member.T @ (weights_RR @ member)
    shared_KK = member.T @ member
    count_K = member.sum(axis=0)
    pairs_KK = np.outer(count_K, count_K) - shared_KK**2
    a_P, b_P = np.nonzero(np.triu(shared_KK, 1))
    both_RP = member[:, a_P] * member[:, b_P]
    within_P = (both_RP * (weights_RR @ both_RP)).sum(axis=0)
    total_KK[a_P, b_P] -= within_P
    total_KK[b_P, a_P] -= within_P
    np.fill_diagonal(pairs_KK, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(pairs_KK > 0, total_KK / pairs_KK, np.nan)


def _weaker(weights_RR: csr_array, rois_S: Places) -> Statistic:
    """Return the statistic that is the smaller, the stronger columns are connected."""
    weights_SS = csr_array(weights_RR[rois_S][:, rois_S])
    return lambda member_SK: -means_between(weights_SS, member_SK)
