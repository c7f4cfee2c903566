from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from brainray.atlas.completion import CompletionSettings, complete
from brainray.errors import AtlasError
from brainray.testing.small_atlas import small_atlas

NAMES = "ABCDEF"
ATLAS = small_atlas(
    {"shape": {"A": 3.0, "B": 2.0}, "fear": {"E": 1.0, "F": 1.0}},
    {"shape": "vision.shape", "fear": "emotion.fear"},
    {("A", "B"): 0.8, ("A", "F"): 0.7, ("C", "D"): 0.5, ("D", "E"): -0.4},
)
SEEN = np.array([True, False, True, False, True, False])


def by_formula(functional: float, functions: float, noise: float, values: np.ndarray):
    place = ATLAS.coordinates[:, 1]
    distance = np.exp(-np.abs(place[:, None] - place[None]) / 20)
    related = (1 - functional) * distance + functional * (ATLAS.functional_RR.toarray() + np.eye(6))
    table = ATLAS.relative @ ATLAS.relative.T
    whole = (1 - functions) * related + functions * table / np.diag(table).mean()
    inner = whole[np.ix_(SEEN, SEEN)] + noise * np.eye(SEEN.sum())
    return whole[np.ix_(~SEEN, SEEN)] @ np.linalg.solve(inner, values[SEEN])


@pytest.mark.parametrize(("functional", "functions"), [(0.0, 0.0), (0.5, 0.0), (0.5, 0.3)])
def test_it_is_kriging(functional, functions):
    values = np.array([1.0, np.nan, 0.5, np.nan, -2.0, np.nan])
    found = complete(ATLAS, values, SEEN, CompletionSettings(functional, functions, 0.2, 20.0))
    np.testing.assert_allclose(found[~SEEN], by_formula(functional, functions, 0.2, values))
    np.testing.assert_array_equal(found[SEEN], values[SEEN])


def test_several_maps_and_their_baselines():
    values = np.random.default_rng(0).normal(size=(6, 3))
    baseline = values[SEEN].mean(axis=0)
    found = complete(ATLAS, values, SEEN, baseline_N=baseline)
    for i in range(3):
        alone = complete(ATLAS, values[:, i] - baseline[i], SEEN)
        np.testing.assert_allclose(found[:, i], alone + baseline[i])


@given(weight=st.floats(-1, 1), seed=st.integers(0, 99))
def test_relations_that_are_no_covariance_do_not_blow_up(weight, seed):
    relations = np.full((6, 6), weight)
    np.fill_diagonal(relations, 0)
    atlas = replace(ATLAS, functional_RR=csr_array(relations))
    values = np.random.default_rng(seed).uniform(0, 1, 6)
    found = complete(atlas, values, SEEN, CompletionSettings(functional=1.0, functions=0.0))
    assert np.abs(found).max() <= 3 / 0.1


@pytest.mark.parametrize("seen", [np.ones(6, dtype=bool), np.zeros(6, dtype=bool)])
def test_with_all_or_nothing_observed_nothing_is_estimated(seen):
    values = np.arange(6.0)
    np.testing.assert_array_equal(complete(ATLAS, values, seen), values)


@pytest.mark.parametrize(
    ("field", "value"),
    [("functional", 1.5), ("functions", 1.0), ("noise", 0.0), ("length_mm", -1.0)],
)
def test_settings_out_of_range_are_refused(field, value):
    with pytest.raises(AtlasError, match=rf"completion\.{field}: {value} must be"):
        CompletionSettings(**{field: value})
