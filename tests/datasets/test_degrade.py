import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from brainray.datasets.degrade import (
    AUDIBLE,
    PEAK,
    draw_noise,
    fit_energy_filter,
    mix,
    stretch,
)
from brainray.errors import DataError


@pytest.fixture
def images() -> np.ndarray:
    generator = np.random.default_rng(0)
    basis = generator.standard_normal((20, 64)) * np.linspace(1, 0.3, 20)[:, None]
    pixels = 128 + 12 * generator.standard_normal((300, 20)) @ basis
    return pixels.clip(0, 255).astype(np.uint8).reshape(300, 8, 8)


def test_filter_equals_scikit_learns_pca(images: np.ndarray) -> None:
    energy = fit_energy_filter(images, 0.25)
    flat = images.reshape(len(images), -1).astype(float)
    pca = PCA(svd_solver="full").fit(flat)
    shares = np.cumsum(pca.explained_variance_ratio_)
    count = int((shares <= 0.25).sum())
    assert len(energy.components) == count >= 1
    assert energy.kept == pytest.approx(shares[count - 1])
    assert energy.kept <= 0.25 < shares[count]
    reference = PCA(count, svd_solver="full").fit(flat)
    restored = reference.inverse_transform(reference.transform(flat))
    mine = np.stack([energy.apply(image) for image in images]).reshape(flat.shape)
    np.testing.assert_allclose(mine, restored.clip(0, 255), atol=0.5001)


def test_too_few_images_are_refused(images: np.ndarray) -> None:
    with pytest.raises(DataError, match="first principal component of 2 images holds 100%"):
        fit_energy_filter(images[:2], 0.25)


@settings(deadline=None)
@given(snr_db=st.floats(-40, 60), level=st.floats(0.01, 1), seed=st.integers(0, 99))
def test_mixture_has_the_ratio_it_says(snr_db: float, level: float, seed: int) -> None:
    generator = np.random.default_rng(seed)
    speech = np.sin(np.arange(2000) / 7).astype(np.float32)
    noise = (level * generator.standard_normal(2000)).astype(np.float32)
    mixture = mix(speech, noise, snr_db)
    assert np.abs(mixture).max() == pytest.approx(PEAK)
    (a, b), *_ = np.linalg.lstsq(np.stack([speech, noise], axis=1), mixture, rcond=None)
    ratio = np.square(a * speech).mean() / np.square(b * noise).mean()
    assert 10 * np.log10(ratio) == pytest.approx(snr_db, abs=0.05)


def test_short_clips_are_repeated() -> None:
    assert stretch(np.arange(3, dtype=np.float32), 0, 7).tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert stretch(np.arange(9, dtype=np.float32), 2, 3).tolist() == [2, 3, 4]


def test_silent_stretches_are_passed_over() -> None:
    clip = np.zeros(10_000, dtype=np.float32)
    clip[9000:] = 0.5
    generator = np.random.default_rng(0)
    for _ in range(20):
        name, start = draw_noise({"a": clip, "b": clip[:5000]}, 100, generator)
        assert name == "a"
        assert np.sqrt(np.square(stretch(clip, start, 100)).mean()) >= AUDIBLE
    with pytest.raises(DataError, match="all silent"):
        draw_noise({"b": clip[:5000]}, 100, generator)
