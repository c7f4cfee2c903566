"""Masked parcels: how well the mechanism's completion estimates a fifth of a map from the rest.

A score is Pearson's r over the 20 masked parcels, the mean over masks, for each of 124 term maps.
Masks are random parcels, or blocks: a parcel with its 19 nearest, both hemispheres laid upon each
other. Direct activation says nothing of a parcel that is not observed: r is 0 there.

Letters: R parcels, N maps, M masked.
"""

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from reporting import goal

from atlas_on_data.maps import TermMaps, with_functions
from atlas_on_data.nested import folds, nested, summary
from atlas_on_data.nulls import NULLS, null_atlases
from atlas_on_data.plan import Plan
from brainray.atlas.completion import CompletionSettings, complete
from brainray.atlas.connectome import mirrored
from brainray.atlas.interface import Atlas, Floats
from brainray.seeding import numpy_generator

MASKED = 20
GOALS = {"random": 0.76, "block": 0.61}

Masks = Sequence[NDArray[np.bool_]]


def measure(maps: TermMaps, plan: Plan) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return rows and goals."""
    rows, goals = [], []
    for kind, masks in _masks(maps.atlas, plan.masks).items():
        found = _scores(maps, masks, plan)
        reference = found["mirrored distance"]
        measured = {
            method: summary(method, score_N, maps.cluster_N, reference)
            for method, score_N in found.items()
        }
        rows += [{"masks": kind, **row} for row in measured.values()]
        ours = measured["connectome and distance"]
        gain = f"gain in r over mirrored distance, masked parcels, {kind}, lower bound"
        goals += [
            goal(f"r, masked parcels, {kind}", ours["value"], GOALS[kind]),
            goal(gain, ours["gain_interval"][0], 0.0),
        ]
    return rows, goals


def _scores(maps: TermMaps, masks: Masks, plan: Plan) -> dict[str, Floats]:
    atlas, cluster_N = maps.atlas, maps.cluster_N
    both = _grid((0.4, 0.5, 0.6, 0.7), (20.0, 40.0))
    usual = CompletionSettings(functions=0.0)

    def best(atlas: Atlas, grid: Sequence[CompletionSettings], usual: CompletionSettings) -> Floats:
        scores = {
            how: _score(maps, atlas, how, masks) for how in (grid if plan.choose else [usual])
        }
        return nested(scores, cluster_N)

    found = {
        "direct": np.zeros(len(cluster_N)),
        "mirrored distance": best(
            atlas, _grid((0.0,), (10.0, 20.0, 40.0)), CompletionSettings(0.0, 0.0)
        ),
        "connectome alone": best(atlas, _grid((1.0,), (40.0,)), CompletionSettings(1.0, 0.0)),
        "connectome and distance": best(atlas, both, usual),
        "the same, with the table of functions of other clusters": _with_table(maps, masks),
    }
    for null in NULLS:
        atlases = null_atlases(atlas, null, plan.nulls)
        found[f"{null} and distance"] = np.mean([best(one, both, usual) for one in atlases], axis=0)
    return found


def _score(maps: TermMaps, atlas: Atlas, how: CompletionSettings, masks: Masks) -> Floats:
    scores = [_correlations(maps.value_RN, atlas, how, mask) for mask in masks]
    mean_N: Floats = np.mean(scores, axis=0)
    return mean_N


def _with_table(maps: TermMaps, masks: Masks) -> Floats:
    """The completion as users have it: a map is estimated with the functions of other folds."""
    fold_N = folds(maps.cluster_N)
    score_N = np.empty(len(fold_N))
    for fold in np.unique(fold_N):
        atlas = with_functions(maps.atlas, np.flatnonzero(fold_N != fold).tolist())
        score = _score(maps, atlas, CompletionSettings(), masks)
        score_N[fold_N == fold] = score[fold_N == fold]
    return score_N


def _correlations(
    value_RN: Floats, atlas: Atlas, how: CompletionSettings, masked_R: NDArray[np.bool_]
) -> Floats:
    mean_N = value_RN[~masked_R].mean(axis=0)
    hidden_RN = np.where(masked_R[:, None], np.nan, value_RN)
    guess_MN = complete(atlas, hidden_RN, ~masked_R, how, mean_N)[masked_R]
    truth_MN = value_RN[masked_R]
    guess_MN, truth_MN = guess_MN - guess_MN.mean(axis=0), truth_MN - truth_MN.mean(axis=0)
    lengths = np.linalg.norm(guess_MN, axis=0) * np.linalg.norm(truth_MN, axis=0)
    return np.asarray((guess_MN * truth_MN).sum(axis=0) / lengths)


def _grid(functional: Sequence[float], length_mm: Sequence[float]) -> list[CompletionSettings]:
    return [
        CompletionSettings(share, 0.0, noise, length)
        for share, noise, length in product(functional, (0.05, 0.1, 0.2), length_mm)
    ]


def _masks(atlas: Atlas, count: int) -> dict[str, Masks]:
    random = numpy_generator(0, "masks")
    places = mirrored(atlas.coordinates)
    parcels = np.arange(len(places))
    centers = random.choice(parcels, size=count, replace=False)
    nearest = [np.argsort(np.linalg.norm(places - places[one], axis=1)) for one in centers]
    return {
        "random": [np.isin(parcels, random.permutation(parcels)[:MASKED]) for _ in range(count)],
        "block": [np.isin(parcels, order[:MASKED]) for order in nearest],
    }
