"""What a decoder makes of a network's outputs."""

from dataclasses import dataclass

from brainray.errors import NetworkError
from brainray.networks.detectors.interface import Floats
from brainray.shapes import IntArray


@dataclass(frozen=True)
class Candidates:
    """Perhaps objects.

    Attributes:
        boxes_K4: left, top, right, bottom in pixels of the network's input.
        scores_K: confidences.
        classes_K: indices.
    """

    boxes_K4: Floats
    scores_K: Floats
    classes_K: IntArray


def expect(what: str, value: object, allowed: object) -> None:
    """Raise `NetworkError` unless a value is what the spec allows."""
    if value != allowed:
        raise NetworkError(f"{what}: {value}, by the spec {allowed}")
