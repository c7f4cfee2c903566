"""Made-up people who walk on lines, and made-up detectors: a scenario's data where there are none.

What is measured on them says that the parts work, nothing about real videos.
"""

from dataclasses import dataclass

import numpy as np

from brainray.seeding import numpy_generator
from brainray.tracking.rows import Rows
from brainray.tracking.sequences import LabelledSequence, labelled

WIDTH, HEIGHT = 960, 540
FRAMES, PEOPLE, SEQUENCES = 80, 9, 3


@dataclass(frozen=True)
class MadeUpDetector:
    """How well it sees.

    Attributes:
        seen: how likely a person is found, 0 to 1.
        jitter: standard deviation of a box's edges, in its sizes.
        false: boxes a frame, on average, where nobody is.
        sure: mean score of a true box; false ones have .25 less.
    """

    seen: float
    jitter: float
    false: float
    sure: float


DETECTORS = {
    "sharp": MadeUpDetector(0.9, 0.02, 0.6, 0.75),
    "eager": MadeUpDetector(0.96, 0.05, 3.0, 0.6),
    "shy": MadeUpDetector(0.6, 0.02, 0.1, 0.85),
}


def walkers() -> list[LabelledSequence]:
    """Return three sequences of nine walking people, each as three detectors see it."""
    return [_sequence(f"walk-{number}") for number in range(1, SEQUENCES + 1)]


def _sequence(name: str) -> LabelledSequence:
    generator = numpy_generator(0, "walkers", name)
    frame, person = np.meshgrid(np.arange(FRAMES), np.arange(PEOPLE), indexing="ij")
    height_I = generator.uniform(90, 170, PEOPLE)
    start_I2 = generator.uniform((80, 60), (WIDTH - 80, HEIGHT - 60), (PEOPLE, 2))
    speed_I2 = generator.normal(0, 1, (PEOPLE, 2)) * (5, 0.6)
    center = start_I2[person] + speed_I2[person] * frame[:, :, None]
    high = height_I[person]
    wide = 0.4 * high
    boxes_N4 = np.stack(
        [center[:, :, 0] - wide / 2, center[:, :, 1] - high / 2, wide, high], axis=-1
    ).reshape(-1, 4)
    inside_N = (
        (boxes_N4[:, 0] > -20)
        & (boxes_N4[:, 0] + boxes_N4[:, 2] < WIDTH + 20)
        & (boxes_N4[:, 1] > -20)
        & (boxes_N4[:, 1] + boxes_N4[:, 3] < HEIGHT + 20)
    )
    frames_N, ids_N = frame.ravel() + 1, person.ravel() + 1
    truth = Rows.of(frames_N, boxes_N4, ids_N=ids_N)[np.flatnonzero(inside_N)]
    found = {
        detector: _detected(truth, how, numpy_generator(0, "walkers", name, detector))
        for detector, how in DETECTORS.items()
    }
    return labelled(name, truth, found, (WIDTH, HEIGHT))


def _detected(truth: Rows, how: MadeUpDetector, generator: np.random.Generator) -> Rows:
    seen = truth[np.flatnonzero(generator.random(len(truth)) < how.seen)]
    size_N4 = seen.boxes_N4[:, [2, 3, 2, 3]]
    true_N4 = seen.boxes_N4 + generator.normal(0, how.jitter, size_N4.shape) * size_N4
    count = generator.poisson(how.false * FRAMES)
    left_M, top_M = generator.uniform(0, WIDTH - 60, count), generator.uniform(0, HEIGHT, count)
    high_M = generator.uniform(90, 170, count)
    false_M4 = np.column_stack([left_M, top_M, 0.4 * high_M, high_M])
    scores = np.concatenate(
        [
            generator.normal(how.sure, 0.12, len(seen)),
            generator.normal(how.sure - 0.25, 0.12, count),
        ]
    )
    return Rows.of(
        np.concatenate([seen.frames_N, generator.integers(1, FRAMES + 1, count)]),
        np.concatenate([true_N4, false_M4]).round(2),
        scores.clip(0.01, 0.99).round(3),
    )
