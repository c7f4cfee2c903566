from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from brainray.atlas.coverage import Coverage, Rule
from brainray.atlas.permutations import relabelled
from brainray.atlas.spatial import (
    distances,
    extents,
    mean_distances,
    mean_spreads,
    occipital,
    pairs,
)
from brainray.catalog.brain import Roi
from brainray.testing.small_atlas import small_atlas

PLACES = {
    "a": (-40, -80, 0),
    "b": (40, -80, 0),
    "c": (-40, -50, 0),
    "d": (-40, 10, 0),
    "e": (-30, -90, -30),
}
DEGREES = {
    "shape": {"a": 1.0, "b": 1.0},
    "speech": {"c": 1.0, "a": 1.0},
    "fear": {"d": 1.0},
}
SUB_REGIONS = {"shape": "vision.shape", "speech": "audition.speech", "fear": "emotion.fear"}


@pytest.fixture
def atlas():
    """ROIs a and b are twins, e lies in the cerebellum; no function excites it."""
    rois = tuple(
        Roi(name, name, "L" if x < 0 else "R", x, y, z, "cerebellum" if name == "e" else "cortex")
        for name, (x, y, z) in PLACES.items()
    )
    return replace(small_atlas(DEGREES, SUB_REGIONS, rois=list(PLACES)), rois=rois)


@pytest.fixture
def regions(atlas):
    return Coverage(atlas, Rule.of()).regions


def test_twins_of_both_hemispheres_lie_at_one_place(atlas):
    distance = distances(atlas)
    np.testing.assert_allclose(distance, distance.T)
    assert distance[0, 1] == 0
    assert distance[0, 2] == 30
    assert distance[1, 2] == 30


def test_mean_distances_are_those_of_all_pairs_of_different_rois():
    generator = np.random.default_rng(0)
    places = generator.normal(size=(8, 3))
    distance = np.linalg.norm(places[:, None] - places[None], axis=2)
    member = generator.random((8, 4)) < 0.5
    member[:, 3] = False
    member[2, 3] = True
    found = mean_distances(distance, member)
    for i, j in combinations(range(4), 2):
        pairs_of = [
            distance[r, s]
            for r in np.flatnonzero(member[:, i])
            for s in np.flatnonzero(member[:, j])
            if r != s
        ]
        assert found[i, j] == pytest.approx(np.mean(pairs_of))
        assert found[j, i] == pytest.approx(found[i, j])
    assert np.isnan(found[3, 3])
    np.testing.assert_allclose(mean_spreads(distance, member), np.diagonal(found))


def test_pairs_are_ranked_by_distance(atlas, regions):
    found = pairs(atlas, regions, {})
    assert [(pair.a, pair.b, pair.rank, pair.pairs) for pair in found] == [
        ("audition", "vision", 1, 3),
        ("audition", "emotion", 2, 3),
        ("emotion", "vision", 3, 3),
    ]
    # Of c and a to a and b, without a to itself: 30, 30 and 0.
    assert [pair.mean_mm for pair in found] == pytest.approx([20, 75, 90])
    assert found[0].p == {}


def test_where_regions_lie(atlas, regions):
    audition, emotion, vision = extents(atlas, regions, {})
    assert (vision.name, vision.rois, vision.center) == ("vision", 2, (40, -80, 0))
    assert (vision.spread_mm, vision.occipital) == (0, 1)
    assert (audition.center, audition.spread_mm, audition.occipital) == ((40, -65, 0), 30, 0.5)
    assert np.isnan(emotion.spread_mm)
    assert emotion.occipital == 0


def test_p_of_relabelling_all_rois_in_all_ways(atlas, regions):
    tests = {"relabel": relabelled(5, 120, seed=0)}
    audition, emotion, vision = extents(atlas, regions, tests)
    # Of ten pairs of ROIs just the twins lie at one place; a, b are the two occipital of five.
    assert vision.p_spread == {"relabel": pytest.approx(1 / 10)}
    assert vision.p_occipital == {"relabel": pytest.approx(1 / 10)}
    assert audition.p_occipital == {"relabel": pytest.approx(7 / 10)}
    assert np.isnan(emotion.p_spread["relabel"])
    assert emotion.p_occipital == {"relabel": 1}
    nearest = pairs(atlas, regions, tests)[0]
    distance = distances(atlas)
    three = [
        (distance[x, y] + distance[x, z] + distance[y, z]) / 3
        for x, y, z in combinations(range(5), 3)
    ]
    share = np.mean([value <= 20 + 1e-9 for value in three])
    assert nearest.p == {"relabel": pytest.approx(share)}


def test_what_is_occipital(atlas):
    assert occipital(atlas).tolist() == [True, True, False, False, False]


def test_what_covers_nothing_lies_nowhere(atlas):
    nothing = {"olfaction": np.zeros(5, dtype=bool)}
    assert extents(atlas, nothing, {"relabel": relabelled(5, 9, seed=0)}) == []
    assert pairs(atlas, nothing, {}) == []
