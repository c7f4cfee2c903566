"""What boxes of a picture look like: a vector each, by which someone is known again.

DeepSORT's appearance descriptor (Wojke et al., ICIP 2017, section 2.4), from any network in an ONNX
file: its last output, or the last tap of an uploaded one.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from brainray.errors import NetworkError
from brainray.networks.declared import Preparation
from brainray.networks.onnx_file import read_graph
from brainray.networks.onnx_graph import Graph, Tap
from brainray.networks.plain_input import ScaledImage
from brainray.shapes import Array

BATCH = 16
"""Boxes in a pass of the network."""
IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_DEVIATION = (58.395, 57.12, 57.375)
"""Of red, green and blue, 0 to 255: what networks in files are taken to expect."""


class Appearance:
    """A network that sees what is in a box.

    Args:
        graph: with the tap among its tensors.
        tap: whose features count.
        preparation: of a part of a picture.
    """

    def __init__(self, graph: Graph, tap: Tap, preparation: Preparation) -> None:
        self._graph, self._tap, self._preparation = graph, tap, preparation

    @classmethod
    def of_file(cls, path: Path) -> "Appearance":
        """Open an ONNX file that takes RGB pictures as networks of ImageNet do.

        Raises:
            NetworkError: it cannot be read, or takes something else.
        """
        try:
            model = read_graph(path.read_bytes())
            graph = Graph(model, [model.graph.output[-1].name])
        except OSError as error:
            raise NetworkError(f"appearance {path}: cannot be read: {error.strerror}") from error
        except NetworkError as error:
            raise NetworkError(f"appearance {path}: {error}") from error
        match graph.input.dimensions:
            case (_, 3, int(height), int(width)) if graph.input.dtype == np.float32:
                preparation = ScaledImage(
                    height, width, mean=IMAGENET_MEAN, deviation=IMAGENET_DEVIATION
                )
            case wrong:
                raise NetworkError(
                    f"appearance {path}: takes {graph.input.dtype} of shape {wrong}, allowed is "
                    "float32 (batch, 3, height, width); other networks come by a card in the "
                    "catalog"
                )
        (tap,) = graph.taps(np.zeros(preparation.shape, dtype=np.float32))
        return cls(graph, tap, preparation)

    def vectors(self, image_HWC: Array, boxes_M4: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what is in each box, `(M, D)`; zeros where it lies outside the picture.

        Args:
            image_HWC: RGB, uint8.
            boxes_M4: left, top, width, height in pixels.
        """
        vectors_MD = np.zeros((len(boxes_M4), self._tap.width))
        inside, samples = [], []
        for row, part_HWC in self._parts(image_HWC, boxes_M4):
            inside.append(row)
            samples.append(self._preparation.prepare(part_HWC))
        for start in range(0, len(inside), BATCH):
            value = self._graph.run_batch(np.stack(samples[start : start + BATCH]))[self._tap.name]
            value = value.reshape(len(value), *(self._tap.shape or (1,)))
            features = np.moveaxis(value, self._tap.axis, 1).reshape(len(value), self.width, -1)
            vectors_MD[inside[start : start + BATCH]] = features.mean(axis=2, dtype=np.float64)
        return vectors_MD

    @property
    def width(self) -> int:
        """How many numbers a vector has."""
        return self._tap.width

    @staticmethod
    def _parts(image_HWC: Array, boxes_M4: NDArray[np.float64]) -> Iterator[tuple[int, Array]]:
        height, width = image_HWC.shape[:2]
        near_M2 = np.floor(boxes_M4[:, :2]).clip(0)
        far_M2 = np.ceil(boxes_M4[:, :2] + boxes_M4[:, 2:]).clip(0, (width, height))
        corners_M4 = np.column_stack([near_M2, far_M2]).astype(np.int64)
        for row, (left, top, right, bottom) in enumerate(corners_M4):
            if left < right and top < bottom:
                yield row, image_HWC[top:bottom, left:right]
