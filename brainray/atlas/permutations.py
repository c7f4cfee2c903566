"""Null distributions of what lies where: ROIs relabelled at random, and spun on the sphere.

Relabelling asks whether places matter at all; as neighbors are alike, it finds too much. The spin
test keeps neighbors neighbors (Alexander-Bloch et al. 2018, NeuroImage 178:540).

Letters: R ROIs, S those of them that take part, N permutations.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import permutations
from math import factorial
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from brainray.atlas.connectome import mirrored
from brainray.atlas.interface import Atlas, Floats
from brainray.seeding import numpy_generator

Places: TypeAlias = NDArray[np.intp]
Columns: TypeAlias = NDArray[np.bool_]
Statistic: TypeAlias = Callable[[Columns], Floats]

SPUN = 500
"""ROIs of a hemisphere beyond which the spin test takes minutes, and is left out."""

TOLERANCE = 1e-9
"""Values that differ by less are equal."""


@dataclass(frozen=True)
class Permutations:
    """ROIs, and where permutations move them.

    Attributes:
        rois_S: the ROIs that take part.
        places_NS: for each permutation the place among ``rois_S`` to which each of them goes.
        exact: whether these are all permutations that there are, the identity among them.
    """

    rois_S: Places
    places_NS: Places
    exact: bool = False


def relabelled(rois: int, count: int, seed: int) -> Permutations:
    """Return permutations of all ROIs; all there are, if these are not more than asked for.

    Args:
        rois: how many ROIs there are.
        count: how many permutations.
        seed: of the permutations.
    """
    everyone = np.arange(rois)
    if rois < 13 and factorial(rois) <= count:
        every = np.array(list(permutations(range(rois))), dtype=np.intp)
        return Permutations(everyone, every.reshape(-1, rois), exact=True)
    generator = numpy_generator(seed, "relabelled ROIs")
    places_NS = np.stack([generator.permutation(rois) for _ in range(count)])
    return Permutations(everyone, places_NS)


def spun(atlas: Atlas, count: int, seed: int) -> Permutations | None:
    """Return permutations of the cortical ROIs by rotations of each hemisphere.

    The ROIs of both hemispheres are laid upon each other and projected from their center onto a
    sphere; a random rotation turns the left one and its mirror image the right one. Each ROI then
    goes to a place of its hemisphere, no two to the same, so that the sum of the distances on the
    sphere is least (Markello & Misic 2021, NeuroImage 236:118052). Subcortex, cerebellum, brain
    stem and ROIs on the midline lie on no such sphere and are left out.

    Args:
        atlas: whose ROIs to spin.
        count: how many rotations.
        seed: of the rotations.

    Returns:
        None where there is no hemisphere of at least three ROIs, or one of more than `SPUN`.
    """
    sides = np.array([roi.hemisphere if roi.structure == "cortex" else "" for roi in atlas.rois])
    hemispheres = [np.flatnonzero(sides == side) for side in ("L", "R")]
    sizes = [len(found) for found in hemispheres]
    if max(sizes) < 3 or max(sizes) > SPUN:
        return None
    rois_S = np.concatenate(hemispheres)
    sphere_S3 = on_sphere(atlas.coordinates[rois_S])
    turned_NS = [
        _nearest_places(sphere_S3, sphere_S3 @ rotation.T, sizes)
        for rotation in rotations(count, seed)
    ]
    return Permutations(rois_S, np.stack(turned_NS))


def on_sphere(coordinates_S3: Floats) -> Floats:
    """Project mirrored coordinates from their center onto the unit sphere, shape `(S, 3)`."""
    centered_S3 = mirrored(coordinates_S3)
    centered_S3 = centered_S3 - centered_S3.mean(axis=0)
    length_S1 = np.linalg.norm(centered_S3, axis=1, keepdims=True)
    return np.asarray(centered_S3 / np.where(length_S1 > 0, length_S1, 1.0))


def rotations(count: int, seed: int) -> Floats:
    """Return uniformly distributed random rotations, shape `(N, 3, 3)`.

    The orthogonal part of a Gaussian matrix, with signs that make it unique (Mezzadri 2007,
    Notices of the AMS 54:592), and without reflection.
    """
    gaussian_N33 = numpy_generator(seed, "rotations of hemispheres").normal(size=(count, 3, 3))
    q_N33, r_N33 = np.linalg.qr(gaussian_N33)
    q_N33 = q_N33 * np.sign(np.diagonal(r_N33, axis1=1, axis2=2))[:, None, :]
    q_N33[:, :, 0] *= np.linalg.det(q_N33)[:, None]
    return np.asarray(q_N33)


def lower_tail(statistic: Statistic, member_RK: Columns, null: Permutations) -> Floats:
    """Return how likely permuted ROIs make values as small as the observed ones.

    Args:
        statistic: from membership among the ROIs that take part, shape `(S, K)`, to values.
        member_RK: the columns whose ROIs are permuted, all together.
        null: the permutations.

    Returns:
        p values in (0, 1] in the shape of the values, NaN where a value is; unless all
        permutations are there, the observed order counts as one of them (Phipson & Smyth 2010).
    """
    member_SK = member_RK[null.rois_S]
    observed = statistic(member_SK)
    hits = np.zeros_like(observed)
    moved_SK = np.empty_like(member_SK)
    for places_S in null.places_NS:
        moved_SK[places_S] = member_SK
        hits += statistic(moved_SK) <= observed + TOLERANCE
    one = 0 if null.exact else 1
    p = (hits + one) / (len(null.places_NS) + one)
    return np.where(np.isnan(observed), np.nan, p)


def _nearest_places(sphere_S3: Floats, turned_S3: Floats, sizes: list[int]) -> Places:
    """Return the place of its own hemisphere to which each turned ROI goes."""
    found, start = [], 0
    for size in sizes:
        here = slice(start, start + size)
        _, place = linear_sum_assignment(cdist(turned_S3[here], sphere_S3[here]))
        found.append(place + start)
        start += size
    return np.concatenate(found).astype(np.intp)
