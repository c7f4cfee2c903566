"""Connections between sub-regions, against a computation pair by pair, and their tests."""

from itertools import combinations, product

import numpy as np
import pytest
from scipy.sparse import csr_array

from brainray.atlas.permutations import relabelled
from brainray.atlas.wiring import connections, means_between
from brainray.testing.small_atlas import small_atlas


def by_hand(weights_RR, a_R, b_R):
    both = a_R & b_R
    pairs = [
        weights_RR[i, j]
        for i, j in product(np.flatnonzero(a_R), np.flatnonzero(b_R))
        if not (both[i] and both[j])
    ]
    return np.mean(pairs) if pairs else np.nan


def test_means_are_those_of_all_pairs_that_do_not_overlap():
    generator = np.random.default_rng(0)
    weights_RR = generator.random((12, 12)) * (generator.random((12, 12)) < 0.5)
    weights_RR = np.triu(weights_RR, 1)
    weights_RR += weights_RR.T
    member_RK = generator.random((12, 6)) < 0.5
    member_RK[:, 5] = member_RK[:, 4]  # the very same ROIs: no pair is left
    found_KK = means_between(csr_array(weights_RR), member_RK)
    assert np.isnan(found_KK[4, 5])
    for i, j in combinations(range(6), 2):
        wanted = by_hand(weights_RR, member_RK[:, i], member_RK[:, j])
        assert found_KK[i, j] == pytest.approx(wanted, nan_ok=True)
        assert found_KK[j, i] == pytest.approx(wanted, nan_ok=True)


def test_a_connection_that_is_there_is_unlikely_and_another_one_is_not():
    rois = [f"r{i}" for i in range(24)]
    functions = {
        "a": dict.fromkeys(rois[:4], 1.0),
        "b": dict.fromkeys(rois[4:8], 1.0),
        "c": dict.fromkeys(rois[8:12], 1.0),
    }
    relations = dict.fromkeys(product(rois[:4], rois[4:8]), 1.0)
    relations |= {(rois[i], rois[i + 1]): 0.5 for i in range(12, 23)}
    atlas = small_atlas(
        functions, {name: f"x.{name}" for name in functions}, rois=rois, functional=relations
    )
    members = {name: np.isin(rois, list(found)) for name, found in functions.items()}
    found = connections(atlas, members, {"relabel": relabelled(24, 199, 0)}, "functional")
    assert [(one.a, one.b, one.rank) for one in found] == [
        ("a", "b", 1),
        ("a", "c", 2),
        ("b", "c", 3),
    ]
    assert found[0].mean == 1.0
    assert found[0].p["relabel"] == pytest.approx(1 / 200)
    assert found[1].mean == 0
    assert found[1].p["relabel"] == 1
    assert connections(atlas, members, {}, "structural") == []
