"""What the package ships: material of audio-visual digits that needs no download.

Images: the 1,797 handwritten digits of 8x8 pixels that scikit-learn ships (the test set of UCI's
*Optical Recognition of Handwritten Digits*), enlarged to 28x28. Recordings: the package's
``spoken_digits.parquet``, synthesized by eSpeak NG, not spoken by people; made by
``scripts/make_spoken_digits.py``. Noise: white, pink and brown, made here. It is a stand-in to
try things on: its accuracies say nothing about MNIST or people's speech.
"""

import hashlib
from importlib.resources import files

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits

from brainray import seeding
from brainray.datasets.material import Digit, Material, cut
from brainray.shapes import Array, FloatArray

SPOKEN_DIGITS = "data/spoken_digits.parquet"
RATE = 8000
CLIPS = 60
"""Noise clips of each split."""
CLIP_SECONDS = 2
COLORS = {"white": 0.0, "pink": 1.0, "brown": 2.0}
"""The power of each noise falls with frequency to the power of minus this."""


def material(seed: int) -> dict[str, Material]:
    """Return the material of each split: no image, voice or noise clip is in two of them."""
    images = _shared_out([[digit] for digit in digit_images()], seed, "images")
    voices: dict[str, list[Digit]] = {}
    for recording in spoken_digits():
        voices.setdefault(recording.speaker, []).append(recording)
    recordings = _shared_out(list(voices.values()), seed, "voices")
    return {
        split: Material(images[split], recordings[split], _noise(split, seed)) for split in images
    }


def sources() -> dict[str, str]:
    """Return the sha256 of the files that the material is made of."""
    return {
        f"{package}/{name}": hashlib.sha256((files(package) / name).read_bytes()).hexdigest()
        for package, name in (
            ("sklearn.datasets", "data/digits.csv.gz"),
            ("brainray.datasets", SPOKEN_DIGITS),
        )
    }


def spoken_digits() -> list[Digit]:
    """Return the shipped synthesized digits: 10 words in each of about 100 voices, 8 kHz.

    Their names are ``VOICE/DIGIT``. A voice is an eSpeak NG voice variant with dialect, pitch
    and speed of its own.
    """
    with (files("brainray.datasets") / SPOKEN_DIGITS).open("rb") as file:
        table = pq.read_table(file)
    return [
        Digit(
            f"{row['voice']}/{row['digit']}",
            row["digit"],
            mu_law_decode(row["mu_law"]),
            row["voice"],
        )
        for row in table.to_pylist()
    ]


def digit_images() -> list[Digit]:
    """Return scikit-learn's handwritten digits, enlarged from 8x8 to 28x28."""
    digits = load_digits()
    small_NHW = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    return [
        Digit(f"digits/{row}", int(digit), _enlarge(small_HW))
        for row, (small_HW, digit) in enumerate(zip(small_NHW, digits.target, strict=True))
    ]


def _enlarge(image_HW: Array) -> Array:
    return np.asarray(Image.fromarray(image_HW).resize((28, 28), Image.Resampling.BICUBIC))


def _shared_out(units: list[list[Digit]], seed: int, name: str) -> dict[str, list[Digit]]:
    """Share out what belongs together: a voice, or one image."""
    generator = seeding.numpy_generator(seed, "audio_visual_digits", "embedded", name)
    order = generator.permutation(len(units)).tolist()
    return {
        split: [digit for i in order[part] for digit in units[i]]
        for split, part in cut(len(units)).items()
    }


def _noise(split: str, seed: int) -> dict[str, FloatArray]:
    clips = {}
    for number in range(CLIPS):
        color = list(COLORS)[number % len(COLORS)]
        name = f"{split}/{color}_{number}"
        generator = seeding.numpy_generator(seed, "audio_visual_digits", "noise", name)
        clips[name] = colored_noise(CLIP_SECONDS * RATE, COLORS[color], generator)
    return clips


def colored_noise(count: int, exponent: float, generator: np.random.Generator) -> FloatArray:
    """Return noise whose power falls as 1 / frequency**exponent, peak 1, shape `(count,)`."""
    spectrum = np.fft.rfft(generator.standard_normal(count))
    frequencies = np.arange(len(spectrum))
    spectrum[0] = 0
    spectrum[1:] /= frequencies[1:] ** (exponent / 2)
    wave_T = np.fft.irfft(spectrum, count)
    scaled_T: FloatArray = (wave_T / np.abs(wave_T).max()).astype(np.float32)
    return scaled_T


def mu_law_encode(wave_T: NDArray[np.float64]) -> bytes:
    """Return a wave in [-1, 1] as 8-bit mu-law (the continuous law of ITU-T G.711, mu = 255)."""
    compressed_T = np.sign(wave_T) * np.log1p(255 * np.abs(wave_T)) / np.log(256)
    encoded: bytes = np.rint((compressed_T + 1) * 127.5).astype(np.uint8).tobytes()
    return encoded


def mu_law_decode(encoded: bytes) -> FloatArray:
    """Return the wave of 8-bit mu-law, rounded to 16 bits so that it is the same everywhere."""
    compressed = np.arange(256) / 127.5 - 1
    table = np.sign(compressed) * np.expm1(np.abs(compressed) * np.log(256)) / 255
    rounded = np.rint(table * 32767).astype(np.float32) / np.float32(32768)
    decoded_T: FloatArray = rounded[np.frombuffer(encoded, np.uint8)]
    return decoded_T
