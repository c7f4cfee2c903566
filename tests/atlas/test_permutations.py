from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from brainray.atlas.permutations import (
    SPUN,
    Permutations,
    lower_tail,
    on_sphere,
    relabelled,
    rotations,
    spun,
)
from brainray.catalog.brain import Roi
from brainray.testing.small_atlas import small_atlas


def ball(count, extra=()):
    """An atlas of two hemispheres on whose surface ROIs lie evenly, and of other ROIs."""
    turn, height = np.arange(count) * np.pi * (3 - np.sqrt(5)), np.linspace(-0.97, 0.97, count)
    ring = np.sqrt(1 - height**2)
    # Half an ellipsoid each: from the midline to 70 mm, from front to back, from base to top.
    places = np.stack(
        [36 + 34 * height, 80 * ring * np.cos(turn), 60 * ring * np.sin(turn)], axis=1
    )
    rois = [
        Roi(f"{side}{i}", "", side, sign * x, y - 15, z + 10)
        for side, sign in (("L", -1), ("R", 1))
        for i, (x, y, z) in enumerate(places)
    ]
    atlas = small_atlas({}, {}, rois=[str(i) for i in range(len(rois) + len(extra))])
    return replace(atlas, rois=(*rois, *extra))


@pytest.fixture(scope="module")
def atlas():
    """In the middle there are ROIs that lie on no sphere."""
    deep = Roi("deep", "", "L", -20, 0, 0, structure="subcortex")
    middle = Roi("middle", "", "M", 0, 0, 0)
    return ball(20, [deep, middle])


def test_a_few_rois_are_relabelled_in_all_ways():
    null = relabelled(4, 24, seed=0)
    assert null.exact
    assert {tuple(places) for places in null.places_NS} == set(permutations(range(4)))
    assert not relabelled(4, 23, seed=0).exact


def test_many_rois_are_relabelled_by_the_seed():
    null = relabelled(30, 50, seed=1)
    assert null.places_NS.shape == (50, 30)
    assert (np.sort(null.places_NS, axis=1) == np.arange(30)).all()
    np.testing.assert_array_equal(null.places_NS, relabelled(30, 50, seed=1).places_NS)
    assert (null.places_NS != relabelled(30, 50, seed=2).places_NS).any()


def test_p_of_all_permutations_is_their_share():
    values = np.array([3.0, 1.0, 2.0, 5.0])
    member_R1 = np.array([[True], [True], [False], [False]])  # sum 4; sums below: 3; equal: 4
    p = lower_tail(lambda member: values @ member, member_R1, relabelled(4, 24, seed=0))
    sums = [values[a] + values[b] for a in range(4) for b in range(a)]
    assert p == pytest.approx([np.mean([total <= 4 for total in sums])])


def test_p_of_some_permutations_counts_the_observed_order():
    null = Permutations(np.arange(3), np.array([[0, 1, 2], [1, 0, 2], [2, 1, 0]]))
    first = np.array([[True], [False], [False]])
    # The one member moves to values 1, 2 and 4: one of three is as small; (1 + 1) / (3 + 1).
    p = lower_tail(lambda member: np.array([1.0, 2.0, 4.0]) @ member, first, null)
    assert p == pytest.approx([0.5])


def test_a_value_that_is_not_there_has_no_p():
    none = np.zeros((3, 1), dtype=bool)
    assert np.isnan(lower_tail(lambda _: np.array([np.nan]), none, relabelled(3, 6, 0))).all()


def test_rotations_keep_distances_and_do_not_mirror():
    found = rotations(40, seed=0)
    points = np.random.default_rng(0).normal(size=(9, 3))
    for rotation in found:
        np.testing.assert_allclose(pdist(points @ rotation.T), pdist(points))
    np.testing.assert_allclose(np.linalg.det(found), 1)
    np.testing.assert_array_equal(found, rotations(40, seed=0))


def test_rotations_are_uniform():
    # The image of a point is uniform on the sphere: each coordinate has mean 0 and variance 1/3.
    images = rotations(4000, seed=3)[:, :, 0]
    assert np.abs(images.mean(axis=0)).max() < 0.05
    assert np.abs((images**2).mean(axis=0) - 1 / 3).max() < 0.03


def test_the_sphere_lays_both_hemispheres_upon_each_other(atlas):
    left, right = atlas.coordinates[:20], atlas.coordinates[20:40]
    sphere = on_sphere(np.concatenate([left, right]))
    np.testing.assert_allclose(np.linalg.norm(sphere, axis=1), 1)
    np.testing.assert_allclose(sphere[:20], sphere[20:])


def test_spinning_stays_in_the_hemisphere_and_is_mirrored(atlas):
    null = spun(atlas, 30, seed=0)
    assert [atlas.names[i] for i in null.rois_S] == [f"{s}{i}" for s in "LR" for i in range(20)]
    left, right = null.places_NS[:, :20], null.places_NS[:, 20:]
    assert (np.sort(left, axis=1) == np.arange(20)).all()
    np.testing.assert_array_equal(left + 20, right)
    np.testing.assert_array_equal(null.places_NS, spun(atlas, 30, seed=0).places_NS)


def test_spinning_keeps_neighbors_together(atlas):
    places = on_sphere(atlas.coordinates[:20])
    distance = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    nearest = distance.argmin(axis=1)
    moved = spun(atlas, 50, seed=0).places_NS[:, :20]
    between = np.array([distance[m, m[nearest]].mean() for m in moved])
    shuffles = relabelled(20, 50, seed=0).places_NS
    at_random = np.array([distance[m, m[nearest]].mean() for m in shuffles])
    assert between.max() < at_random.min()


def test_p_is_uniform_where_a_map_lies_anywhere(atlas):
    # Maps are smooth but know nothing of the target, a cap of each hemisphere at the back.
    null = spun(atlas, 99, seed=0)
    sphere = on_sphere(atlas.coordinates[null.rois_S])
    back = sphere[:, 1] < -0.4
    normals = np.random.default_rng(1).normal(size=(200, 3))
    caps = sphere @ (normals / np.linalg.norm(normals, axis=1, keepdims=True)).T
    member = np.zeros((len(atlas.rois), 200), dtype=bool)
    member[null.rois_S] = caps > 0.2
    p = lower_tail(lambda member: -back.astype(float) @ member, member, null)
    for level in (0.1, 0.25, 0.5):
        assert (p <= level).mean() <= level + 0.06
    assert p.min() < 0.1
    # Relabelled ROIs take any smooth map that lies there by chance for a finding.
    naive = lower_tail(
        lambda member: -np.append(back, [False, False]).astype(float) @ member,
        member,
        relabelled(len(atlas.rois), 99, seed=0),
    )
    assert (naive <= 0.1).mean() > (p <= 0.1).mean() + 0.1


def test_nothing_is_spun_where_there_is_no_hemisphere_or_too_large_a_one():
    assert spun(small_atlas({"a": {"x": 1.0, "y": 1.0}}, {"a": "some.a"}), 5, seed=0) is None
    large = small_atlas({}, {}, rois=[str(i) for i in range(SPUN + 1)])
    assert spun(large, 5, seed=0) is None
