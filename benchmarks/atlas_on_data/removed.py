"""A removed function: is its own sub-region chosen, of 30, by what its map excites?

The atlas knows nothing of the function, but the other functions of its sub-region are there; the
function's map is the stimulus, and the sub-region with the largest weight is the answer. A score
is 1 or 0. Functions that are alone in their sub-region cannot be found again and are left out.
"""

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from reporting import goal

from atlas_on_data.draft import Draft, read_draft
from atlas_on_data.maps import TermMaps, with_functions
from atlas_on_data.nested import nested, summary
from atlas_on_data.nulls import NULLS, null_atlases
from atlas_on_data.plan import Plan
from brainray.atlas.activation import Mechanism
from brainray.atlas.connectome import ConnectomeKind
from brainray.atlas.interface import Atlas, Floats
from brainray.atlas.mechanism_settings import MechanismSettings

GOAL = 0.50


def measure(
    maps: TermMaps, plan: Plan, data: Path
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return rows and goals."""
    draft = read_draft(data, maps)
    found = _scores(draft, plan)
    reference = found["direct"]
    rows = [summary(name, score_T, draft.cluster_T, reference) for name, score_T in found.items()]
    sub_regions = len(set(draft.atlas.sub_regions.values()))
    about = {"functions": len(draft.tested), "chance": round(1 / sub_regions, 3)}
    (ours,) = (row for row in rows if row["method"] == "mechanism")
    return (
        [{**row, **about} for row in rows],
        [goal(f"own sub-region of {sub_regions}, top-1", ours["value"], GOAL)],
    )


def _scores(draft: Draft, plan: Plan) -> dict[str, Floats]:
    def best(grid: Sequence[MechanismSettings], usual: MechanismSettings) -> Floats:
        scores = {how: _hits(draft, draft.atlas, how) for how in (grid if plan.choose else [usual])}
        return nested(scores, draft.cluster_T)

    usual = MechanismSettings()
    distance, direct = usual.variant("distance"), usual.variant("direct")
    silent = MechanismSettings(spreading=0.0, inhibition=0.0)
    found = {
        "direct, without inhibition": _hits(draft, draft.atlas, silent),
        "direct": best(_grid("functional", (0.0,)), direct),
        "mirrored distance": best(_grid("distance"), distance),
        "mechanism": best(_grid("functional"), usual),
        "mechanism, default settings": _hits(draft, draft.atlas, usual),
    }
    for null in NULLS:
        atlases = null_atlases(draft.atlas, null, plan.nulls)
        scores = [_hits(draft, atlas, usual) for atlas in atlases]
        found[f"{null} in the mechanism, default settings"] = np.mean(scores, axis=0)
    return found


def _grid(
    kind: ConnectomeKind, spreading: tuple[float, ...] = (0.1, 0.3, 0.5)
) -> list[MechanismSettings]:
    return [
        MechanismSettings(kind, nearness=near, spreading=alpha, inhibition=gamma)
        for near, alpha, gamma in product((0.0, 0.5), spreading, (0.0, 0.5, 1.0))
    ]


def _hits(draft: Draft, atlas: Atlas, how: MechanismSettings) -> Floats:
    return np.array([_is_found(atlas, function, how) for function in draft.tested], dtype=float)


def _is_found(atlas: Atlas, function: str, how: MechanismSettings) -> bool:
    column = atlas.functions.index(function)
    others = [i for i in range(len(atlas.functions)) if i != column]
    mechanism = Mechanism(with_functions(atlas, others), how)
    weight_K = mechanism.sub_regions.weights(mechanism.active(atlas.relative[:, column]))
    return mechanism.sub_regions.names[int(weight_K.argmax())] == atlas.sub_regions[function]
