"""Workers that leave and join: which group trains when, and what each goes on with.

A training is done by one group of workers after the other. When a worker leaves or joins, the
group ends and the next one, of those who are there then, goes on from the last checkpoint. That
is the state of an epoch's end, alike on all workers (`brainray.training.checkpoint`), and every
batch after it is shared out anew, by `Strategy.share` with the new number of workers. So nobody
waits for who has left, and no row is left out or counted twice. On Ray the groups are those of Ray
Train (`actors.training`); `brainray.training.elastic_simulation` has them in simulated time.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from brainray.errors import TrainingError
from brainray.training.options import whole


@dataclass(frozen=True)
class Change:
    """A worker that leaves or joins.

    Attributes:
        step: how many steps the training has come to when it happens.
        workers: that there are from then on, at least 0.
    """

    step: int
    workers: int


@dataclass(frozen=True)
class Stint:
    """What one group does of a training.

    Attributes:
        workers: of the group.
        first: the step that it begins with, an epoch's first.
        stop: the step before which it ends.
        kept: of the steps before ``stop``, those that the next group need not do again.
    """

    workers: int
    first: int
    stop: int
    kept: int


def group_size(there: int, fewest: int, most: int) -> int:
    """Return how many workers form a group, 0 if they have to wait for more.

    Args:
        there: workers that could be had.
        fewest: with which training goes on.
        most: that it takes.

    Raises:
        TrainingError: fewest is more than most.
    """
    if fewest > most:
        raise TrainingError(f"fewest: {fewest} workers are more than most, {most}")
    return min(there, most) if there >= fewest else 0


def stints(
    steps: int,
    an_epoch: int,
    workers: int,
    changes: Sequence[Change] = (),
    epochs_between: int = 1,
) -> list[Stint]:
    """Return the groups of a training, in their order.

    Args:
        steps: of the training, whole epochs.
        an_epoch: steps of an epoch.
        workers: of the first group.
        changes: in the order in which they happen. One in which nobody is left lets the training
            wait for the next one. Steps are counted anew by each group, from what was kept: a
            change at a step that its group has passed or not come to is refused.
        epochs_between: two checkpoints.

    Raises:
        TrainingError: an argument is impossible, or nobody is there to end the training.
    """
    whole("steps", steps, 1, 1 << 40)
    whole("an_epoch", an_epoch, 1, steps)
    interval = an_epoch * whole("epochs_between", epochs_between, 1, steps)
    found: list[Stint] = []
    first, size = 0, workers
    for change in changes:
        if size > 0:
            if not first <= change.step < steps:
                raise TrainingError(
                    f"changes: step {change.step} is none of the group that does {first} to "
                    f"{steps - 1}"
                )
            kept = first + (change.step - first) // interval * interval
            found.append(Stint(size, first, change.step, kept))
            first = kept
        size = whole("workers", change.workers, 0, 1 << 20)
    if size == 0:
        raise TrainingError(f"changes: nobody is left after step {first} of {steps}")
    return [*found, Stint(size, first, steps, steps)]
