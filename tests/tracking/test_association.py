import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainray.seeding import numpy_generator
from brainray.tracking.association import (
    alike,
    assign,
    enlarged,
    generalized_overlaps,
    overlaps,
)
from brainray.tracking.crowds import Pairs
from brainray.tracking.motion import fit_similarity

SQUARES = np.array([[0.0, 0, 10, 10], [5, 0, 10, 10], [30, 0, 10, 10]])


def test_overlaps_by_hand():
    found = overlaps(SQUARES[:1], SQUARES)
    assert found == pytest.approx(np.array([[1, 1 / 3, 0]]))
    assert generalized_overlaps(SQUARES[:1], SQUARES) == pytest.approx(np.array([[1, 1 / 3, -0.5]]))
    assert overlaps(SQUARES[:0], SQUARES).shape == (0, 3)


def test_enlarged_boxes_keep_their_center():
    grown = enlarged(SQUARES, 0.1)
    assert grown[0] == pytest.approx([-1, -1, 12, 12])


@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 5))
def test_an_assignment_is_the_best_of_all(seed, rows, columns):
    value = numpy_generator(seed, "assign").random((rows, columns))
    found = value[assign(value, 0.0)].sum()
    if rows > columns:
        value = value.T
    choices = itertools.permutations(range(value.shape[1]), value.shape[0])
    assert found == pytest.approx(max(value[range(len(c)), list(c)].sum() for c in choices))


def test_near_pairs_that_look_alike_are_worth_it():
    value = np.array([[0.9, 0.6, 0.3], [0.0, 0.7, 0.55]])
    looks, features = np.eye(2), np.array([[0.0, 1], [1, 0], [0.6, 0.8]])
    raised = [[0.9, 1.0, 0.3], [0.0, 0.7, 0.9]]
    assert alike(value, looks, features, 0.5, 0.75) == pytest.approx(np.array(raised))
    rows, columns = np.nonzero(value)
    few = alike(
        Pairs(rows, columns, value[rows, columns], value.shape, 0.0), looks, features, 0.5, 0.75
    )
    assert isinstance(few, Pairs)
    assert few.matrix() == pytest.approx(np.array(raised))


def test_poor_pairs_are_dropped_after_the_assignment():
    rows, columns = assign(np.array([[0.9, 0.8], [0.8, 0.1]]), 0.85)
    assert (rows.tolist(), columns.tolist()) == ([], [])


def test_the_camera_is_found_though_a_third_walks_on_its_own():
    generator = numpy_generator(0, "camera")
    points = generator.uniform(0, 1000, 30) + 1j * generator.uniform(0, 600, 30)
    turn, shift = 1.02 * np.exp(0.01j), 14 - 8j
    moved = turn * points + shift
    moved[:10] += generator.uniform(30, 60, 10)
    found = fit_similarity(points, moved, np.full(30, 5.0))
    assert found.turn == pytest.approx(turn, abs=1e-3)
    assert abs(found(points[10:]) - moved[10:]).max() < 1
