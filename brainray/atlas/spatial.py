"""How functions and regions lie in the brain: centers, distances, and how unlikely they are.

Distances are mirrored: both hemispheres are laid upon each other, so that what lies left is as
near to a twin of its neighbor on the right as to the neighbor.

Letters: R ROIs, S those that take part in a test, K functions or regions.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.spatial.distance import cdist

from brainray.atlas.connectome import mirrored
from brainray.atlas.coverage import Members
from brainray.atlas.interface import Atlas, Floats
from brainray.atlas.permutations import Columns, Permutations, Places, Statistic, lower_tail

OCCIPITAL_MM = -65.0
"""Cortical ROIs at or behind this y are occipital, whatever an atlas calls them. By it, the centers
of the 176 cortical areas of AAL2 and of the Harvard-Oxford atlas fall on the side that their names
say, but for the right lingual gyrus of the latter."""


@dataclass(frozen=True)
class Extent:
    """Where a function or a region lies.

    Attributes:
        name: of it.
        rois: how many it covers.
        center: their mean MNI coordinates in mm, mirrored: the first is the distance from the
            midline.
        spread_mm: the mean distance between two of them, NaN where there are no two.
        occipital: the share of them that lies in the occipital lobe, in [0, 1].
        p_spread: how likely ROIs of any place lie as close together, by test.
        p_occipital: how likely at least as many of them would be occipital, by test.
    """

    name: str
    rois: int
    center: tuple[float, float, float]
    spread_mm: float
    occipital: float
    p_spread: dict[str, float]
    p_occipital: dict[str, float]


@dataclass(frozen=True)
class Distance:
    """How far two functions or regions lie apart.

    Attributes:
        a: one of them.
        b: the other.
        mean_mm: the mean distance between an ROI of the one and another ROI of the other.
        rank: 1 for the nearest pair of all.
        pairs: how many pairs there are.
        p: how likely ROIs of any place make them as near, by test.
    """

    a: str
    b: str
    mean_mm: float
    rank: int
    pairs: int
    p: dict[str, float]


def extents(
    atlas: Atlas, members: Mapping[str, Members], tests: Mapping[str, Permutations]
) -> list[Extent]:
    """Return where each function or region lies, by name, without those that cover no ROI.

    Args:
        atlas: of the ROIs.
        members: the ROIs of each, shape `(R,)`.
        tests: by name, e.g. ``relabel`` and ``spin``.
    """
    names, member_RK = _columns(members)
    distance_RR, occipital_R = distances(atlas), occipital(atlas)
    spread_K = mean_spreads(distance_RR, member_RK)
    share_K = _share(occipital_R, member_RK)
    p_spread = _p(tests, member_RK, lambda rois_S: _spread_of(_within(distance_RR, rois_S)))
    p_share = _p(tests, member_RK, lambda rois_S: _less_share(occipital_R[rois_S]))
    rows = []
    for k, name in enumerate(names):
        x, y, z = mirrored(atlas.coordinates[member_RK[:, k]]).mean(axis=0)
        rows.append(
            Extent(
                name,
                rois=int(member_RK[:, k].sum()),
                center=(float(x), float(y), float(z)),
                spread_mm=float(spread_K[k]),
                occipital=float(share_K[k]),
                p_spread={test: float(p_K[k]) for test, p_K in p_spread.items()},
                p_occipital={test: float(p_K[k]) for test, p_K in p_share.items()},
            )
        )
    return rows


def pairs(
    atlas: Atlas, members: Mapping[str, Members], tests: Mapping[str, Permutations]
) -> list[Distance]:
    """Return how far each two of the functions or regions lie apart, the nearest first.

    Args:
        atlas: of the ROIs.
        members: the ROIs of each, shape `(R,)`.
        tests: by name; none for distances alone.
    """
    names, member_RK = _columns(members)
    distance_RR = distances(atlas)
    mean_KK = mean_distances(distance_RR, member_RK)
    p = _p(tests, member_RK, lambda rois_S: _means_of(_within(distance_RR, rois_S)))
    known = [(i, j) for i, j in combinations(range(len(names)), 2) if not np.isnan(mean_KK[i, j])]
    order = sorted(known, key=lambda pair: (round(float(mean_KK[pair]), 6), pair))
    return [
        Distance(
            names[i],
            names[j],
            mean_mm=float(mean_KK[i, j]),
            rank=rank,
            pairs=len(order),
            p={test: float(p_KK[i, j]) for test, p_KK in p.items()},
        )
        for rank, (i, j) in enumerate(order, start=1)
    ]


def distances(atlas: Atlas) -> Floats:
    """Return the mirrored distances between ROIs in mm, shape `(R, R)`."""
    places = mirrored(atlas.coordinates)
    return np.asarray(cdist(places, places))


def mean_distances(distance_RR: Floats, member_RK: Columns) -> Floats:
    """Return the mean distance between an ROI of one column and another ROI of the other one.

    An ROI of both is no pair with itself.

    Args:
        distance_RR: in mm, with a diagonal of 0.
        member_RK: which ROIs each column has.

    Returns:
        shape `(K, K)`, within columns on the diagonal; NaN where there is no pair.
    """
    member = member_RK.astype(np.float64)
    total_KK = member.T @ (distance_RR @ member)
    count_K = member.sum(axis=0)
    return _mean(total_KK, np.outer(count_K, count_K) - member.T @ member)


def mean_spreads(distance_RR: Floats, member_RK: Columns) -> Floats:
    """Return the diagonal of `mean_distances`: within each column, shape `(K,)`."""
    member = member_RK.astype(np.float64)
    count_K = member.sum(axis=0)
    return _mean((member * (distance_RR @ member)).sum(axis=0), count_K * (count_K - 1))


def occipital(atlas: Atlas) -> Members:
    """Return which ROIs lie in the occipital lobe, shape `(R,)`; see `OCCIPITAL_MM`."""
    inside = [roi.structure == "cortex" and roi.y <= OCCIPITAL_MM for roi in atlas.rois]
    return np.array(inside, dtype=np.bool_)


def _columns(members: Mapping[str, Members]) -> tuple[list[str], Columns]:
    """Return those that cover an ROI, by name, and their ROIs."""
    names = sorted(name for name, found in members.items() if found.any())
    rois = len(next(iter(members.values()), ()))
    member_KR = np.array([members[name] for name in names], dtype=np.bool_)
    return names, member_KR.reshape(len(names), rois).T


def _p(
    tests: Mapping[str, Permutations],
    member_RK: Columns,
    statistic_of: Callable[[Places], Statistic],
) -> dict[str, Floats]:
    """Return the p values of each test; the statistic is one of the ROIs that take part."""
    return {
        test: lower_tail(statistic_of(null.rois_S), member_RK, null) for test, null in tests.items()
    }


def _within(distance_RR: Floats, rois_S: Places) -> Floats:
    return distance_RR[np.ix_(rois_S, rois_S)]


def _means_of(distance_SS: Floats) -> Statistic:
    return lambda member_SK: mean_distances(distance_SS, member_SK)


def _spread_of(distance_SS: Floats) -> Statistic:
    return lambda member_SK: mean_spreads(distance_SS, member_SK)


def _less_share(occipital_S: Members) -> Statistic:
    """The negative share, so that much is in the lower tail."""
    return lambda member_SK: -_share(occipital_S, member_SK)


def _share(occipital_S: Members, member_SK: Columns) -> Floats:
    return _mean(occipital_S.astype(np.float64) @ member_SK, member_SK.sum(axis=0))


def _mean(total: Floats, count: Floats) -> Floats:
    return np.where(count > 0, total / np.where(count > 0, count, 1.0), np.nan)
