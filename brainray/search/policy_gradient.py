"""REINFORCE with a baseline, from rewards to a step of the parameters (Williams 1992).

What a single process and asynchronous replicas have in common. N codes, P parameters.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from brainray.errors import SearchError
from brainray.search.controller import Controller
from brainray.search.interface import Genome, Space, above, at_least
from brainray.seeding import one_thread
from brainray.shapes import Array, FloatArray

BOUND = 3.0
"""Rewards are held within plus and minus this: some codes fail so badly that they would outweigh
all the rest."""
CHUNK = 16
"""Codes that are drawn at once."""
HEATING = 1.2
"""By how much the temperature grows when most of the codes drawn are known."""


@dataclass(frozen=True)
class Options:
    """How a controller learns.

    Attributes:
        batch: codes that it learns from at once.
        updates: steps of each batch.
        rate: of learning, of Adam.
        entropy: weight of the entropy, which keeps the controller exploring.
        decay: of the moving baseline a code, in [0, 1).
        clip: the largest importance weight, at least 1.
        controllers: ``one`` writes all genes, or each ``input`` has one and all have the reward in
            common, see `Controller`.
        tanh_constant: bound of the logits, see `Controller`; 0 leaves them free.

    Raises:
        SearchError: a value is not allowed.
    """

    batch: int = 5
    updates: int = 3
    rate: float = 0.02
    entropy: float = 0.01
    decay: float = 0.95
    clip: float = 2.0
    controllers: Literal["one", "input"] = "one"
    tanh_constant: float = 0.0

    def __post_init__(self) -> None:
        at_least("reinforcement: batch", self.batch, 1)
        at_least("reinforcement: updates", self.updates, 1)
        above("reinforcement: rate", self.rate, 0)
        at_least("reinforcement: entropy", self.entropy, 0)
        at_least("reinforcement: clip", self.clip, 1)
        if not 0 <= self.decay < 1:
            raise SearchError(
                f"reinforcement: decay is {self.decay}, at least 0 and below 1 is needed"
            )

    def controller(self, space: Space) -> Controller:
        """Return the controller of a space."""
        return Controller(space, self.controllers, tanh_constant=self.tanh_constant)


def advantages(values_N: Sequence[float], count: int, decay: float) -> FloatArray:
    """Return rewards minus baseline of the newest codes, float32 of shape `(count,)`.

    Rewards are standard scores over all values, so that their scale does not matter. The baseline
    is the exponential moving average of the rewards before the newest ones.

    Args:
        values_N: all values so far, the oldest first.
        count: how many of them are the newest.
        decay: of the baseline a code, in [0, 1).
    """
    values: Array = np.asarray(values_N, dtype=np.float64)
    deviation = max(float(values.std()), 1e-12)
    rewards_N = np.clip((values - values.mean()) / deviation, -BOUND, BOUND)
    before_N = rewards_N[: len(rewards_N) - count]
    ages_N = np.arange(len(before_N))[::-1]
    baseline = (1 - decay) * (decay**ages_N * before_N).sum()
    return np.asarray(rewards_N[len(before_N) :] - baseline, dtype=np.float32)


def importance(logs_N: FloatArray, drawn_logs_N: FloatArray, clip: float) -> FloatArray:
    """Return how much likelier codes are than when they were drawn, at most ``clip``.

    Truncated importance weights (Ionides 2008): they correct for parameters that have changed.
    """
    ratios_N = np.exp(np.minimum(logs_N - drawn_logs_N, np.log(clip)))
    return np.asarray(ratios_N, dtype=np.float32)


def propose(
    controller: Controller,
    parameters: FloatArray,
    space: Space,
    known: Collection[Genome],
    generator: torch.Generator,
) -> Iterator[Genome]:
    """Draw legal codes without end; the temperature grows as long as most of them are known."""
    heat = 1.0
    while True:
        with one_thread():
            drawn = controller.sample(parameters, CHUNK, generator, heat)
        codes = [space.repair(code) for code in drawn]
        yield from codes
        if sum(code in known for code in codes) > CHUNK / 2:
            heat *= HEATING


class Ascent:
    """Climbs a gradient with Adam (Kingma and Ba, ICLR 2015); picklable.

    Args:
        parameters: where it begins, shape `(P,)`; copied.
        rate: of learning.
    """

    def __init__(self, parameters: FloatArray, rate: float) -> None:
        self._parameters = torch.tensor(parameters)
        self._optimizer = torch.optim.Adam([self._parameters], lr=rate, maximize=True)

    @property
    def parameters(self) -> FloatArray:
        """The current parameters, as a copy."""
        return np.array(self._parameters.numpy())

    def step(self, gradient: FloatArray) -> None:
        """Go one step along a gradient, shape `(P,)`."""
        self._parameters.grad = torch.tensor(gradient)
        self._optimizer.step()
