"""From some observed ROIs to all of them."""

import numpy as np
from numpy.typing import NDArray

from brainray.atlas.connectome import LENGTH_MM, mirrored
from brainray.atlas.interface import Atlas, Floats

NOISE = 0.2
"""``lambda``: the variance of an observation relative to that of the activation."""


def complete_strengths(atlas: Atlas, strength_R: Floats, observed_R: NDArray[np.bool_]) -> Floats:
    """Estimate the strengths of ROIs that were not observed, by simple kriging.

    ``x_m = K_mo (K_oo + lambda I)^-1 x_o``, with ``K`` half the mirrored distance kernel and
    half the functional relations; without information an ROI is inactive. Estimates below 0
    become 0.

    Args:
        atlas: the ROIs.
        strength_R: the strengths, at least 0; what is not observed is not read.
        observed_R: where they are known.

    Returns:
        all strengths; the observed ones are left as they are.
    """
    known, missing = np.flatnonzero(observed_R), np.flatnonzero(~observed_R)
    covariance_OO = _covariance(atlas, known, known)
    weight_O = np.linalg.solve(covariance_OO + NOISE * np.eye(len(known)), strength_R[known])
    completed_R = strength_R.copy()
    completed_R[missing] = np.maximum(_covariance(atlas, missing, known) @ weight_O, 0.0)
    return completed_R


def _covariance(atlas: Atlas, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Floats:
    places = mirrored(atlas.coordinates)
    distance_mm = np.linalg.norm(places[rows][:, None] - places[columns][None], axis=2)
    functional = np.clip(atlas.functional_RR[rows][:, columns].toarray(), 0.0, 1.0)
    functional[rows[:, None] == columns[None]] = 1.0
    return np.asarray((np.exp(-distance_mm / LENGTH_MM) + functional) / 2)
