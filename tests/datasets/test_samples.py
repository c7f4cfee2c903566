import io

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from brainray.datasets import samples
from brainray.errors import DataError, LargeSampleError
from brainray.shapes import Recording


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=kind, **options)
    return buffer.getvalue()


def sound_file(wave: np.ndarray, rate: int, kind: str = "WAV", subtype: str = "PCM_16") -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, wave, rate, format=kind, subtype=subtype)
    return buffer.getvalue()


@pytest.mark.parametrize("shape", [(4, 7), (4, 7, 3)])
def test_image_survives_encoding(shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    decoded = samples.decode_image(samples.encode_image(image))
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, image)


def test_image_modes() -> None:
    assert samples.decode_image(saved(Image.new("RGBA", (3, 2), (9, 8, 7, 0)), "PNG")).shape == (
        2,
        3,
        3,
    )
    assert (
        samples.decode_image(saved(Image.new("LA", (3, 2), (9, 0)), "PNG")).tolist()
        == [[9] * 3] * 2
    )
    deep = Image.fromarray(np.array([[0, 256, 65535]], dtype=np.uint16))
    assert samples.decode_image(saved(deep, "PNG")).tolist() == [[0, 1, 255]]


def test_exif_orientation_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    assert samples.decode_image(saved(Image.new("L", (8, 4)), "JPEG", exif=exif)).shape == (8, 4)


def test_huge_image_is_refused_before_it_is_read() -> None:
    bomb = saved(Image.new("1", (8000, 8000)), "PNG")
    assert len(bomb) < 100_000
    with pytest.raises(DataError, match="8000 x 8000 pixels, at most 50000000"):
        samples.decode_image(bomb)
    with pytest.raises(DataError, match="more than 50000000 pixels"):
        samples.decode_image(saved(Image.new("1", (14000, 14000)), "PNG"))


@settings(deadline=None)
@given(cut=st.integers(0, 500), position=st.integers(0, 500), value=st.integers(0, 255))
def test_damaged_images_give_pixels_or_data_errors(cut: int, position: int, value: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    content = bytearray(saved(Image.fromarray(image), "PNG"))
    content[position % len(content)] = value
    try:
        decoded = samples.decode_image(bytes(content[: len(content) - cut]))
    except DataError:
        return
    assert decoded.dtype == np.uint8


def test_pcm_survives_both_ways() -> None:
    content = np.array([-32768, -1, 0, 1, 32767], dtype="<i2").tobytes()
    recording = samples.decode_audio(content, 8000)
    assert recording.rate == 8000
    assert recording.wave_T.dtype == np.float32
    assert np.abs(recording.wave_T).max() <= 1
    assert samples.encode_pcm(recording) == content


def test_pcm_outside_the_range_is_clipped() -> None:
    content = samples.encode_pcm(Recording(np.array([-2, 2], dtype=np.float32), 8000))
    assert np.frombuffer(content, "<i2").tolist() == [-32768, 32767]


@pytest.mark.parametrize(("kind", "subtype"), [("WAV", "PCM_16"), ("FLAC", "PCM_16")])
def test_channels_are_averaged(kind: str, subtype: str) -> None:
    wave = np.stack([np.full(50, 0.5), np.full(50, -0.25)], axis=1)
    recording = samples.decode_audio(sound_file(wave, 16000, kind, subtype))
    assert recording.rate == 16000
    np.testing.assert_allclose(recording.wave_T, 0.125)


def test_sound_file_with_a_rate_is_still_a_sound_file() -> None:
    content = sound_file(np.full(50, 0.5), 16000)
    recording = samples.decode_audio(content, 8000)
    assert (recording.rate, recording.wave_T.shape) == (16000, (50,))


@pytest.mark.parametrize(
    ("content", "rate", "message"),
    [
        (b"nonsense", None, "not a sound file that can be read.*needs its rate"),
        (b"abc", 8000, "even number of bytes, not 3"),
        (b"", 8000, "0 samples"),
        (b"ab", 3, "rate of 3 Hz, allowed are 100 to 768000"),
        (sound_file(np.zeros(0), 8000), None, "0 samples"),
        (sound_file(np.array([0.0, np.nan]), 8000, subtype="FLOAT"), None, "not finite"),
    ],
    # A sound file of floats has the time in its bytes.
    ids=["text", "odd", "empty", "slow", "no samples", "not finite"],
)
def test_bad_sounds_are_refused(content: bytes, rate: int | None, message: str) -> None:
    with pytest.raises(DataError, match=message):
        samples.decode_audio(content, rate)


def test_decode_finds_the_modality() -> None:
    assert samples.decode("text", "hello") == "hello"
    with pytest.raises(DataError, match="must be a text, not bytes"):
        samples.decode("text", b"hello")
    with pytest.raises(DataError, match="must be bytes, not str"):
        samples.decode("image", "hello")


def test_a_text_that_nobody_writes_is_refused() -> None:
    assert samples.decode("text", "naïve e\u0301") == "naïve e\u0301"
    with pytest.raises(DataError, match="more than 30 combining characters in a row"):
        samples.decode("text", "a" + "\u0301\u0323" * 20)
    with pytest.raises(LargeSampleError, match="has 11 characters, at most 10 are allowed"):
        samples.decode("text", "hello world", max_characters=10)
