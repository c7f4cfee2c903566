"""Five seeds: are the other strong parcels of a term found from its five strongest?

A score is the area under the ROC curve of the activation after spreading, over the 95 parcels
that are no seeds, for the 15 that are among the term's 20 strongest; for each of 124 terms.
Direct activation does not reach them: it is 0.5.

Letters: R parcels, N maps.
"""

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
from reporting import goal
from scipy.stats import rankdata

from atlas_on_data.maps import TermMaps
from atlas_on_data.nested import nested, summary
from atlas_on_data.nulls import NULLS, null_atlases
from atlas_on_data.plan import Plan
from brainray.atlas.activation import Mechanism
from brainray.atlas.connectome import ConnectomeKind
from brainray.atlas.interface import Atlas, Floats
from brainray.atlas.mechanism_settings import MechanismSettings

SEEDS, STRONGEST = 5, 20
GOAL = 0.74


def measure(maps: TermMaps, plan: Plan) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return rows and goals."""
    found = _scores(maps, plan)
    reference = found["mirrored distance"]
    rows = [summary(name, score_N, maps.cluster_N, reference) for name, score_N in found.items()]
    (ours,) = (row for row in rows if row["method"] == "mechanism")
    return rows, [goal("AUC from five seeds", ours["value"], GOAL)]


def _scores(maps: TermMaps, plan: Plan) -> dict[str, Floats]:
    order_RN = np.argsort(np.argsort(-maps.value_RN, axis=0, kind="stable"), axis=0)
    seed_RN, strong_RN = order_RN < SEEDS, order_RN < STRONGEST

    def best(atlas: Atlas, grid: Sequence[MechanismSettings], usual: MechanismSettings) -> Floats:
        scores = {}
        for how in grid if plan.choose else [usual]:
            active_RN = Mechanism(atlas, how).raw(seed_RN.astype(np.float64))
            scores[how] = np.array(
                [
                    _area(active_R[~seed_R], strong_R[~seed_R])
                    for active_R, seed_R, strong_R in zip(
                        active_RN.T, seed_RN.T, strong_RN.T, strict=True
                    )
                ]
            )
        return nested(scores, maps.cluster_N)

    direct = MechanismSettings(spreading=0.0)
    alone = MechanismSettings(nearness=0.0)
    near = (0.25, 0.5, 0.75)
    found = {
        "direct": best(maps.atlas, [direct], direct),
        "mirrored distance": best(
            maps.atlas, _grid("distance", (0.5,)), MechanismSettings("distance")
        ),
        "fibres alone": best(
            maps.atlas, _grid("structural", (0.0,)), MechanismSettings("structural", nearness=0.0)
        ),
        "connectome alone": best(maps.atlas, _grid("functional", (0.0,)), alone),
        "mechanism": best(maps.atlas, _grid("functional", near), MechanismSettings()),
    }
    for null in NULLS:
        for what, nearness, usual in (
            ("alone", (0.0,), alone),
            ("in the mechanism", near, MechanismSettings()),
        ):
            scores = [
                best(atlas, _grid("functional", nearness), usual)
                for atlas in null_atlases(maps.atlas, null, plan.nulls)
            ]
            found[f"{null} {what}"] = np.mean(scores, axis=0)
    return found


def _grid(kind: ConnectomeKind, nearness: Sequence[float]) -> list[MechanismSettings]:
    return [
        MechanismSettings(kind, edges, near, spreading)
        for edges, near, spreading in product((10, 20, 30), nearness, (0.1, 0.3, 0.5))
    ]


def _area(score: Floats, wanted: Floats) -> float:
    """Return the area under the ROC curve; ties count half (Mann and Whitney's U)."""
    hits = int(wanted.sum())
    ranks = rankdata(score)[wanted.astype(bool)].sum()
    return float((ranks - hits * (hits + 1) / 2) / (hits * (len(score) - hits)))
