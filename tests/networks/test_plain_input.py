"""Scaled pixels and plain waves."""

import numpy as np
import pytest

from brainray import seeding
from brainray.errors import NetworkError
from brainray.networks.interface import build_preparation
from brainray.networks.plain_input import ScaledImage, Waveform
from brainray.networks.preparation import GreyImage
from brainray.shapes import Recording

COLOR = seeding.numpy_generator(0, "color").integers(0, 256, (6, 4, 3), dtype=np.uint8)
WAVE = seeding.numpy_generator(0, "wave").normal(0, 0.1, 400).astype(np.float32)


@pytest.mark.parametrize("layout", ["first", "last"])
@pytest.mark.parametrize("channels", ["rgb", "bgr", "grey"])
@pytest.mark.parametrize("raw", [COLOR, COLOR[:, :, 0]], ids=["color", "grey"])
def test_a_picture_has_the_declared_shape_and_type_twice(raw, channels, layout):
    preparation = ScaledImage(5, 7, channels, layout)
    first, second = (preparation.prepare(raw) for _ in range(2))
    count = 1 if channels == "grey" else 3
    assert preparation.shape == ((count, 5, 7) if layout == "first" else (5, 7, count))
    assert first.shape == preparation.shape
    assert first.dtype == preparation.dtype
    assert np.array_equal(first, second)


def test_pixels_are_scaled_channel_by_channel_in_the_order_asked_for():
    mean, deviation = (1.0, 2.0, 3.0), (4.0, 5.0, 6.0)
    rgb = ScaledImage(6, 4, "rgb", "last", mean, deviation).prepare(COLOR)
    bgr = ScaledImage(6, 4, "bgr", "first", mean, deviation).prepare(COLOR)
    np.testing.assert_allclose(rgb, (COLOR - np.float32(mean)) / np.float32(deviation), rtol=1e-6)
    for number in range(3):
        expected = (COLOR[:, :, 2 - number] - np.float32(mean[number])) / deviation[number]
        np.testing.assert_allclose(bgr[number], expected, rtol=1e-6)


def test_grey_is_the_same_grey_as_that_of_grey_image():
    scaled = ScaledImage(28, 28, "grey").prepare(COLOR)
    np.testing.assert_allclose(scaled, GreyImage(28).prepare(COLOR), rtol=1e-6)


def test_a_short_wave_is_followed_by_zeros_and_a_long_one_is_cut():
    recording = Recording(WAVE, 8000)
    padded = Waveform(500, 8000).prepare(recording)
    assert np.array_equal(padded, np.concatenate([WAVE, np.zeros(100, np.float32)]))
    assert np.array_equal(Waveform(300, 8000).prepare(recording), WAVE[:300])


def test_a_wave_is_resampled_and_scaled():
    seconds = np.arange(8000) / 8000
    tone = Recording(np.sin(2 * np.pi * 440 * seconds).astype(np.float32), 8000)
    wave = Waveform(16_000, 16_000, 32768).prepare(tone)
    assert wave.dtype == np.float32
    assert np.argmax(np.abs(np.fft.rfft(wave))) == 440
    assert wave.max() == pytest.approx(32768, rel=0.02)


@pytest.mark.parametrize("name", ["scaled_image", "waveform"])
@pytest.mark.parametrize("raw", [COLOR, COLOR.astype(float), "words", b"bytes", None])
def test_the_wrong_kind_of_sample_is_refused(name, raw):
    if name == "scaled_image" and raw is COLOR:
        raw = Recording(WAVE, 8000)
    with pytest.raises(NetworkError, match=f"^{name}: takes "):
        build_preparation({"name": name}).prepare(raw)


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"height": 0}, "height must be a whole number from 1 to 4096, not 0"),
        ({"width": 2.0}, r"width must be a whole number from 1 to 4096, not 2\.0"),
        ({"channels": "gray"}, "channels must be one of rgb, bgr, grey, not 'gray'"),
        ({"layout": "NHWC"}, "layout must be one of first, last, not 'NHWC'"),
        ({"mean": [1, 2]}, r"mean must be one number or one a channel of rgb, not \[1, 2\]"),
        ({"mean": float("nan")}, "mean must be one number or one a channel of rgb, not nan"),
        ({"mean": "0"}, "mean must be one number or one a channel of rgb, not '0'"),
        ({"deviation": [1, 2, 0]}, r"deviation must be above 0, not \[1, 2, 0\]"),
        ({"sides": 3}, r".*unexpected keyword argument 'sides'"),
    ],
)
def test_impossible_options_of_a_picture_are_refused(declared, message):
    with pytest.raises(NetworkError, match=message):
        build_preparation({"name": "scaled_image", **declared})


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"samples": 0}, "samples must be a whole number from 1 to 10000000, not 0"),
        ({"rate": 10}, "rate must be a whole number from 1000 to 384000, not 10"),
        ({"scale": 0}, r"scale must be above 0 and at most 2\*\*31, not 0"),
    ],
)
def test_impossible_options_of_a_wave_are_refused(declared, message):
    with pytest.raises(NetworkError, match=message):
        build_preparation({"name": "waveform", **declared})


def test_a_wave_that_is_not_finite_is_refused():
    with pytest.raises(NetworkError, match="finite sample"):
        Waveform().prepare(Recording(np.array([np.nan], np.float32), 8000))
