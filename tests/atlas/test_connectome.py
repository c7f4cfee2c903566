import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from brainray.atlas.connectome import (
    connectome,
    distance_kernel,
    mirrored,
    normalised,
    passing,
    strongest,
)
from brainray.atlas.nulls import distance_preserving, shuffled, strength_preserving
from brainray.errors import AtlasError
from brainray.testing.small_atlas import small_atlas


def random_weights(seed: int, size: int, density: float = 1.0) -> np.ndarray:
    random = np.random.default_rng(seed)
    upper = np.triu(random.random((size, size)) * (random.random((size, size)) < density), k=1)
    return upper + upper.T


def random_places(seed: int, size: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-60, 60, (size, 3))


class TestStrongest:
    @given(seed=st.integers(0, 99), edges=st.integers(1, 12))
    def test_against_a_loop_over_rows(self, seed, edges):
        weights = random_weights(seed, 9) - 0.2
        np.fill_diagonal(weights, 5.0)
        expected = np.zeros((9, 9))
        for row in range(9):
            others = sorted((w for i, w in enumerate(weights[row]) if i != row and w > 0))[-edges:]
            for i, weight in enumerate(weights[row]):
                if i != row and weight > 0 and weight >= others[0]:
                    expected[row, i] = expected[i, row] = weight
        np.testing.assert_array_equal(strongest(csr_array(weights), edges).toarray(), expected)

    def test_ties_are_kept_whole(self):
        weights = np.ones((5, 5)) - np.eye(5)
        np.testing.assert_array_equal(strongest(csr_array(weights), 1).toarray(), weights)

    def test_without_any_relation(self):
        assert strongest(csr_array((3, 3), dtype=np.float64), 2).nnz == 0


class TestDistance:
    @given(seed=st.integers(0, 99), edges=st.integers(1, 14))
    def test_against_a_whole_matrix(self, seed, edges):
        places = random_places(seed, 12)
        folded = mirrored(places)
        distance = np.linalg.norm(folded[:, None] - folded[None], axis=2)
        expected = strongest(csr_array(np.exp(-distance / 20)), edges).toarray()
        np.testing.assert_allclose(distance_kernel(places, edges).toarray(), expected)

    def test_twins_on_both_sides_are_the_nearest(self):
        places = np.array([[-40.0, 0, 0], [40, 0, 0], [-40, 10, 0], [40, 10, 0]])
        kernel = distance_kernel(places, 1).toarray()
        assert kernel[0, 1] == kernel[2, 3] == 1
        assert kernel.sum() == 4

    def test_a_single_roi_has_no_neighbor(self):
        assert distance_kernel(np.zeros((1, 3)), 20).shape == (1, 1)


class TestNormalised:
    @given(seed=st.integers(0, 99), density=st.floats(0.1, 1))
    def test_eigenvalues_and_isolated_rois(self, seed, density):
        weights = random_weights(seed, 8, density)
        weights[3] = weights[:, 3] = 0
        found = normalised(csr_array(weights)).toarray()
        assert np.isfinite(found).all()
        assert (found[3] == 0).all()
        np.testing.assert_allclose(found, found.T)
        assert np.abs(np.linalg.eigvalsh(found)).max() <= 1 + 1e-12

    @given(seed=st.integers(0, 99), nearness=st.floats(0, 1), unit=st.floats(0.01, 100))
    def test_mixed_no_unit_matters(self, seed, nearness, unit):
        weights = csr_array(random_weights(seed, 8))
        near = distance_kernel(random_places(seed, 8), 3)
        found = passing(weights * unit, near, nearness).toarray()
        np.testing.assert_allclose(found, passing(weights, near, nearness).toarray())
        assert np.abs(np.linalg.eigvalsh(found)).max() <= 1 + 1e-12


def test_an_atlas_without_such_relations_is_refused():
    atlas = small_atlas(
        {"fear": {"A": 1.0}}, {"fear": "emotion.fear"}, functional={("A", "B"): -0.5}
    )
    with pytest.raises(AtlasError, match="atlas 'small' has no functional relation above 0"):
        connectome(atlas)
    assert connectome(atlas, "distance").nnz == 2


class TestNulls:
    @settings(max_examples=20)
    @given(seed=st.integers(0, 99), density=st.sampled_from([0.7, 1.0]))
    def test_strengths_and_numbers_of_edges_stay(self, seed, density):
        weights = random_weights(seed, 14, density)
        null = strength_preserving(weights, seed)
        np.testing.assert_allclose(null.sum(axis=0), weights.sum(axis=0), rtol=1e-3)
        np.testing.assert_array_equal((null > 0).sum(axis=0), (weights > 0).sum(axis=0))
        np.testing.assert_array_equal(null, null.T)
        assert not np.allclose(null, weights)

    @settings(max_examples=20)
    @given(seed=st.integers(0, 99))
    def test_weights_stay_within_their_distance(self, seed):
        weights, places = random_weights(seed, 12), random_places(seed, 12)
        null = distance_preserving(weights, places, seed, bins=6)
        folded = mirrored(places)
        a, b = np.triu_indices(12, k=1)
        order = np.argsort(np.linalg.norm(folded[a] - folded[b], axis=1))
        for pairs in np.array_split(order, 6):
            np.testing.assert_allclose(
                np.sort(null[a[pairs], b[pairs]]), np.sort(weights[a[pairs], b[pairs]])
            )
        np.testing.assert_array_equal(null, null.T)
        assert (null != weights).any()

    @pytest.mark.parametrize(
        "null",
        [
            lambda weights, seed: shuffled(csr_array(weights), seed).toarray(),
            strength_preserving,
            lambda weights, seed: distance_preserving(weights, random_places(0, 12), seed),
        ],
    )
    def test_a_seed_decides(self, null):
        weights = random_weights(1, 12, 0.5)
        np.testing.assert_array_equal(null(weights, 3), null(weights, 3))
        assert (null(weights, 3) != null(weights, 4)).any()
        np.testing.assert_allclose(null(weights, 3).sum(), weights.sum(), rtol=1e-3)
