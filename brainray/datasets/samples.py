"""One sample of each modality, from bytes and back.

Messages say what is wrong with the sample only; the caller adds where it stands.
"""

import io
import unicodedata
from math import inf
from typing import Any

import numpy as np
import soundfile
from PIL import Image, ImageOps

from brainray.errors import DataError, LargeSampleError
from brainray.shapes import Array, Modality, Raw, Recording

IMAGE_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
MAX_PIXELS = 50_000_000
MAX_AUDIO_SAMPLES = 50_000_000
MAX_SCANS = 100
"""Of a JPEG, whose every scan goes over all of its pixels; usual progressive ones have ten."""
MAX_MARKS = 30
"""Combining characters in a row, as in Unicode's stream-safe texts: the time to normalize a text
grows with their square.
"""
RATES_HZ = (100, 768_000)
CONTAINERS = (b"RIFF", b"fLaC", b"OggS")
"""How sound files begin, so that they are not taken for raw PCM."""


def decode(
    modality: Modality,
    stored: bytes | str,
    rate: int | None = None,
    max_pixels: int = MAX_PIXELS,
    max_samples: int = MAX_AUDIO_SAMPLES,
    max_seconds: float = inf,
    max_characters: int | None = None,
) -> Raw:
    """Return a sample as people know it.

    Args:
        modality: what ``stored`` is.
        stored: bytes of an image or a sound, or a text.
        rate: of int16 PCM bytes, in Hz.
        max_pixels: of an image; a larger one is not decoded.
        max_samples: of a sound, all channels together; a longer one is not decoded.
        max_seconds: of a sound; a longer one is not decoded.
        max_characters: of a text.

    Raises:
        LargeSampleError: it is larger than allowed.
        DataError: it cannot be read.
    """
    if modality == "text":
        return decode_text(stored, max_characters)
    if not isinstance(stored, bytes):
        raise DataError(f"must be bytes, not {type(stored).__name__}")
    if modality == "image":
        return decode_image(stored, max_pixels)
    return decode_audio(stored, rate, max_samples, max_seconds)


def decode_image(encoded: bytes, max_pixels: int = MAX_PIXELS) -> Array:
    """Return the pixels of an encoded image (`IMAGE_FORMATS`), uint8.

    The EXIF orientation is applied, 16-bit grey is brought to 8 bit, transparency is dropped,
    and of several frames the first is taken.

    Returns:
        shape `(H, W)` for grey images, `(H, W, 3)` for all others.

    Raises:
        LargeSampleError: more than ``max_pixels``; it is not decoded.
        DataError: not an image.
    """
    if encoded.startswith(b"\xff\xd8") and encoded.count(b"\xff\xda") > MAX_SCANS:
        raise DataError(f"is a JPEG of more than {MAX_SCANS} scans")
    try:
        with Image.open(io.BytesIO(encoded), formats=IMAGE_FORMATS) as image:
            width, height = image.size
            if width * height <= max_pixels:
                return _pixels(image)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise LargeSampleError(f"has more than {max_pixels} pixels") from error
    # Fed with garbage, the many decoders below Pillow raise many things (struct.error too).
    except Exception as error:
        allowed = ", ".join(IMAGE_FORMATS)
        raise DataError(f"is not an image that can be read, allowed are {allowed}") from error
    raise LargeSampleError(f"has {width} x {height} pixels, at most {max_pixels} are allowed")


def _pixels(image: Image.Image) -> Array:
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I"):
        return (np.asarray(upright) >> 8).clip(0, 255).astype(np.uint8)
    grey = upright.mode in ("1", "L", "LA", "La")
    return np.asarray(upright.convert("L" if grey else "RGB"), dtype=np.uint8)


def encode_image(image: Array) -> bytes:
    """Return a uint8 image, `(H, W)`, `(H, W, 3)` or with alpha `(H, W, 4)`, as PNG.

    Raises:
        DataError: of another dtype or shape, or without a pixel.
    """
    shape = image.shape
    colors = shape[2:] in ((), (3,), (4,))
    if image.dtype != np.uint8 or image.ndim < 2 or not colors or not image.size:
        raise DataError(
            f"is an array of {image.dtype} and shape {shape}, allowed are uint8 and shape "
            "(H, W), (H, W, 3) or (H, W, 4), which have a pixel"
        )
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG", compress_level=6)
    return buffer.getvalue()


