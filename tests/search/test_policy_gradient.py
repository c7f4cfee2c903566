import pickle
from itertools import islice

import numpy as np
import pytest

from brainray.search.controller import Controller
from brainray.search.policy_gradient import Ascent, advantages, importance, propose
from brainray.seeding import torch_generator
from brainray.testing import integer_space


def test_an_advantage_is_the_standard_score_minus_the_moving_average_of_earlier_ones():
    values = [1.0, 2.0, 4.0, 3.0, 5.0]
    scores = (np.array(values) - 3) / np.sqrt(2)
    baseline = 0.0
    for score in scores[:3]:
        baseline = 0.9 * baseline + 0.1 * score
    np.testing.assert_allclose(advantages(values, 2, 0.9), scores[3:] - baseline, rtol=1e-6)
    scaled = [100 * value - 7 for value in values]
    np.testing.assert_allclose(advantages(scaled, 2, 0.9), advantages(values, 2, 0.9), rtol=1e-5)


def test_the_first_codes_have_a_baseline_of_zero_and_outliers_are_held():
    found = advantages([0.0] * 99 + [-1000.0], 100, 0.9)
    assert found.dtype == np.float32
    assert found[-1] == -3
    assert advantages([0.5, 0.5], 2, 0.9).tolist() == [0, 0]


def test_importance_is_the_ratio_of_probabilities_clipped():
    now, then = np.log([0.4, 0.1, 0.9]), np.log([0.2, 0.2, 0.1])
    np.testing.assert_allclose(importance(now, then, 3.0), [2, 0.5, 3], rtol=1e-6)


def test_proposals_get_hotter_until_something_is_new():
    space = integer_space(genes=3, alleles=3)
    controller = Controller(space)
    parameters = controller.initial(0)
    ascent = Ascent(parameters, 0.1)
    for _ in range(60):  # until one code is nearly certain
        gains = np.array([1.0], np.float32)
        ascent.step(controller.gradient(ascent.parameters, [(2, 2, 2)], gains, 0.0))
    proposals = propose(
        controller, ascent.parameters, space, {(2, 2, 2)}, torch_generator(0, "test")
    )
    drawn = list(islice(proposals, 800))
    assert set(drawn[:16]) == {(2, 2, 2)}
    assert len(set(drawn)) > 10


def test_an_ascent_climbs_and_goes_on_where_it_was_pickled():
    ascent = Ascent(np.zeros(2, np.float32), 0.1)
    ascent.step(np.array([1.0, -1.0], np.float32))
    np.testing.assert_allclose(ascent.parameters, [0.1, -0.1], rtol=1e-4)
    copy = pickle.loads(pickle.dumps(ascent))
    for one in (ascent, copy):
        one.step(np.array([1.0, 3.0], np.float32))
    np.testing.assert_array_equal(ascent.parameters, copy.parameters)
    assert ascent.parameters[0] == pytest.approx(0.2, abs=1e-3)
