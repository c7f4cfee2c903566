"""Workers that leave and join, in simulated time; see `brainray.training.membership`."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from brainray.errors import TrainingError
from brainray.training.cluster import MOST_WORKERS, Cluster, Slowdown, check_slowdowns
from brainray.training.interface import Strategy
from brainray.training.membership import group_size
from brainray.training.options import at_least, number, whole
from brainray.training.simulation import check_effort, simulate_epochs


@dataclass(frozen=True)
class Left:
    """A worker fails or leaves.

    Attributes:
        at: when, in seconds, at least 0.
        worker: its number, from 0.

    Raises:
        TrainingError: one of them is impossible.
    """

    at: float
    worker: int

    def __post_init__(self) -> None:
        at_least("at", self.at, 0)
        whole("worker", self.worker, 0, MOST_WORKERS - 1)


@dataclass(frozen=True)
class Joined:
    """A worker joins. The first one gets the number after those of the cluster, and so on.

    Attributes:
        at: when, in seconds, at least 0.

    Raises:
        TrainingError: that is impossible.
    """

    at: float

    def __post_init__(self) -> None:
        at_least("at", self.at, 0)


@dataclass(frozen=True)
class GroupTime:
    """What one group did of a training.

    Attributes:
        members: the workers' numbers.
        first_epoch: that it began with.
        epochs: that it ended and the next group need not do again.
        begin: when it began to train, in seconds.
        end: when it ended.
        lost: seconds whose work the next group does again.
    """

    members: tuple[int, ...]
    first_epoch: int
    epochs: int
    begin: float
    end: float
    lost: float


@dataclass(frozen=True)
class Elasticity:
    """How a training takes up changes.

    Attributes:
        fewest: workers with which it goes on, at least 1; fewer wait for others.
        most: workers that it takes, from ``fewest`` to 1,024.
        restart_seconds: until a new group trains, at least 0.
        checkpoint_seconds: least time between two checkpoints, written at an epoch's end, at
            least 0; ``inf`` for none.

    Raises:
        TrainingError: one of them is impossible.
    """

    fewest: int = 1
    most: int = MOST_WORKERS
    restart_seconds: float = 0.0
    checkpoint_seconds: float = 0.0

    def __post_init__(self) -> None:
        whole("fewest", self.fewest, 1, MOST_WORKERS)
        whole("most", self.most, self.fewest, MOST_WORKERS)
        at_least("restart_seconds", self.restart_seconds, 0)
        number("checkpoint_seconds", self.checkpoint_seconds, 0, math.inf)


def simulate_groups(
    strategy: Callable[[], Strategy],
    cluster: Cluster,
    events: Sequence[Left | Joined],
    rows: int,
    batch_rows: int,
    epochs: int,
    elasticity: Elasticity | None = None,
) -> list[GroupTime]:
    """Run a strategy in simulated time on workers that leave and join.

    Args:
        strategy: makes a new instance for each worker.
        cluster: the workers at the beginning. Its slowdowns may be of those, too, that join.
        events: in any order.
        rows: of an epoch, at least 1.
        batch_rows: of a step, on all workers together, at least 1.
        epochs: how many, at least 1.
        elasticity: how changes are taken up.

    Returns:
        The groups in their order; the last one ends the training.

    Raises:
        TrainingError: an argument or an event is impossible, or too few workers are left for
            ever.
    """
    check_effort(rows, batch_rows, epochs)
    joined = sum(isinstance(event, Joined) for event in events)
    check_slowdowns(cluster.slowdowns, cluster.workers + joined)
    how = elasticity or Elasticity()
    groups: list[GroupTime] = []
    epoch = 0
    timeline = _timeline(cluster.workers, events, how)
    ends = [at for at, _ in timeline[1:]] + [float("inf")]
    for (begin, numbers), until in zip(timeline, ends, strict=True):
        begin += how.restart_seconds if groups else 0.0
        if not numbers or begin >= until:
            continue
        part = _of(cluster, numbers, begin)
        times = simulate_epochs(strategy, part, rows, batch_rows, epochs - epoch).epochs
        groups.append(_until(numbers, list(accumulate(times)), epoch, begin, until, how))
        epoch += groups[-1].epochs
        if epoch == epochs:
            return groups
    raise TrainingError(f"events: too few workers are left, {how.fewest} are needed")


def _timeline(
    workers: int, events: Sequence[Left | Joined], how: Elasticity
) -> list[tuple[float, tuple[int, ...]]]:
    """Return from when on which workers form the group; nobody, if they have to wait."""
    members, next_number = list(range(workers)), workers
    found = [(0.0, tuple(members[: group_size(workers, how.fewest, how.most)]))]
    for event in sorted(events, key=lambda event: event.at):
        if isinstance(event, Joined):
            members.append(next_number)
            next_number += 1
        elif event.worker in members:
            members.remove(event.worker)
        else:
            raise TrainingError(f"events: worker {event.worker} is not there at {event.at} s")
        group = tuple(members[: group_size(len(members), how.fewest, how.most)])
        if group != found[-1][1]:  # one too many changes nothing
            found.append((event.at, group))
    return found


def _of(cluster: Cluster, numbers: tuple[int, ...], begin: float) -> Cluster:
    """Return the cluster of a group, whose time begins at 0."""
    slowdowns = [
        Slowdown(numbers.index(slow.worker), slow.times, slow.start - begin, slow.end - begin)
        for slow in cluster.slowdowns
        if slow.worker in numbers
    ]
    return replace(cluster, workers=len(numbers), slowdowns=tuple(slowdowns))


def _until(
    numbers: tuple[int, ...],
    ends: list[float],
    first_epoch: int,
    begin: float,
    until: float,
    how: Elasticity,
) -> GroupTime:
    """Return what a group whose epochs would end at these times did until it was ended."""
    if begin + ends[-1] <= until:
        return GroupTime(numbers, first_epoch, len(ends), begin, begin + ends[-1], 0.0)
    kept, written = 0, 0.0
    for done, end in enumerate(ends, start=1):
        if begin + end > until:
            break
        if end - written >= how.checkpoint_seconds:
            kept, written = done, end
    return GroupTime(numbers, first_epoch, kept, begin, until, until - begin - written)
