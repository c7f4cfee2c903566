"""What each claim of the paper asks an atlas; see `brainray.atlas.claims`.

Every question returns whether the claim holds, or None where the atlas cannot tell, and the
counts and p values that say so.
"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from scipy.stats import spearmanr

from brainray.atlas.coverage import Complexity, Coverage, Members, ranking
from brainray.atlas.interface import Atlas
from brainray.atlas.permutations import Permutations
from brainray.atlas.spatial import Extent, extents, pairs

Answer: TypeAlias = tuple[bool | None, str]
Homes: TypeAlias = Mapping[str, Sequence[str]]
"""The sub-regions in which each network lives, by the network's name."""

Tests: TypeAlias = Mapping[str, Permutations]
"""By name, e.g. ``relabel`` and ``spin``."""

COVERING = ("vision", "audition", "language", "emotion")
"""The regions that the paper builds, as they cover the most ROIs."""

SECOND_LEVEL = ("motion", "color", "shape", "other")
"""The functions of vision in the paper's Figure 2."""

NEAR = ("vision", "language")
NEITHER = "vision or language has no ROI"
SIGNIFICANT = 0.05
LEAST_P = 0.001
"""Less is said of no test, as of none with permutations."""

MANY_ROIS = 100
MANY_OF_VISION = 30
NEARLY_SIXTY = (50, 70)


def rois(atlas: Atlas) -> Answer:
    """More than 100 ROIs with coordinates and functions."""
    excited = int((atlas.degree_RF > 0).any(axis=1).sum())
    return excited > MANY_ROIS, f"{excited} of {len(atlas.rois)} ROIs have a function"


def functions(atlas: Atlas) -> Answer:
    """Nearly 60 functions."""
    known = len(atlas.sub_regions.keys() - atlas.synonyms.keys())
    here = len(atlas.functions)
    least, most = NEARLY_SIXTY
    text = f"{here} functions excite ROIs, {known} are in the dictionary"
    return least <= here <= most, text


def many_to_many(coverage: Coverage) -> Answer:
    """A function has several ROIs, and an ROI several functions."""
    found = [members for members in coverage.functions.values() if members.any()]
    if not found:
        return False, "no function has an ROI"
    member_RF = np.stack(found, axis=1)
    rois_F, functions_R = member_RF.sum(axis=0), member_RF.sum(axis=1)
    several, shared = int((rois_F > 1).sum()), int((functions_R > 1).sum())
    return several > 0 and shared > 0, (
        f"{several} of {len(found)} functions have several ROIs, {shared} of "
        f"{int((functions_R > 0).sum())} ROIs several functions"
    )


def near(coverage: Coverage, tests: Tests) -> Answer:
    """Vision and language lie nearer to each other than ROIs of any place, by all tests."""
    found = _vision_and_language(coverage)
    if len(found) < len(NEAR):
        return None, NEITHER
    (pair,) = pairs(coverage.atlas, found, tests)
    every = pairs(coverage.atlas, coverage.regions, {})
    (rank,) = (one.rank for one in every if (one.a, one.b) == (pair.a, pair.b))
    text = f"{pair.mean_mm:.0f} mm, rank {rank} of {len(every)} pairs, {said(pair.p)}"
    return significant(pair.p), text


def occipital(coverage: Coverage, tests: Tests) -> Answer:
    """More of vision and of language is occipital than of ROIs of any place, by all tests."""
    found = _vision_and_language(coverage)
    if len(found) < len(NEAR):
        return None, NEITHER
    places = extents(coverage.atlas, found, tests)
    holds = all(significant(place.p_occipital) for place in places)
    return holds, "; ".join(map(_occipital_share, places))


def together(atlas: Atlas) -> Answer:
    """Regions act together in multimodal scenes: no atlas holds recordings of scenes."""
    return None, (
        f"{atlas.functional_RR.nnz // 2} functional relations: which ROIs act together, "
        f"not in which scene"
    )


