from collections.abc import Callable

import numpy as np
import pytest

from brainray.seeding import numpy_generator
from brainray.tracking.rows import Rows


def walk(count: int, frames: int, seed: int = 0) -> Rows:
    """People who walk on lines of their own, each row with the identity of who it is."""
    generator = numpy_generator(seed, "walk")
    start_N2 = np.column_stack([generator.uniform(0, 800, count), 120.0 * np.arange(count)])
    way_N2 = np.column_stack([generator.uniform(-4, 4, count), np.zeros(count)])
    frame, person = np.meshgrid(np.arange(1, frames + 1), np.arange(count), indexing="ij")
    corners = start_N2[person] + way_N2[person] * frame[..., None]
    size = np.broadcast_to([40.0, 100.0], corners.shape)
    boxes_N4 = np.concatenate([corners, size], axis=-1).reshape(-1, 4)
    boxes_N4 = boxes_N4 + generator.normal(0, 0.5, boxes_N4.shape)
    scores_N = np.full(len(boxes_N4), 0.9)
    return Rows.of(frame.ravel(), boxes_N4, scores_N, person.ravel() + 1)


@pytest.fixture
def walkers() -> Callable[..., Rows]:
    return walk
