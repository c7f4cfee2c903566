"""Small samples with made-up content, raw and as files."""

import base64
import io
from typing import Any

import numpy as np
import soundfile

from brainray.shapes import Array, Recording


def picture(seed: int = 0) -> Array:
    """Return a grey image of noise, uint8, `(28, 28)`."""
    return np.random.default_rng(seed).integers(0, 256, (28, 28), dtype=np.uint8)


def sound(seed: int = 0, rate: int = 8000) -> Recording:
    """Return half a second of noise whose samples are int16 values."""
    wave_T = np.random.default_rng(seed).normal(0, 0.1, rate // 2).clip(-1, 1)
    whole_T = np.round(wave_T * 32767).astype(np.int16)
    return Recording(whole_T.astype(np.float32) / np.float32(32768), rate)


def wav(recording: Recording, **options: Any) -> bytes:
    """Return a recording as a WAV file of int16 samples."""
    buffer = io.BytesIO()
    soundfile.write(buffer, recording.wave_T, recording.rate, format="WAV", **options)
    return buffer.getvalue()


def text64(content: bytes) -> str:
    """Return bytes in base64, as JSON carries them."""
    return base64.b64encode(content).decode()
