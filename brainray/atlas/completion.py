"""From some observed ROIs to all of them: kriging over distance, connectome and functions.

Activity is taken for a draw of a Gaussian process over the ROIs: what is missing is
``x_m = K_mo (K_oo + lambda I)^-1 x_o`` (simple kriging; with the functional connectome alone as
``K`` it is the activity flow over regression weights of Cole et al. 2016). The covariance has
three parts: the mirrored distance kernel, the functional relations, and the table of functions,
in which ROIs are alike that the same functions excite.

Letters: R ROIs, O observed, M missing, N maps.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brainray.atlas.connectome import mirrored
from brainray.atlas.interface import Atlas, Floats
from brainray.errors import AtlasError

Places = NDArray[np.intp]


@dataclass(frozen=True)
class CompletionSettings:
    """How missing ROIs are estimated.

    Attributes:
        functional: the share of the functional relations beside that of distance, in [0, 1].
        functions: the share of the table of functions in the whole covariance, in [0, 1).
        noise: ``lambda``, the variance of an observation relative to that of the activity,
            above 0.
        length_mm: where the distance kernel has fallen to 1 / e, above 0.

    Raises:
        AtlasError: a value out of its range.
    """

    functional: float = 0.6
    functions: float = 0.3
    noise: float = 0.1
    length_mm: float = 40.0

    def __post_init__(self) -> None:
        ranges = {
            "functional": (0 <= self.functional <= 1, "in [0, 1]"),
            "functions": (0 <= self.functions < 1, "in [0, 1)"),
            "noise": (self.noise > 0, "above 0"),
            "length_mm": (self.length_mm > 0, "above 0"),
        }
        for name, (allowed, what) in ranges.items():
            if not allowed:
                raise AtlasError(f"completion.{name}: {getattr(self, name)} must be {what}")


def complete(
    atlas: Atlas,
    value_RN: Floats,
    observed_R: NDArray[np.bool_],
    settings: CompletionSettings | None = None,
    baseline_N: Floats | float = 0.0,
) -> Floats:
    """Estimate the activity of ROIs that were not observed.

    Args:
        atlas: the ROIs.
        value_RN: the activity, shape `(R,)` or `(R, N)`; what is not observed is not read.
        observed_R: where it is known.
        settings: see there.
        baseline_N: what an ROI has of which nothing is known: 0 for strengths, the mean of the
            observed ones for maps with an arbitrary zero.

    Returns:
        all values; the observed ones as they are.
    """
    how = settings or CompletionSettings()
    known, missing = np.flatnonzero(observed_R), np.flatnonzero(~observed_R)
    completed_RN = np.array(value_RN, dtype=np.float64)
    if len(known) and len(missing):
        between_MO = covariance(atlas, missing, known, how)
        weight_ON = _solve(
            covariance(atlas, known, known, how), how.noise, value_RN[known] - baseline_N
        )
        completed_RN[missing] = between_MO @ weight_ON + baseline_N
    return completed_RN


def covariance(atlas: Atlas, rows: Places, columns: Places, settings: CompletionSettings) -> Floats:
    """Return the covariance between some ROIs and others, about 1 between an ROI and itself.

    Args:
        atlas: the ROIs.
        rows: places of ROIs.
        columns: places of ROIs.
        settings: the shares of the three parts.
    """
    places = mirrored(atlas.coordinates)
    distance_mm = np.linalg.norm(places[rows][:, None] - places[columns][None], axis=2)
    functional = np.clip(atlas.functional_RR[rows][:, columns].toarray(), -1.0, 1.0)
    functional[rows[:, None] == columns[None]] = 1.0
    related = (1 - settings.functional) * np.exp(-distance_mm / settings.length_mm)
    related += settings.functional * functional
    alike = atlas.relative[rows] @ atlas.relative[columns].T
    mean_square = float((atlas.relative**2).sum(axis=1).mean()) or 1.0
    return np.asarray((1 - settings.functions) * related + settings.functions * alike / mean_square)


def _solve(covariance_OO: Floats, noise: float, value_ON: Floats) -> Floats:
    """Solve ``(K + noise I) w = x`` for the nearest ``K`` that is a covariance.

    Relations of which many are left out need not be one: eigenvalues below 0 become 0.
    """
    eigenvalue_O, vector_OO = np.linalg.eigh(covariance_OO)
    inverse_O = 1 / (np.maximum(eigenvalue_O, 0.0) + noise)
    return np.asarray((vector_OO * inverse_O) @ (vector_OO.T @ value_ON))
