"""From an image of any size to the input of a detector, and from its boxes back."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from brainray.networks.detectors.interface import Floats
from brainray.networks.detectors.spec import Input
from brainray.shapes import Array


@dataclass(frozen=True)
class Placement:
    """Where an image lies in the input of a detector.

    Attributes:
        scale_x: pixels of the input for one of the image.
        scale_y: the same downward.
        left: pixels of the input beside the image.
        top: pixels of the input above the image.
    """

    scale_x: float
    scale_y: float
    left: int
    top: int

    def to_image(self, boxes_K4: Floats) -> Floats:
        """Return boxes of the input, left, top, right, bottom, in pixels of the image."""
        offset_4 = np.array([self.left, self.top] * 2)
        scale_4 = np.array([self.scale_x, self.scale_y] * 2)
        moved: Floats = (boxes_K4 - offset_4) / scale_4
        return moved


def prepare(image_HWC: Array, wanted: Input) -> tuple[Array, Placement]:
    """Return an image as a detector takes it, and where it lies there.

    It is scaled bilinearly, where smaller over all pixels that fall together.

    Args:
        image_HWC: RGB, uint8.
        wanted: size, order, scale and type of the input.

    Returns:
        the input, of shape `(1, 3, height, width)` or `(1, height, width, 3)`, or without the 1.
    """
    height, width = image_HWC.shape[:2]
    scale_x, scale_y = wanted.width / width, wanted.height / height
    if wanted.fit != "stretch":
        scale_x = scale_y = min(scale_x, scale_y)
    size_x = max(1, round(width * scale_x))
    size_y = max(1, round(height * scale_y))
    scaled = Image.fromarray(image_HWC).resize((size_x, size_y), Image.Resampling.BILINEAR)
    left = top = 0
    if wanted.fit == "letterbox":
        left, top = (wanted.width - size_x) // 2, (wanted.height - size_y) // 2
    placed_HWC = np.full((wanted.height, wanted.width, 3), wanted.fill, dtype=np.uint8)
    placed_HWC[top : top + size_y, left : left + size_x] = np.asarray(scaled)
    if wanted.channels == "bgr":
        placed_HWC = placed_HWC[:, :, ::-1]
    if wanted.layout == "channels_first":
        input_1 = np.empty((1, 3, wanted.height, wanted.width), dtype=np.float32)
        input_HWC = input_1[0].transpose(1, 2, 0)
    else:
        input_1 = np.empty((1, wanted.height, wanted.width, 3), dtype=np.float32)
        input_HWC = input_1[0]
    for channel in range(3):  # twice as fast as all at once
        mean, deviation = np.float32(wanted.mean[channel]), np.float32(wanted.deviation[channel])
        input_HW = input_HWC[:, :, channel]
        np.subtract(placed_HWC[:, :, channel], mean, out=input_HW)
        input_HW /= deviation
    placement = Placement(size_x / width, size_y / height, left, top)
    typed_1 = input_1.astype(wanted.dtype, copy=False)
    return (typed_1 if wanted.batch else typed_1[0]), placement
