"""Kalman filters of all tracks at once.

SORT, DeepSORT and their successors give each track a filter of seven or eight numbers. Every
matrix they use is diagonal but for "position moves by velocity", so a track's coordinates never
mix, and each is a filter of two numbers in closed form. That is exact, not an approximation, and
all tracks take one pass of array arithmetic (Kalman 1960; Bewley et al., ICIP 2016, section 3.2).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from brainray.shapes import Array

Floats = NDArray[np.float64]


class ConstantVelocity:
    """Filters of N tracks, each of C coordinates that move at constant velocity.

    Attributes:
        state_N5C: for each coordinate its position, velocity, variance of the position, covariance
            of both, and variance of the velocity. Units: those of the coordinate, and frames.
    """

    def __init__(self, coordinates: int) -> None:
        self.state_N5C: Floats = np.empty((0, 5, coordinates))

    @property
    def position_NC(self) -> Floats:  # noqa: N802
        """Positions, a view."""
        return self.state_N5C[:, 0]

    @property
    def velocity_NC(self) -> Floats:  # noqa: N802
        """Velocities in units a frame, a view."""
        return self.state_N5C[:, 1]

    def begin(
        self, position_MC: Floats, variance_MC: ArrayLike, velocity_variance_MC: ArrayLike
    ) -> None:
        """Add M tracks at rest, behind the others, with what is known of them."""
        born_M5C = np.zeros((len(position_MC), *self.state_N5C.shape[1:]))
        born_M5C[:, 0] = position_MC
        born_M5C[:, 2] = variance_MC
        born_M5C[:, 4] = velocity_variance_MC
        self.state_N5C = np.concatenate([self.state_N5C, born_M5C])

    def keep(self, kept_N: Array) -> None:
        """Forget all tracks but those that a mask or indices choose."""
        self.state_N5C = self.state_N5C[kept_N]

    def predict(self, noise_NC: ArrayLike, velocity_noise_NC: ArrayLike) -> None:
        """Move all tracks by one frame.

        Args:
            noise_NC: variance that a frame adds to the position.
            velocity_noise_NC: variance that a frame adds to the velocity.
        """
        position, velocity, variance, covariance, velocity_variance = self.state_N5C.swapaxes(0, 1)
        position += velocity
        variance += 2 * covariance + velocity_variance + noise_NC
        covariance += velocity_variance
        velocity_variance += velocity_noise_NC

    def correct(self, rows_K: Array, measured_KC: Floats, noise_KC: ArrayLike) -> None:
        """Learn from measurements.

        Args:
            rows_K: the tracks that they belong to, each once.
            measured_KC: positions.
            noise_KC: variance of the measurements, above 0.
        """
        position, velocity, variance, covariance, velocity_variance = self.state_N5C[
            rows_K
        ].swapaxes(0, 1)
        spread = variance + noise_KC
        gain, velocity_gain = variance / spread, covariance / spread
        surprise = measured_KC - position
        self.state_N5C[rows_K] = np.stack(
            [
                position + gain * surprise,
                velocity + velocity_gain * surprise,
                variance - gain * variance,
                covariance - gain * covariance,
                velocity_variance - velocity_gain * covariance,
            ],
            axis=1,
        )

    def squared_distance(
        self, measured_MC: Floats, noise_NC: Floats, rows: Array | slice = slice(None)
    ) -> Floats:
        """Return the squared Mahalanobis distance of tracks to each measurement, `(N, M)`.

        Of true pairs it has the chi-squared distribution with C degrees of freedom (Wojke et al.,
        ICIP 2017, equation 1).

        Args:
            measured_MC: positions.
            noise_NC: variance of the measurements of each track.
            rows: of the tracks, by default all.
        """
        spread_NC = self.state_N5C[rows, 2] + noise_NC[rows]
        surprise_NMC = measured_MC[None] - self.position_NC[rows][:, None]
        distance_NM: Floats = np.einsum("nmc,nc->nm", surprise_NMC**2, 1 / spread_NC)
        return distance_NM
