"""The atlas that ships: complete, cited, symmetric and connected."""

import csv
import importlib.util
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from brainray.catalog.brain import RELATION_KINDS, AtlasRows, Relation, Roi
from brainray.catalog.brain_checks import check
from brainray.catalog.brain_seed import DATA, shipped_atlas
from brainray.catalog.seeding import seed_functions

ROOT = Path(__file__).parents[2]
REFERENCE = re.compile(
    r"^- (?P<name>\S.*? \d{4} [^:]+): (?P<authors>[^.]+)\. (?P<title>.+), \d{4}\.$"
)
TABLES = ("rois", "associations", "circuits", *RELATION_KINDS)
SYNONYMS = ["motion", "color", "face", "music", "speech", "sound", "reading", "semantics", "fear"]
YEO = ("Vis", "SomMot", "DorsAttn", "SalVentAttn", "Limbic", "Cont", "Default")


@pytest.fixture(scope="module")
def atlas() -> AtlasRows:
    return shipped_atlas()


@pytest.fixture(scope="module")
def dictionary() -> dict[str, str]:
    """Every name and synonym of a function with the function's name."""
    rows = seed_functions()
    names = {row["function"]: row["function"] for row in rows}
    return names | {synonym: row["function"] for row in rows for synonym in row["synonyms"].split()}


@pytest.fixture(scope="module")
def references() -> dict[str, str]:
    text = (DATA / "README.md").read_text("utf-8").partition("## References")[2]
    lines = [line for line in text.splitlines() if line.startswith("- ")]
    found = [REFERENCE.fullmatch(line) for line in lines]
    assert all(found), [line for line, match in zip(lines, found, strict=True) if not match]
    return {match["name"]: match["title"] for match in found if match}


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    path = ROOT / "scripts" / "make_functional_relations.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def table(name: str) -> list[dict[str, str]]:
    with (DATA / f"{name}.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def relations(atlas: AtlasRows, kind: str) -> list[Relation]:
    return [relation for relation in atlas.relations if relation.kind == kind]


def place(roi: Roi) -> np.ndarray:
    return np.array([roi.x, roi.y, roi.z])


def cited(source: str) -> list[str]:
    """The short names of a source, without remarks in parentheses."""
    return [re.sub(r" \([^)]*\)$", "", part) for part in source.split("; ")]


def test_it_is_an_atlas_without_idle_rois(atlas: AtlasRows, dictionary: dict[str, str]) -> None:
    checked, warnings = check(atlas, dictionary)
    assert checked == atlas, "associations name functions, not synonyms"
    assert warnings == ()


def test_it_is_large_and_of_the_whole_brain(atlas: AtlasRows) -> None:
    structures = Counter(roi.structure for roi in atlas.rois)
    assert sum(structures.values()) >= 100
    assert min(structures[part] for part in ("subcortex", "cerebellum", "brainstem")) >= 8
    networks = {roi.network for roi in atlas.rois if roi.structure == "cortex"}
    assert networks == {*YEO}
    assert all(roi.label and roi.parent and roi.network for roi in atlas.rois)


def test_functions_are_defined_and_excite(atlas: AtlasRows, dictionary: dict[str, str]) -> None:
    rows = seed_functions()
    assert len(rows) >= 60
    definitions = [row["definition"] for row in rows]
    assert all(text.endswith(".") and 20 <= len(text) <= 90 for text in definitions)
    assert len(set(definitions)) == len(rows)
    assert set(SYNONYMS) <= set(dictionary)
    for row in rows:
        degrees = [one.degree for one in atlas.associations if one.function == row["function"]]
        assert len(degrees) >= 5
        assert max(degrees) == 1
        assert min(degrees) > 0


def test_functions_differ(atlas: AtlasRows) -> None:
    """No two functions excite alike, or an input could not say which one it means."""
    names = sorted({one.function for one in atlas.associations})
    rois = {roi.name: index for index, roi in enumerate(atlas.rois)}
    degree_FR = np.zeros((len(names), len(rois)))
    for one in atlas.associations:
        degree_FR[names.index(one.function), rois[one.roi]] = one.degree
    length_F = np.linalg.norm(degree_FR, axis=1)
    cosine_FF = degree_FR @ degree_FR.T / np.outer(length_F, length_F)
    assert np.triu(cosine_FF, 1).max() < 0.95
    peaks = Counter(tuple(np.flatnonzero(row == 1)) for row in degree_FR)
    assert max(peaks.values()) <= 3, "many functions with the same peak"


def test_every_row_cites_what_the_readme_lists(references: dict[str, str]) -> None:
    used = {name for part in TABLES for row in table(part) for name in cited(row["source"])}
    assert used <= set(references)
    text = (DATA / "README.md").read_text("utf-8").partition("## References")[0]
    of_rules = {name for name in references if " ".join(name.split()[:2]) in text}
    assert set(references) <= used | of_rules


def test_both_hemispheres_mirror_each_other(atlas: AtlasRows) -> None:
    rois = {roi.name: roi for roi in atlas.rois}
    lateral = [roi for roi in atlas.rois if roi.hemisphere == "L"]
    assert len(lateral) >= 80
    for left in lateral:
        right = rois[left.name.removesuffix("_L") + "_R"]
        assert np.abs(place(left) * (-1, 1, 1) - place(right)).max() <= 8
        assert (left.structure, left.parent, left.network) == (
            (right.structure, right.parent, right.network)
        )
    middle = [roi for roi in atlas.rois if roi.hemisphere == "M"]
    assert 2 * len(lateral) + len(middle) == len(atlas.rois)
    assert all(abs(roi.x) <= 4 for roi in middle)


def test_no_two_rois_are_at_one_place(atlas: AtlasRows) -> None:
    place_RX = np.array([place(roi) for roi in atlas.rois])
    distance_RR = np.linalg.norm(place_RX[:, None] - place_RX, axis=2)
    assert distance_RR[~np.eye(len(place_RX), dtype=bool)].min() >= 7.5


@pytest.mark.parametrize("kind", RELATION_KINDS)
def test_a_pair_is_related_once_a_kind(atlas: AtlasRows, kind: str) -> None:
    found = relations(atlas, kind)
    assert len({frozenset((one.a, one.b)) for one in found}) == len(found) > 200
    assert all(0 < abs(one.weight) <= 1 for one in found)


def test_correlated_activity_reaches_every_roi(atlas: AtlasRows) -> None:
    neighbors: dict[str, set[str]] = {roi.name: set() for roi in atlas.rois}
    for one in relations(atlas, "functional"):
        if one.weight > 0:
            neighbors[one.a].add(one.b)
            neighbors[one.b].add(one.a)
    counts = [len(others) for others in neighbors.values()]
    assert 8 <= min(counts) <= max(counts) <= 40
    reached, waiting = set(), [atlas.rois[0].name]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += neighbors[name]
    assert reached == set(neighbors)


def test_signals_ascend_from_thalamus_to_cortex(atlas: AtlasRows) -> None:
    directed = {(one.a, one.b) for one in relations(atlas, "structural") if one.directed}
    for path in ("LGN V1 V2 V3 V4 LO", "V1 hMT MST", "IC MGN A1 BELT STGm", "VPL S1hand"):
        for side in "LR":
            names = [f"{base}_{side}" for base in path.split()]
            assert set(pairwise(names)) <= directed


def test_correlations_are_what_the_script_makes(maker: ModuleType) -> None:
    written = (DATA / "functional.csv").read_text("utf-8")
    made = maker.text_of(maker.relations())
    assert written == made, "run: python scripts/make_functional_relations.py"
