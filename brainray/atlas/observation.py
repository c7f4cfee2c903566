"""Observed ROIs: strengths by name, or of a brain map."""

import math
from collections.abc import Mapping
from difflib import get_close_matches

import numpy as np

from brainray.atlas.interface import Atlas, Floats
from brainray.errors import ScenarioError


def read_strengths(atlas: Atlas, strengths: Mapping[str, float]) -> Floats:
    """Return the strength of each ROI, NaN where none is given; shape `(R,)`.

    Args:
        atlas: whose ROIs they are.
        strengths: ROI to strength, at least 0 and one of them above 0.

    Raises:
        ScenarioError: there are none, an ROI is unknown, a strength is negative or not finite,
            or all are 0.
    """
    if not strengths:
        raise ScenarioError("activation.rois: must name at least one ROI")
    place = {name: i for i, name in enumerate(atlas.names)}
    strength_R = np.full(len(place), np.nan)
    for name, strength in strengths.items():
        if name not in place:
            close = get_close_matches(name, place, n=3)
            hint = f", did you mean {' or '.join(map(repr, close))}?" if close else "."
            raise ScenarioError(
                f"activation.rois: unknown ROI {name!r}{hint} Known are the {len(place)} ROIs "
                f"of atlas {atlas.name!r}"
            )
        if not math.isfinite(strength) or strength < 0:
            raise ScenarioError(
                f"activation.rois.{name}: strength {strength} must be a finite number, at least 0"
            )
        strength_R[place[name]] = strength
    if not any(strengths.values()):
        raise ScenarioError(
            f"activation.rois: the strengths of {', '.join(strengths)} are all 0; "
            f"at least one must be above 0"
        )
    return strength_R
