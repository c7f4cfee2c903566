"""The seam between an image and what finds objects in it.

Letters of shapes: M found objects, K candidates among which they are, C classes. A box is left,
top, right, bottom in pixels of the image; suffix ``4``. Found by name through the entry points
``brainray.detectors``.
"""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from brainray import plugins
from brainray.errors import DataError, NetworkError
from brainray.shapes import Array, IntArray

Floats: TypeAlias = NDArray[np.float64]
Tag: TypeAlias = Literal["one-stage", "two-stage"]
"""Whether boxes come straight from the image, or from regions proposed before."""


@dataclass(frozen=True)
class Found:
    """The objects in one image, surest first.

    Attributes:
        boxes_M4: left, top, right, bottom in pixels, inside the image, of a size above 0.
        scores_M: confidences, finite; 0 to 1 where the detector is a network.
        classes_M: indices into the detector's ``classes``.
    """

    boxes_M4: Floats
    scores_M: Floats
    classes_M: IntArray

    def __len__(self) -> int:
        return len(self.scores_M)


class Detector(ABC):
    """Finds objects in images, each for itself.

    Attributes:
        tags: one-stage or two-stage, for a choice among detectors.
        classes: names of what it knows, in the order of its indices.
    """

    tags: tuple[Tag, ...]
    classes: tuple[str, ...]

    def detect(self, image_HWC: Array) -> Found:
        """Return what is found in an image.

        Args:
            image_HWC: RGB, uint8, shape `(H, W, 3)`.

        Raises:
            DataError: it is no such image.
            NetworkError: the network gives what its description does not say.
        """
        if image_HWC.dtype != np.uint8 or image_HWC.shape[2:] != (3,) or image_HWC.size == 0:
            raise DataError(
                f"image of {image_HWC.dtype} and shape {image_HWC.shape}, allowed is RGB of uint8 "
                "and shape (H, W, 3)"
            )
        return _inside(self._detect(image_HWC), *image_HWC.shape[:2])

    @abstractmethod
    def _detect(self, image_HWC: Array) -> Found:
        """Do the work of `detect`; boxes may go beyond the image."""


def _inside(found: Found, height: int, width: int) -> Found:
    """Cut boxes at the border of the image and leave out those of which nothing remains."""
    boxes_M4 = found.boxes_M4.clip(0, [width, height, width, height])
    remains_M = (boxes_M4[:, 2:] > boxes_M4[:, :2]).all(axis=1)
    return Found(boxes_M4[remains_M], found.scores_M[remains_M], found.classes_M[remains_M])


def file_options(name: str) -> tuple[str, ...]:
    """Return the options of a detector that name files, e.g. ``weights``.

    Raises:
        PluginError: no detector has this name.
    """
    detector: Any = plugins.load("detectors", name)
    parameters = inspect.signature(detector, eval_str=True).parameters
    return tuple(
        option
        for option, parameter in parameters.items()
        if Path in (parameter.annotation, *get_args(parameter.annotation))
    )


def make_detector(name: str, options: Mapping[str, Any] | None = None) -> Detector:
    """Make a detector of ``brainray.detectors``.

    Args:
        name: of the entry point.
        options: keyword arguments of the detector beside its defaults, e.g. ``weights``.

    Raises:
        PluginError: no detector has this name.
        NetworkError: it has no such option, the option's value is not allowed or missing, or its
            files cannot be used.
    """
    detector: Any = plugins.load("detectors", name)
    parameters = inspect.signature(detector, eval_str=True).parameters
    checked = {}
    for option, value in (options or {}).items():
        what = f"{name}: {option}"
        if option not in parameters:
            raise NetworkError(f"{what} is no option, allowed are {', '.join(parameters)}")
        try:
            kind = TypeAdapter(parameters[option].annotation)
            checked[option] = kind.validate_python(value, strict=True)
        except ValidationError as error:
            raise NetworkError(f"{what} is {value!r}: {error.errors()[0]['msg']}") from error
    for option, parameter in parameters.items():
        if parameter.default is parameter.empty and option not in checked:
            raise NetworkError(f"{name}: {option} is missing, it has no default")
    made: Detector = detector(**checked)
    return made