def covering(coverage: Coverage) -> Answer:
    """Each of the four regions covers more ROIs than any other region."""
    ranked = ranking(coverage.regions)
    counts = dict(ranked)
    least = min(counts.get(name, 0) for name in COVERING)
    others = [count for name, count in ranked if name not in COVERING]
    first = ", ".join(f"{name} {count}" for name, count in ranked[:6])
    return least > max(others, default=0), first


def vision(coverage: Coverage) -> Answer:
    """Vision has more than 30 ROIs."""
    count = dict(ranking(coverage.regions)).get("vision", 0)
    return count > MANY_OF_VISION, f"{count} of {len(coverage.atlas.rois)} ROIs"


def parts(coverage: Coverage) -> Answer:
    """Motion, color, shape and other have ROIs."""
    counts = {
        name.partition(".")[2]: int(members.sum())
        for name, members in coverage.sub_regions.items()
        if name.split(".")[0] == "vision"
    }
    text = ", ".join(f"{name} {count}" for name, count in counts.items())
    return all(counts.get(name) for name in SECOND_LEVEL), text or "vision has no part"


def classified(homes: Homes) -> Answer:
    """Every network lives in a sub-region."""
    placed = sum(bool(places) for places in homes.values())
    return bool(homes) and placed == len(homes), f"{placed} of {len(homes)} networks"


def complexity(rows: Sequence[Complexity]) -> Answer:
    """Regions of more ROIs have more sub-regions and more networks, by Spearman's test."""
    held, found = [], []
    for what, values in (
        ("sub-regions", [row.sub_regions for row in rows]),
        ("networks", [row.networks for row in rows]),
    ):
        counts = [row.rois for row in rows]
        if len(set(counts)) < 2 or len(set(values)) < 2:
            held.append(False)
            found.append(f"{what}: all regions alike")
            continue
        test = spearmanr(counts, values, alternative="greater")
        p = max(float(test.pvalue), LEAST_P)
        held.append(p <= SIGNIFICANT)
        found.append(f"{what}: Spearman {test.statistic:.2f}, p {p:.3f}")
    return all(held), f"{len(rows)} regions; {'; '.join(found)}"


def building(atlas: Atlas) -> Answer:
    """A hierarchy of functions, degrees of association, and relations of ROIs."""
    places = len(set(atlas.sub_regions.values()))
    degrees = len(np.unique(atlas.degree_RF[atlas.degree_RF > 0]))
    related = (atlas.functional_RR.nnz + atlas.structural_RR.nnz) // 2
    return places > 0 and degrees > 1 and related > 0, (
        f"{places} sub-regions, {degrees} different degrees, {related} relations"
    )


def relations(atlas: Atlas) -> Answer:
    """Structural and functional relations, and anatomical ones: tracts or larger units."""
    counts = {
        "structural": atlas.structural_RR.nnz // 2,
        "functional": atlas.functional_RR.nnz // 2,
        "lengths of tracts": atlas.tract_mm_RR.nnz // 2,
        "ROIs with a larger unit": sum(bool(roi.parent) for roi in atlas.rois),
    }
    structural, functional, tracts, units = counts.values()
    text = ", ".join(f"{count} {name}" for name, count in counts.items())
    return bool(structural and functional and (tracts or units)), text


def significant(p: Mapping[str, float]) -> bool:
    """Whether all tests say so."""
    return bool(p) and all(value <= SIGNIFICANT for value in p.values())


def said(p: Mapping[str, float]) -> str:
    """Return p values as a person reads them."""
    return ", ".join(f"p {test} {value:.3f}" for test, value in p.items())


def _occipital_share(place: Extent) -> str:
    return f"{place.name} {100 * place.occipital:.0f} % of {place.rois}, {said(place.p_occipital)}"


def _vision_and_language(coverage: Coverage) -> dict[str, Members]:
    return {n: found for n, found in coverage.regions.items() if n in NEAR and found.any()}
