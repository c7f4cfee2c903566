"""What a raw sample is, and the letters that name dimensions.

B batch, T time (samples of a wave or tokens of a text), C channels or classes, H height,
W width, D width of a tap, P candidates of a brood, L levels of a fusion network, N rows.
A suffix tells the shape: ``image_BCHW``, ``wave_T``, ``taps_BD``.
"""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Modality: TypeAlias = Literal["image", "audio", "text"]
MODALITIES: tuple[Modality, ...] = ("image", "audio", "text")

Array: TypeAlias = NDArray[Any]
FloatArray: TypeAlias = NDArray[np.float32]
IntArray: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True)
class Recording:
    """A mono sound.

    Attributes:
        wave_T: samples in [-1, 1], float32, shape `(T,)`.
        rate: samples per second, in Hz.
    """

    wave_T: FloatArray
    rate: int


Raw: TypeAlias = Array | Recording | str
"""One sample as people know it: a uint8 image `(H, W)` or `(H, W, 3)`, a Recording, a text."""
