"""Null connectomes: what a benefit of the connectome has to be compared with.

Letters: R ROIs, P pairs of two different ROIs, E edges: the pairs with a weight.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from brainray.atlas.connectome import mirrored
from brainray.atlas.interface import Floats
from brainray.seeding import numpy_generator

Places: TypeAlias = NDArray[np.intp]

SWAPS_PER_EDGE = 10
"""Attempts; after about this many the wiring no longer remembers where it began."""
SCALINGS, TOLERANCE = 1000, 1e-9


def shuffled(connectome_RR: csr_array, seed: int) -> csr_array:
    """Permute the ROIs: the same graph, but of other ROIs.

    Args:
        connectome_RR: symmetric.
        seed: of the permutation.
    """
    order_R = numpy_generator(seed, "shuffled connectome").permutation(connectome_RR.shape[0])
    return csr_array(connectome_RR[order_R][:, order_R])


def strength_preserving(weight_RR: Floats, seed: int) -> Floats:
    """Rewire at random, but let every ROI keep its number of edges and the sum of its weights.

    Pairs of edges swap their ends (Maslov and Sneppen 2002), the weights are dealt anew, and
    rows and columns are scaled until the sums are those of before (iterative proportional
    fitting; Sinkhorn and Knopp 1967).

    Args:
        weight_RR: at least 0, symmetric, without diagonal.
        seed: of the rewiring.

    Returns:
        the same, rewired; in a graph without a missing edge only the weights change places. The
        sums are those of before as far as the new wiring allows.
    """
    random = numpy_generator(seed, "strength-preserving null")
    a_E, b_E = np.nonzero(np.triu(weight_RR))
    dealt_E = random.permutation(weight_RR[a_E, b_E])
    a_E, b_E = _swapped(a_E, b_E, random)
    rewired_RR = _symmetric(weight_RR.shape[0], a_E, b_E, dealt_E)
    wanted_R = weight_RR.sum(axis=1)
    scale_R = np.ones(len(wanted_R))
    for _ in range(SCALINGS):
        now_R = scale_R * (rewired_RR @ scale_R)
        change_R = np.divide(wanted_R, now_R, out=np.ones_like(now_R), where=now_R > 0)
        scale_R *= np.sqrt(change_R)
        if np.abs(change_R - 1).max(initial=0.0) < TOLERANCE:
            break
    return np.asarray(np.outer(scale_R, scale_R) * rewired_RR)


def distance_preserving(
    weight_RR: Floats, coordinates: Floats, seed: int, bins: int = 20
) -> Floats:
    """Let pairs that lie about equally far apart exchange their weights.

    What distance says about weights stays (after Betzel and Bassett 2018, Specificity and
    robustness of long-distance connections); distances are mirrored, as in the distance kernel.

    Args:
        weight_RR: symmetric, without diagonal; pairs without an edge take part.
        coordinates: MNI in mm, shape `(R, 3)`.
        seed: of the exchange.
        bins: of distance, with equally many pairs each.
    """
    random = numpy_generator(seed, "distance-preserving null")
    a_P, b_P = np.triu_indices(weight_RR.shape[0], k=1)
    places = mirrored(coordinates)
    by_distance_P = np.argsort(np.linalg.norm(places[a_P] - places[b_P], axis=1), kind="stable")
    dealt_P = weight_RR[a_P, b_P]
    for pairs in np.array_split(by_distance_P, bins):
        dealt_P[pairs] = dealt_P[random.permutation(pairs)]
    return _symmetric(weight_RR.shape[0], a_P, b_P, dealt_P)


def _swapped(a_E: Places, b_E: Places, random: np.random.Generator) -> tuple[Places, Places]:
    """Turn edges a-b and c-d into a-d and c-b where these are new."""
    ends = [list(pair) for pair in zip(a_E.tolist(), b_E.tolist(), strict=True)]
    there = {frozenset(pair) for pair in ends}
    for one, other, way in random.integers(
        [len(ends), len(ends), 2], size=(SWAPS_PER_EDGE * len(ends), 3)
    ).tolist():
        (a, b), (c, d) = ends[one], ends[other][:: 1 if way else -1]
        new = frozenset((a, d)), frozenset((c, b))
        if len({a, b, c, d}) == 4 and there.isdisjoint(new):
            there -= {frozenset((a, b)), frozenset((c, d))}
            there |= set(new)
            ends[one], ends[other] = [a, d], [c, b]
    places = np.array(ends, dtype=np.intp).reshape(-1, 2)
    return places[:, 0], places[:, 1]


def _symmetric(count: int, a: Places, b: Places, weight: Floats) -> Floats:
    matrix_RR = np.zeros((count, count))
    matrix_RR[a, b] = matrix_RR[b, a] = weight
    return matrix_RR
