"""The filters of all tracks at once say what one filter with whole matrices says."""

import numpy as np
import pytest

from brainray.seeding import numpy_generator
from brainray.tracking.kalman import ConstantVelocity

STEP = np.array([1.0, 1.0, 0.5, 0.2])
STEP_VELOCITY = np.array([0.01, 0.01, 0.0001, 0.0])
MEASURED = np.array([1.0, 1.0, 10.0, 10.0])


class Reference:
    """One track, as in the textbook: x = F x, P = F P F' + Q; then gain, surprise, update."""

    def __init__(self, position_4):
        self.x = np.concatenate([position_4, np.zeros(4)])
        self.P = np.diag([10.0] * 4 + [1e4, 1e4, 1e4, 0.0])
        self.F = np.eye(8) + np.eye(8, k=4)
        self.Q = np.diag(np.concatenate([STEP, STEP_VELOCITY]))
        self.H, self.R = np.eye(4, 8), np.diag(MEASURED)

    def predict(self):
        self.x = self.F @ self.x
        self.P = self.F @ self.P @ self.F.T + self.Q

    def correct(self, measured_4):
        S = self.H @ self.P @ self.H.T + self.R
        K = self.P @ self.H.T @ np.linalg.inv(S)
        self.x = self.x + K @ (measured_4 - self.H @ self.x)
        self.P = (np.eye(8) - K @ self.H) @ self.P

    def squared_distance(self, measured_4):
        S = self.H @ self.P @ self.H.T + self.R
        surprise = measured_4 - self.H @ self.x
        return surprise @ np.linalg.inv(S) @ surprise


def test_many_filters_equal_the_textbook_one_by_one():
    generator = numpy_generator(0, "test_kalman")
    start_N4 = generator.normal(100, 20, (5, 4))
    references = [Reference(position) for position in start_N4]
    filters = ConstantVelocity(4)
    filters.begin(start_N4, 10.0, np.array([1e4, 1e4, 1e4, 0.0]))
    for step in range(12):
        filters.predict(STEP, STEP_VELOCITY)
        rows = np.flatnonzero(generator.random(5) < 0.7)
        measured_K4 = filters.position_NC[rows] + generator.normal(0, 3, (len(rows), 4))
        for reference in references:
            reference.predict()
        distance = filters.squared_distance(measured_K4, np.tile(MEASURED, (5, 1)))
        expected = [[one.squared_distance(z) for z in measured_K4] for one in references]
        assert distance == pytest.approx(np.array(expected).reshape(5, len(rows)), rel=1e-6)
        filters.correct(rows, measured_K4, MEASURED)
        for row, measured_4 in zip(rows, measured_K4, strict=True):
            references[row].correct(measured_4)
        for row, reference in enumerate(references):
            found = np.concatenate([filters.position_NC[row], filters.velocity_NC[row]])
            assert found == pytest.approx(reference.x, rel=1e-9), step
            variance = np.concatenate([filters.state_N5C[row, 2], filters.state_N5C[row, 4]])
            assert variance == pytest.approx(np.diag(reference.P), rel=1e-7, abs=1e-9)


def test_forgotten_tracks_leave_the_others_alone():
    filters = ConstantVelocity(2)
    filters.begin(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), 1.0, 1.0)
    filters.keep(np.array([True, False, True]))
    assert filters.position_NC.tolist() == [[1, 2], [5, 6]]
