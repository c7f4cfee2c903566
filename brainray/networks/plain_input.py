"""Preparations for networks that were trained elsewhere: scaled pixels and a plain wave.

As in `brainray.networks.preparation`, each is a frozen dataclass whose fields are the options.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from brainray.errors import NetworkError
from brainray.networks import views
from brainray.networks.preparation import (
    MAX_RATE,
    MAX_SIDE,
    MIN_RATE,
    check_whole,
    resampled,
    wrong_raw,
)
from brainray.shapes import FloatArray, Modality, Raw, Recording

CHANNELS = {"rgb": 3, "bgr": 3, "grey": 1}
LAYOUTS = ("first", "last")
MAX_SAMPLES = 10_000_000


@dataclass(frozen=True)
class ScaledImage:
    """An image as ``(pixel - mean) / deviation``, float32; pixels lie in 0 to 255.

    An image of another size is resized bilinearly: its aspect ratio is not kept, nothing is cut
    off. A grey image has three equal colors; colors become grey by ITU-R 601 luma.

    Attributes:
        height: in pixels, 1 to 4096.
        width: in pixels, 1 to 4096.
        channels: their order: ``rgb``, ``bgr`` or ``grey``.
        layout: ``first`` gives `(channels, height, width)`, ``last`` `(height, width, channels)`.
        mean: of a channel, or one a channel, in its order.
        deviation: above 0; of a channel, or one a channel, in its order.
    """

    height: int = 224
    width: int = 224
    channels: str = "rgb"
    layout: str = "first"
    mean: float | Sequence[float] = 0.0
    deviation: float | Sequence[float] = 255.0

    def __post_init__(self) -> None:
        check_whole("scaled_image", "height", self.height, 1, MAX_SIDE)
        check_whole("scaled_image", "width", self.width, 1, MAX_SIDE)
        for name, allowed in (("channels", tuple(CHANNELS)), ("layout", LAYOUTS)):
            if (value := getattr(self, name)) not in allowed:
                raise NetworkError(
                    f"scaled_image: {name} must be one of {', '.join(allowed)}, not {value!r}"
                )
        for name in ("mean", "deviation"):
            self._check_numbers(name)

    @property
    def modality(self) -> Modality:
        """Images."""
        return "image"

    @property
    def shape(self) -> tuple[int, ...]:
        """`(channels, height, width)` or `(height, width, channels)`."""
        channels = CHANNELS[self.channels]
        if self.layout == "first":
            return (channels, self.height, self.width)
        return (self.height, self.width, channels)

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32."""
        return np.dtype(np.float32)

    def prepare(self, raw: Raw) -> FloatArray:
        """Return the scaled picture of a uint8 image `(H, W)` or `(H, W, 3)`.

        Raises:
            NetworkError: ``raw`` is no such image, or has no pixel.
        """
        wanted = "a uint8 image (H, W) or (H, W, 3)"
        if not isinstance(raw, np.ndarray) or raw.dtype != np.uint8 or raw.size == 0:
            raise wrong_raw("scaled_image", wanted, raw)
        if raw.ndim != 2 and (raw.ndim != 3 or raw.shape[2] != 3):
            raise wrong_raw("scaled_image", wanted, raw)
        image = Image.fromarray(raw).convert("L" if self.channels == "grey" else "RGB")
        if image.size != (self.width, self.height):
            image = image.resize((self.width, self.height), Image.Resampling.BILINEAR)
        pixels_HWC = np.asarray(image, dtype=np.float32).reshape(self.height, self.width, -1)
        if self.channels == "bgr":
            pixels_HWC = pixels_HWC[:, :, ::-1]
        mean_C = np.asarray(self.mean, dtype=np.float32)
        scaled_HWC = (pixels_HWC - mean_C) / np.asarray(self.deviation, dtype=np.float32)
        picture = scaled_HWC.transpose(2, 0, 1) if self.layout == "first" else scaled_HWC
        return np.ascontiguousarray(picture, dtype=np.float32)

    def weak_view(self, inputs: Tensor, generator: torch.Generator) -> Tensor:
        """Return shifted pictures."""
        return self._viewed(views.weak_pictures, inputs, generator)

    def strong_view(self, inputs: Tensor, generator: torch.Generator) -> Tensor:
        """Return distorted pictures; see `views.strong_pictures`."""
        return self._viewed(views.strong_pictures, inputs, generator)

    def _viewed(
        self,
        view: Callable[[Tensor, torch.Generator], Tensor],
        inputs: Tensor,
        generator: torch.Generator,
    ) -> Tensor:
        if self.layout == "first":
            return view(inputs, generator)
        return view(inputs.permute(0, 3, 1, 2), generator).permute(0, 2, 3, 1)

    def _check_numbers(self, name: str) -> None:
        value = getattr(self, name)
        numbers = list(value) if isinstance(value, list | tuple) else [value]
        right = all(type(number) in (int, float) and isfinite(number) for number in numbers)
        if not right or len(numbers) not in (1, CHANNELS[self.channels]):
            raise NetworkError(
                f"scaled_image: {name} must be one number or one a channel of {self.channels}, "
                f"not {value!r}"
            )
        if name == "deviation" and min(numbers) <= 0:
            raise NetworkError(f"scaled_image: deviation must be above 0, not {value!r}")


@dataclass(frozen=True)
class Waveform:
    """The beginning of a recording as its plain wave, float32, shape `(samples,)`.

    A shorter recording is followed by zeros.

    Attributes:
        samples: how many, 1 to 10,000,000.
        rate: samples per second, in Hz; recordings of another rate are resampled.
        scale: of the largest value; 32768 for networks that take 16-bit samples as floats.
    """

    samples: int = 16_000
    rate: int = 16_000
    scale: float = 1.0

    def __post_init__(self) -> None:
        check_whole("waveform", "samples", self.samples, 1, MAX_SAMPLES)
        check_whole("waveform", "rate", self.rate, MIN_RATE, MAX_RATE)
        if type(self.scale) not in (int, float) or not 0 < self.scale <= 2**31:
            raise NetworkError(
                f"waveform: scale must be above 0 and at most 2**31, not {self.scale!r}"
            )

    @property
    def modality(self) -> Modality:
        """Recordings."""
        return "audio"

    @property
    def shape(self) -> tuple[int, ...]:
        """`(samples,)`."""
        return (self.samples,)

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32."""
        return np.dtype(np.float32)

    def prepare(self, raw: Raw) -> FloatArray:
        """Return the wave of a `Recording`.

        Raises:
            NetworkError: ``raw`` is no recording, or an empty one, or not finite, or of an
                impossible sampling rate.
        """
        if not isinstance(raw, Recording):
            raise wrong_raw("waveform", "a Recording", raw)
        wave_T = np.zeros(self.samples, dtype=np.float32)
        heard_T = resampled(raw, self.rate)[: self.samples]
        wave_T[: len(heard_T)] = heard_T * np.float32(self.scale)
        return wave_T
