from collections import Counter

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from brainray.datasets import embedded
from brainray.datasets.embedded import colored_noise, mu_law_decode, mu_law_encode


def test_every_voice_says_every_digit_once() -> None:
    spoken = embedded.spoken_digits()
    voices = Counter(recording.name.rpartition("/")[0] for recording in spoken)
    assert len(voices) >= 100
    assert set(voices.values()) == {10}
    assert Counter(recording.digit for recording in spoken) == dict.fromkeys(range(10), len(voices))
    seconds = np.array([len(recording.values) for recording in spoken]) / embedded.RATE
    assert 0.1 < seconds.min() < seconds.max() < 1
    loudness = [np.sqrt(np.square(recording.values).mean()) for recording in spoken]
    assert min(loudness) > 0.05
    assert len({recording.values.tobytes() for recording in spoken}) == len(spoken)


def spectrum(wave_T: np.ndarray) -> np.ndarray:
    """Return how 8 bands of frequency follow one another in 6 parts of the recording."""
    parts = np.array_split(wave_T, 6)
    bands = [np.array_split(np.abs(np.fft.rfft(part, 256)[1:]) ** 2, 8) for part in parts]
    return np.log10([[band.mean() + 1e-6 for band in part] for part in bands]).ravel()


def test_digits_can_be_told_in_voices_never_heard() -> None:
    material = embedded.material(0)
    features = {
        split: np.stack([spectrum(recording.values) for recording in material[split].recordings])
        for split in ("train", "test")
    }
    digits = {split: [r.digit for r in material[split].recordings] for split in features}
    scale = features["train"].std(axis=0)
    model = LogisticRegression(C=0.1, max_iter=1000).fit(features["train"] / scale, digits["train"])
    assert 0.6 < model.score(features["test"] / scale, digits["test"]) < 1


def test_nothing_is_in_two_splits() -> None:
    material = embedded.material(3)
    voices = [{r.name.rpartition("/")[0] for r in part.recordings} for part in material.values()]
    images = [{image.name for image in part.images} for part in material.values()]
    noise = [{clip.tobytes() for clip in part.noise.values()} for part in material.values()]
    for sets in (voices, images, noise):
        assert len(set().union(*sets)) == sum(len(each) for each in sets)
    assert len(set().union(*images)) == 1797


def test_material_follows_the_seed() -> None:
    first, again, other = (embedded.material(seed)["test"] for seed in (0, 0, 1))
    assert [i.name for i in first.images] == [i.name for i in again.images]
    assert [i.name for i in first.images] != [i.name for i in other.images]
    for name, clip in first.noise.items():
        np.testing.assert_array_equal(clip, again.noise[name])
        assert not np.array_equal(clip, other.noise[name])


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0])
def test_noise_has_its_color(exponent: float) -> None:
    wave = colored_noise(2**16, exponent, np.random.default_rng(0))
    power = np.abs(np.fft.rfft(wave)) ** 2
    low, high = power[100:200].mean(), power[10_000:20_000].mean()
    assert np.log(low / high) / np.log(100) == pytest.approx(exponent, abs=0.1)


def test_mu_law_loses_little() -> None:
    wave = np.sin(np.arange(4000) / 9) * np.linspace(0.001, 1, 4000)
    decoded = mu_law_decode(mu_law_encode(wave))
    noise = np.square(decoded - wave).mean()
    assert 10 * np.log10(np.square(wave).mean() / noise) > 35
    assert np.abs(decoded).max() <= 1