def decode_audio(
    content: bytes,
    rate: int | None = None,
    max_samples: int = MAX_AUDIO_SAMPLES,
    max_seconds: float = inf,
) -> Recording:
    """Return the mono sound of a sound file, or of int16 little-endian PCM when ``rate`` is given.

    Several channels are averaged. Bytes that begin like a sound file are read as one even if
    there is a ``rate``.

    Raises:
        LargeSampleError: more than ``max_samples`` or ``max_seconds``; it is not decoded.
        DataError: neither, empty, not finite, or a rate outside `RATES_HZ`.
    """
    if rate is None or content.startswith(CONTAINERS):
        recording = _read_sound_file(content, max_samples, max_seconds)
    else:
        if len(content) % 2:
            raise DataError(f"int16 PCM has an even number of bytes, not {len(content)}")
        _check_length(len(content) // 2, 1, rate, max_samples, max_seconds)
        wave_T = np.frombuffer(content, "<i2").astype(np.float32) / np.float32(32768)
        recording = Recording(wave_T, rate)
    if not recording.wave_T.size:
        raise DataError("holds no sound: 0 samples")
    if not np.isfinite(recording.wave_T).all():
        raise DataError("holds samples that are not finite")
    if not RATES_HZ[0] <= recording.rate <= RATES_HZ[1]:
        raise DataError(
            f"has a rate of {recording.rate} Hz, allowed are {RATES_HZ[0]} to {RATES_HZ[1]}"
        )
    return recording


def _read_sound_file(content: bytes, max_samples: int, max_seconds: float) -> Recording:
    try:
        with soundfile.SoundFile(io.BytesIO(content)) as sound:
            rate = int(sound.samplerate)
            _check_length(sound.frames, sound.channels, rate, max_samples, max_seconds)
            wave_TC = sound.read(dtype="float32", always_2d=True)
            return Recording(wave_TC.mean(axis=1), rate)
    except (soundfile.SoundFileError, RuntimeError, TypeError, ValueError) as error:
        raise DataError(
            "is not a sound file that can be read (WAV, FLAC, Ogg, MP3, ...); "
            "int16 PCM needs its rate in Hz"
        ) from error


def _check_length(
    frames: int, channels: int, rate: int, max_samples: int, max_seconds: float
) -> None:
    if frames * channels > max_samples:
        raise LargeSampleError(f"has more than {max_samples} samples")
    if frames > max_seconds * rate:
        raise LargeSampleError(f"lasts {frames / rate:.1f} s, at most {max_seconds:g} are allowed")


def encode_pcm(recording: Recording) -> bytes:
    """Return the wave as int16 little-endian PCM; what lies outside [-1, 1] is clipped."""
    scaled_T = np.rint(recording.wave_T.astype(np.float64) * 32768)
    return scaled_T.clip(-32768, 32767).astype("<i2").tobytes()


def sixteen_bits(recording: Recording) -> Recording:
    """Return a sound as data sets hold it: each sample a multiple of 1 / 32768 in [-1, 1)."""
    return decode_audio(encode_pcm(recording), recording.rate)


def decode_text(stored: Any, max_characters: int | None = None) -> str:
    """Return a text as it is.

    Raises:
        LargeSampleError: it has more than ``max_characters``.
        DataError: it is not a string, or no text that anybody writes: more than `MAX_MARKS`
            combining characters in a row.
    """
    if not isinstance(stored, str):
        raise DataError(f"must be a text, not {type(stored).__name__}")
    if max_characters is not None and len(stored) > max_characters:
        raise LargeSampleError(
            f"has {len(stored)} characters, at most {max_characters} are allowed"
        )
    marks = 0
    for character in "" if stored.isascii() else stored:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks > MAX_MARKS:
            raise DataError(f"has more than {MAX_MARKS} combining characters in a row")
    return stored
