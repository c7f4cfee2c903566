"""How audio-visual digits are made hard: images lose most of their energy, speech gets noise.

After Vielzeuf et al., "CentralNet" (ECCV Workshops 2018), section 4.1, and section 4.2.3 of the
paper: PCA removes 75 % of the images' energy, and environmental noise is added to the speech.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from brainray.errors import DataError
from brainray.shapes import Array, FloatArray

PEAK = 0.9
"""Of full scale: where the loudest sample of every mixture lies."""
AUDIBLE = 1e-3
"""The least root mean square of a noise stretch (-60 dB of full scale): clips have silent parts."""
TRIES = 1000


@dataclass(frozen=True)
class EnergyFilter:
    """A projection on the first principal components.

    Attributes:
        mean: the mean image, shape `(D,)`.
        components: orthonormal rows, shape `(K, D)`.
        kept: the share of the fitted images' variance that the components hold, in [0, 1].
    """

    mean: NDArray[np.float64]
    components: NDArray[np.float64]
    kept: float

    def apply(self, image: Array) -> Array:
        """Return what the components keep of a uint8 image: same shape, uint8."""
        centered_D = image.reshape(-1) - self.mean
        kept_D = self.components.T @ (self.components @ centered_D) + self.mean
        return np.rint(kept_D).clip(0, 255).astype(np.uint8).reshape(image.shape)


def fit_energy_filter(image_NHW: Array, share: float) -> EnergyFilter:
    """Fit the filter with the most components that hold at most ``share`` of the variance.

    Args:
        image_NHW: uint8 images of the train split only.
        share: in (0, 1).

    Raises:
        DataError: the first component alone holds more, as with very few images.
    """
    pixel_ND = image_NHW.reshape(len(image_NHW), -1).astype(np.float64)
    mean_D = pixel_ND.mean(axis=0)
    # Sums of integers are exact in float64, so this does not depend on the order of summation.
    covariance_DD = pixel_ND.T @ pixel_ND / len(pixel_ND) - np.outer(mean_D, mean_D)
    # On a busy machine, BLAS threads that wait for each other take 50 times as long as one.
    with threadpool_limits(1):
        variances, vectors_DK = np.linalg.eigh(covariance_DD)
    shares = np.cumsum(variances[::-1].clip(0)) / variances.clip(0).sum()
    count = int(np.searchsorted(shares, share, side="right"))
    if count == 0:
        raise DataError(
            f"the first principal component of {len(pixel_ND)} images holds {shares[0]:.0%} of "
            f"their variance, more than {share:.0%}"
        )
    components_KD = vectors_DK[:, ::-1][:, :count].T
    kept = float(shares[count - 1])
    assert kept <= share
    return EnergyFilter(mean_D, components_KD, kept)


def draw_noise(
    clips: Mapping[str, FloatArray], count: int, generator: np.random.Generator
) -> tuple[str, int]:
    """Choose a clip and where an audible stretch of ``count`` samples starts in it."""
    names = list(clips)
    for _ in range(TRIES):
        name = names[int(generator.integers(len(names)))]
        start = int(generator.integers(max(len(clips[name]) - count, 0) + 1))
        if np.sqrt(np.square(stretch(clips[name], start, count)).mean()) >= AUDIBLE:
            return name, start
    raise DataError(f"{TRIES} stretches of {count} samples of the noise clips are all silent")


def stretch(clip_T: FloatArray, start: int, count: int) -> FloatArray:
    """Return ``count`` samples of a clip from ``start`` on; a short clip is repeated."""
    repeated_T: FloatArray = np.resize(clip_T[start:], count)
    return repeated_T


def mix(speech_T: FloatArray, noise_T: FloatArray, snr_db: float) -> FloatArray:
    """Return speech and noise at a ratio of mean powers of ``snr_db``, scaled to `PEAK`.

    Args:
        speech_T: not silent, shape `(T,)`.
        noise_T: not silent, shape `(T,)`.
        snr_db: 10 log10 of the power of the speech over that of the noise.
    """
    speech = speech_T.astype(np.float64)
    noise = noise_T.astype(np.float64)
    power_ratio = np.square(speech).mean() / np.square(noise).mean()
    mixture = speech + noise * np.sqrt(power_ratio / 10 ** (snr_db / 10))
    scaled_T: FloatArray = (mixture / np.abs(mixture).max() * PEAK).astype(np.float32)
    return scaled_T
