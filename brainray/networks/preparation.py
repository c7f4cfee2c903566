"""The built-in preparations: from an image, a recording or a text to a network's input.

Each is a frozen dataclass whose fields are the options a network declares, so that the same
options always give the same input. All are pure functions of the raw sample.
"""

import re
import unicodedata
import zlib
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Any

import numpy as np
import torch
from PIL import Image
from scipy.signal import resample_poly
from torch.nn import functional

from brainray.errors import NetworkError
from brainray.networks import views
from brainray.networks.augmentation import warp_spectrograms
from brainray.shapes import FloatArray, IntArray, Modality, Raw, Recording

MAX_SIDE = 4096
"""The largest side of a picture; a declared preparation must not exhaust the memory."""

MIN_RATE, MAX_RATE = 1000, 384_000
"""Sampling rates in Hz: beyond them a recording's header is wrong, and resampling would be slow."""

LARGEST_TERM = 2000
"""Of the ratio of two sampling rates: resampling filters with 20 times as many coefficients."""

BUCKETS = 8192
"""Rows of the word tables of the built-in text networks; word numbers are below it."""

PADDING = 0
"""The word number of the places behind a text's end."""

# A word with its inner apostrophes, or one sign: a mark, an emoji, the # of a hashtag.
# U+FE0E and U+FE0F only choose how the sign before them is drawn.
_TOKEN = re.compile(r"\w+(?:['\u2019]\w+)*|[^\w\s\ufe0e\ufe0f]")


