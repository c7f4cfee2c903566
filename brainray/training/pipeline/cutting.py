"""Cuts a chain of layers into stages, so that the slowest stage is as fast as possible.

A pipeline goes on at the pace of its slowest stage; so the largest sum of seconds of a stage is
minimised, by dynamic programming over all cuts into contiguous stages, as PipeDream does
(Narayanan et al., SOSP 2019, section 3.1; here without replicas of stages and without the time
on the wire). A cut in which a stage needs more bytes than a worker has is not taken.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from operator import itemgetter
from typing import Literal, TypeAlias

from brainray.errors import TrainingError
from brainray.training.options import one_of, whole

ScheduleName: TypeAlias = Literal["1f1b", "gpipe"]
Cut: TypeAlias = tuple[range, ...]
"""The layers of each stage: contiguous, none empty, all layers in their order."""


@dataclass(frozen=True)
class LayerCost:
    """What a layer costs; see `brainray.training.pipeline.measuring.measure`.

    Attributes:
        name: for errors, e.g. ``layer 3 (Linear)``.
        seconds: forward and backward, of a microbatch.
        state_bytes: parameters, buffers, gradients and the optimizer's state.
        activation_bytes: what the forward of a microbatch keeps for its backward.
        output_bytes: of a microbatch.
    """

    name: str
    seconds: float
    state_bytes: int
    activation_bytes: int
    output_bytes: int


@dataclass(frozen=True)
class Flow:
    """In which order microbatches go through the stages.

    Attributes:
        microbatches: of a batch, at least 1.
        schedule: ``gpipe`` computes all forwards, then all backwards (Huang et al., NeurIPS
            2019); ``1f1b`` lets each stage take turns as soon as it can (PipeDream-Flush,
            Narayanan et al., ICML 2021), as fast and with fewer activations kept.
    """

    microbatches: int
    schedule: ScheduleName = "1f1b"

    def __post_init__(self) -> None:
        whole("microbatches", self.microbatches, 1, 1 << 20)
        one_of("schedule", self.schedule, "1f1b", "gpipe")

    def microbatch_rows(self, batch_rows: int) -> int:
        """Return the rows of a microbatch; the last one of a batch may have fewer."""
        return -(-batch_rows // self.microbatches)

    def in_flight(self, stage: int, stages: int) -> int:
        """Return of how many microbatches a stage keeps activations at a time."""
        return self.sent(stages) if self.schedule == "gpipe" else stages - stage

    def sent(self, stages: int) -> int:
        """Return how many microbatches go through the stages for a batch.

        ``1f1b`` needs as many as stages, and fills up those that a batch lacks.
        """
        return max(self.microbatches, stages if self.schedule == "1f1b" else 1)


@dataclass(frozen=True)
class Chain:
    """The layers of a network in their order, and how microbatches flow through them."""

    layers: tuple[LayerCost, ...]
    flow: Flow

    def __post_init__(self) -> None:
        if not self.layers:
            raise TrainingError("layers: a network without layers cannot be cut")

    def seconds(self, part: range) -> float:
        """Return the time of a microbatch in these layers."""
        return self._seconds[part.stop] - self._seconds[part.start]

    def stage_bytes(self, part: range, stage: int, stages: int) -> int:
        """Return what a stage keeps on its worker.

        That is the layers' state; activations and output of the microbatches in flight; and for
        every microbatch the places for what neighbours send, an input and an output's gradient.
        An input that the first layer keeps, too, is counted twice. Not in it are the batch, what
        the loss keeps, and what a layer needs only while it computes.

        Args:
            part: the layers of this stage.
            stage: its number, from 0.
            stages: how many there are.
        """
        state = self._state[part.stop] - self._state[part.start]
        kept = self._activations[part.stop] - self._activations[part.start]
        output = self.layers[part.stop - 1].output_bytes
        received = self.layers[part.start - 1].output_bytes if stage > 0 else 0
        if stage < stages - 1:
            received += output
        in_flight = self.flow.in_flight(stage, stages)
        return state + in_flight * (kept + output) + self.flow.sent(stages) * received

    @cached_property
    def _seconds(self) -> list[float]:
        return list(accumulate((layer.seconds for layer in self.layers), initial=0.0))

    @cached_property
    def _state(self) -> list[int]:
        return list(accumulate((layer.state_bytes for layer in self.layers), initial=0))

    @cached_property
    def _activations(self) -> list[int]:
        return list(accumulate((layer.activation_bytes for layer in self.layers), initial=0))


def cut(chain: Chain, stages: int, limit_bytes: int | None = None) -> Cut:
    """Return the cut whose slowest stage takes the fewest seconds, of those that fit.

    Args:
        chain: the layers.
        stages: how many, from 1 to the number of layers.
        limit_bytes: what a worker has, at least 1; without it memory does not matter.

    Raises:
        TrainingError: no cut into so many stages fits, or an argument is impossible.
    """
    count = len(chain.layers)
    whole("stages", stages, 1, count)
    if limit_bytes is None:
        return _least_largest(count, stages, lambda stage, part: chain.seconds(part))[1]
    limit = whole("limit_bytes", limit_bytes, 1, 1 << 62)

    def seconds(stage: int, part: range) -> float:
        fits = chain.stage_bytes(part, stage, stages) <= limit
        return chain.seconds(part) if fits else math.inf

    slowest, parts = _least_largest(count, stages, seconds)
    if math.isinf(slowest):
        raise TrainingError(_why_none_fits(chain, stages, limit))
    return parts


def fewest_stages(chain: Chain, allowed: range, limit_bytes: int) -> int | None:
    """Return the first number of stages into which the layers can be cut so that all fit.

    Args:
        chain: the layers.
        allowed: the numbers that are tried, from 1 to the number of layers.
        limit_bytes: what a worker has.

    Returns:
        The number; None if none fits.
    """
    for stages in allowed:
        if max(_sizes(chain, _smallest(chain, stages))) <= limit_bytes:
            return stages
    return None


def _least_largest(
    layers: int, stages: int, value: Callable[[int, range], float]
) -> tuple[float, Cut]:
    """Return the cut whose largest value of a stage is smallest, and that value.

    After each round ``best[n]`` is the best cut of the first n layers into the stages so far.
    """
    best: dict[int, tuple[float, Cut]] = {0: (-math.inf, ())}
    for stage in range(stages):
        left = stages - stage - 1  # each of them takes a layer
        best = {
            stop: min(
                (
                    (max(largest, value(stage, range(start, stop))), (*before, range(start, stop)))
                    for start, (largest, before) in best.items()
                    if start < stop
                ),
                key=itemgetter(0),
            )
            for stop in range(stage + 1, layers - left + 1)
        }
    return best[layers]


def _smallest(chain: Chain, stages: int) -> Cut:
    """Return the cut whose largest stage needs the fewest bytes."""

    def size(stage: int, part: range) -> float:
        return chain.stage_bytes(part, stage, stages)

    return _least_largest(len(chain.layers), stages, size)[1]


def _sizes(chain: Chain, parts: Cut) -> list[int]:
    return [chain.stage_bytes(part, stage, len(parts)) for stage, part in enumerate(parts)]


def _why_none_fits(chain: Chain, stages: int, limit: int) -> str:
    """Return what is too large in the cut that comes nearest to the limit."""
    parts = _smallest(chain, stages)
    sizes = _sizes(chain, parts)
    stage = sizes.index(max(sizes))
    part = parts[stage]
    first, last = chain.layers[part.start].name, chain.layers[part.stop - 1].name
    return (
        f"stage {stage} of {stages} ({first if len(part) == 1 else f'{first} to {last}'}): needs "
        f"{sizes[stage]:,} bytes in the cut that needs least, limit_bytes is {limit:,}; "
        f"{_advice(chain, stages, limit)}"
    )


def _advice(chain: Chain, tried: int, limit: int) -> str:
    """Return the next number of stages that fits, or that there is none."""
    in_flight = chain.flow.in_flight(0, 1)  # as few as any stage has
    for layer in chain.layers:
        least = layer.state_bytes + in_flight * (layer.activation_bytes + layer.output_bytes)
        if least > limit:
            return f"{layer.name} needs {least:,} by itself, so no number of stages fits"
    stages = fewest_stages(chain, range(tried + 1, len(chain.layers) + 1), limit)
    if stages is not None:
        return f"{stages} stages fit"
    return "no larger number of stages fits: take smaller batches or a higher limit"
