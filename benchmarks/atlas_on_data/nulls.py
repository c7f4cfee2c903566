"""Connectomes to compare with: what the functional one would give if it meant less."""

from collections.abc import Iterator

import numpy as np

from atlas_on_data.maps import with_functional
from brainray.atlas.interface import Atlas
from brainray.atlas.nulls import distance_preserving, shuffled, strength_preserving

NULLS = ("shuffled parcels", "strength-preserving null", "distance-preserving null")


def null_atlases(atlas: Atlas, null: str, seeds: int) -> Iterator[Atlas]:
    """Yield an atlas with a null in place of its functional relations, one for each seed."""
    weight_RR = np.maximum(atlas.functional_RR.toarray(), 0.0)
    for seed in range(seeds):
        if null == "shuffled parcels":
            yield with_functional(atlas, shuffled(atlas.functional_RR, seed).toarray())
        elif null == "strength-preserving null":
            yield with_functional(atlas, strength_preserving(weight_RR, seed))
        else:
            yield with_functional(atlas, distance_preserving(weight_RR, atlas.coordinates, seed))