@dataclass(frozen=True)
class GreyImage:
    """An image as grey values in [0, 1], float32, shape `(1, size, size)`.

    Colors become ITU-R 601 luma (Pillow's mode ``L``). An image of another size is resized
    bilinearly to the square: its aspect ratio is not kept, and nothing is cut off.

    Attributes:
        size: height and width in pixels, 1 to 4096.
    """

    size: int = 28

    def __post_init__(self) -> None:
        check_whole("grey_image", "size", self.size, 1, MAX_SIDE)

    @property
    def modality(self) -> Modality:
        """Images."""
        return "image"

    @property
    def shape(self) -> tuple[int, ...]:
        """`(1, size, size)`."""
        return (1, self.size, self.size)

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32."""
        return np.dtype(np.float32)

    def prepare(self, raw: Raw) -> FloatArray:
        """Return the grey picture of a uint8 image `(H, W)` or `(H, W, 3)`.

        Raises:
            NetworkError: ``raw`` is no such image, or has no pixel.
        """
        if not isinstance(raw, np.ndarray):
            raise wrong_raw("grey_image", "a uint8 image (H, W) or (H, W, 3)", raw)
        grey_or_color = raw.ndim == 2 or (raw.ndim == 3 and raw.shape[2] == 3)
        if raw.dtype != np.uint8 or not grey_or_color or raw.size == 0:
            raise wrong_raw("grey_image", "a uint8 image (H, W) or (H, W, 3)", raw)
        image = Image.fromarray(raw).convert("L")
        if image.size != (self.size, self.size):
            image = image.resize((self.size, self.size), Image.Resampling.BILINEAR)
        return np.asarray(image, dtype=np.float32)[None] / np.float32(255)

    def weak_view(self, inputs: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Return shifted pictures."""
        return views.weak_pictures(inputs, generator)

    def strong_view(self, inputs: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Return distorted pictures; see `views.strong_pictures`."""
        return views.strong_pictures(inputs, generator)


@dataclass(frozen=True)
class LogSpectrogram:
    """A recording as a square picture of its loudness over frequency and time, in [0, 1].

    Short-time Fourier transform with a Hann window and a hop of a sixth of it, zeros before and
    after the recording; power in decibels below the recording's own maximum, so that a louder
    copy gives the same picture; 0 is ``range_db`` or more below it, and silence is 0 everywhere.
    Row 0 is 0 Hz, the last row ``rate / 2``. The columns span the whole recording: a short one
    is stretched by linear interpolation, a long one averaged.

    Attributes:
        size: height and width of the picture; the paper takes 112 (4.2.3).
        window: length of the window in samples; ``window // 2 + 1`` must be ``size``.
        rate: samples per second, in Hz; recordings of another rate are resampled.
        range_db: what is further below the maximum counts as silence, in decibels.
    """

    size: int = 112
    window: int = 222
    rate: int = 8000
    range_db: float = 80.0

    def __post_init__(self) -> None:
        check_whole("log_spectrogram", "size", self.size, 2, MAX_SIDE)
        check_whole("log_spectrogram", "window", self.window, 2, 2 * MAX_SIDE)
        check_whole("log_spectrogram", "rate", self.rate, MIN_RATE, MAX_RATE)
        if self.window // 2 + 1 != self.size:
            raise NetworkError(
                f"log_spectrogram: window {self.window} gives {self.window // 2 + 1} frequencies, "
                f"size {self.size} needs a window of {2 * self.size - 2}"
            )
        if type(self.range_db) not in (int, float) or not 0 < self.range_db <= 200:
            raise NetworkError(
                f"log_spectrogram: range_db must be above 0 and at most 200, not {self.range_db!r}"
            )

    @property
    def modality(self) -> Modality:
        """Recordings."""
        return "audio"

    @property
    def shape(self) -> tuple[int, ...]:
        """`(1, size, size)`: frequency up, time to the right."""
        return (1, self.size, self.size)

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32."""
        return np.dtype(np.float32)

    def prepare(self, raw: Raw) -> FloatArray:
        """Return the spectrogram of a `Recording`.

        Raises:
            NetworkError: ``raw`` is no recording, or an empty one, or not finite, or of an
                impossible sampling rate.
        """
        if not isinstance(raw, Recording):
            raise wrong_raw("log_spectrogram", "a Recording", raw)
        wave_T = torch.tensor(resampled(raw, self.rate))
        spectrum_HT = torch.stft(
            wave_T,
            self.window,
            hop_length=max(1, self.window // 6),
            window=torch.hann_window(self.window),
            center=True,
            pad_mode="constant",
            return_complex=True,
        )
        power_HT = spectrum_HT.abs().square()
        # The smallest normal number keeps silence from dividing 0 by 0.
        ratio_HT = power_HT / power_HT.max().clamp(min=torch.finfo(power_HT.dtype).tiny)
        floor = 10 ** (-self.range_db / 10)
        picture_HT = 1 + 10 * ratio_HT.clamp(min=floor).log10() / self.range_db
        picture_HW = _fit_width(picture_HT.clamp(0, 1), self.size)
        result: FloatArray = picture_HW[None].numpy()
        return result

    def augment(
        self, inputs: torch.Tensor, strength: float, generator: torch.Generator
    ) -> torch.Tensor:
        """Return the spectrograms of other voices and paces; see `warp_spectrograms`."""
        return warp_spectrograms(inputs, strength, generator)

    def weak_view(self, inputs: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Return spectrograms that are warped a little."""
        return views.weak_spectrograms(inputs, generator)

    def strong_view(self, inputs: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Return warped spectrograms with masked bands; see `views.strong_spectrograms`."""
        return views.strong_spectrograms(inputs, generator)


@dataclass(frozen=True)
class HashedWords:
    """A text as the numbers of its words, int64, shape `(tokens,)` (the hashing trick).

    The text is normalised (Unicode NFKC) and lower-cased. Each emoji and punctuation mark is a
    word; so is the # of a hashtag, whose word then counts as the same word elsewhere. A word's
    number is its CRC-32 folded into 1 to ``buckets - 1``; unequal words may share one. Places
    behind the end are 0, words beyond ``tokens`` are cut off.

    Attributes:
        tokens: the largest number of words, 1 to 4096.
        buckets: one more than the largest word number, 2 to 8192 (`BUCKETS`, the rows that the
            built-in text networks have).
    """

    tokens: int = 64
    buckets: int = BUCKETS

    def __post_init__(self) -> None:
        check_whole("hashed_words", "tokens", self.tokens, 1, MAX_SIDE)
        check_whole("hashed_words", "buckets", self.buckets, 2, BUCKETS)

    @property
    def modality(self) -> Modality:
        """Texts."""
        return "text"

    @property
    def shape(self) -> tuple[int, ...]:
        """`(tokens,)`."""
        return (self.tokens,)

    @property
    def dtype(self) -> np.dtype[Any]:
        """int64."""
        return np.dtype(np.int64)

    def prepare(self, raw: Raw) -> IntArray:
        """Return the word numbers of a text; an empty text is all `PADDING`.

        Raises:
            NetworkError: ``raw`` is no text.
        """
        if not isinstance(raw, str):
            raise wrong_raw("hashed_words", "a text", raw)
        words = _TOKEN.findall(unicodedata.normalize("NFKC", raw).lower())[: self.tokens]
        numbers_T = np.full(self.tokens, PADDING, dtype=np.int64)
        numbers_T[: len(words)] = [self._number(word) for word in words]
        return numbers_T

    def weak_view(self, inputs: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Return texts without a word here and there."""
        return views.fewer_words(inputs, views.WEAK_DROPOUT, PADDING, generator)

    def strong_view(self, inputs: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Return texts without many of their words."""
        return views.fewer_words(inputs, views.STRONG_DROPOUT, PADDING, generator)

    def _number(self, word: str) -> int:
        # JSON may carry half of a surrogate pair, which plain UTF-8 refuses.
        return 1 + zlib.crc32(word.encode("utf-8", "surrogatepass")) % (self.buckets - 1)


def _fit_width(picture_HT: torch.Tensor, width: int) -> torch.Tensor:
    """Bring a picture to ``width`` columns: interpolate when it has fewer, average when more."""
    if picture_HT.shape[1] < width:
        return functional.interpolate(picture_HT[None], size=width, mode="linear")[0]
    return functional.adaptive_avg_pool1d(picture_HT[None], width)[0]


def resampled(recording: Recording, rate: int) -> FloatArray:
    """Return the checked wave of a recording at another rate, shape `(T,)`, float32.

    Args:
        recording: of any rate.
        rate: wanted, in Hz.

    Raises:
        NetworkError: the recording is empty, not finite, or of an impossible sampling rate.
    """
    check_whole("recording", "rate", recording.rate, MIN_RATE, MAX_RATE)
    wave_T = np.asarray(recording.wave_T, dtype=np.float32)
    if wave_T.ndim != 1 or wave_T.size == 0 or not np.isfinite(wave_T).all():
        raise NetworkError(
            f"recording: wave must be at least one finite sample (T,), not {wave_T.shape}"
        )
    if recording.rate == rate:
        return wave_T
    # The filter is as long as the larger term of the ratio: odd rates are brought to the nearest
    # ratio of small terms, usual ones are exact.
    ratio = Fraction(rate, recording.rate).limit_denominator(
        max(LARGEST_TERM, ceil(recording.rate / rate))
    )
    wave_T = resample_poly(wave_T, ratio.numerator, ratio.denominator)
    return np.asarray(wave_T, dtype=np.float32)


def check_whole(owner: str, name: str, value: object, low: int, high: int) -> None:
    """Raise `NetworkError` unless an option is a whole number in a range."""
    if type(value) is not int or not low <= value <= high:
        raise NetworkError(
            f"{owner}: {name} must be a whole number from {low} to {high}, not {value!r}"
        )


def wrong_raw(preparation: str, wanted: str, raw: Raw) -> NetworkError:
    """Return the error for a sample of the wrong kind."""
    given = type(raw).__name__
    if isinstance(raw, np.ndarray):
        given = f"{raw.dtype} of shape {raw.shape}"
    return NetworkError(f"{preparation}: takes {wanted}, not {given}")
