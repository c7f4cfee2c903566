"""All statistics of an atlas at once, each with the rule and threshold that it depends on."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from brainray.atlas.claims import Claim, claims
from brainray.atlas.coverage import (
    INSEPARABLE,
    Branch,
    Complexity,
    Coverage,
    Overlap,
    Rule,
    ranking,
)
from brainray.atlas.interface import Atlas
from brainray.atlas.permutations import SPUN, relabelled, spun
from brainray.atlas.questions import Homes
from brainray.atlas.spatial import OCCIPITAL_MM, Distance, Extent, extents, pairs
from brainray.atlas.wiring import Connection, connections

PERMUTATIONS = 1000
"""Of each test; p values are then at least .001."""


@dataclass(frozen=True)
class Statistics:
    """What `statistics` found.

    Attributes:
        atlas: its name.
        rois: how many it has.
        rule: when an ROI belongs to a function.
        seed: of the permutations.
        permutations: of each test.
        coverage: how many ROIs each ``function``, ``sub_region`` and ``region`` covers, the most
            first.
        hierarchy: the tree of each region.
        complexity: of the regions.
        overlaps: of sub-regions, the most alike first.
        inseparable: the Jaccard index from which two of them cannot be told apart.
        regions: where they lie.
        distances: between regions, the nearest first.
        connections: between sub-regions, functional and structural ones, the strongest first.
        functions: where they lie, without tests.
        claims: of the paper.
        notes: what has to be known of the tests.
    """

    atlas: str
    rois: int
    rule: Rule
    seed: int
    permutations: int
    coverage: dict[str, list[tuple[str, int]]]
    hierarchy: tuple[Branch, ...]
    complexity: list[Complexity]
    overlaps: list[Overlap]
    inseparable: float
    regions: list[Extent]
    distances: list[Distance]
    connections: list[Connection]
    functions: list[Extent]
    claims: list[Claim]
    notes: list[str]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values; what is not a number is null."""
        document = asdict(self)
        for claim, entry in zip(self.claims, document["claims"], strict=True):
            entry["outcome"] = claim.outcome
        found: dict[str, Any] = _without_nan(document)
        return found


def statistics(
    atlas: Atlas,
    rule: Rule,
    homes: Homes,
    parameters: Mapping[str, int],
    seed: int = 0,
    permutations: int = PERMUTATIONS,
) -> Statistics:
    """Return the statistics of an atlas.

    Args:
        atlas: any.
        rule: when an ROI belongs to a function.
        homes: the sub-regions in which each network lives, by the network's name.
        parameters: of the pretrained models of each region.
        seed: of the permutations.
        permutations: of each test.
    """
    coverage = Coverage(atlas, rule)
    tests = {"relabel": relabelled(len(atlas.rois), permutations, seed)}
    spins = spun(atlas, permutations, seed)
    if spins is not None:
        tests["spin"] = spins
    return Statistics(
        atlas.name,
        len(atlas.rois),
        rule,
        seed,
        permutations,
        coverage={
            "region": ranking(coverage.regions),
            "sub_region": ranking(coverage.sub_regions),
            "function": ranking(coverage.functions),
        },
        hierarchy=coverage.hierarchy(),
        complexity=coverage.complexity(homes, parameters),
        overlaps=coverage.overlaps(),
        inseparable=INSEPARABLE,
        regions=extents(atlas, coverage.regions, tests),
        distances=pairs(atlas, coverage.regions, tests),
        connections=[
            *connections(atlas, coverage.sub_regions, tests, "functional"),
            *connections(atlas, coverage.sub_regions, tests, "structural"),
        ],
        functions=extents(atlas, coverage.functions, {}),
        claims=claims(atlas, rule, homes, parameters, tests),
        notes=_notes(atlas, None if spins is None else len(spins.rois_S)),
    )


def _notes(atlas: Atlas, spinning: int | None) -> list[str]:
    notes = [
        "Distances are mirrored: both hemispheres are laid upon each other.",
        f"Occipital are cortical ROIs with y of at most {OCCIPITAL_MM:g} mm.",
    ]
    if spinning is None:
        notes.append(
            f"No spin test: it needs a hemisphere of 3 to {SPUN} cortical ROIs, and no larger one."
        )
    else:
        left_out = len(atlas.rois) - spinning
        notes.append(
            f"The spin test turns {spinning} cortical ROIs, each hemisphere as the mirror image of "
            f"the other, and leaves out {left_out} of subcortex, cerebellum, brain stem or midline."
        )
    return notes


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(part) for part in value]
    return None if isinstance(value, float) and math.isnan(value) else value
