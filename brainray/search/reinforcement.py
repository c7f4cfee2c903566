"""Search by reinforcement learning: an LSTM writes codes, REINFORCE trains it (paper 3.1.2).

After Zoph and Le (ICLR 2017). When a batch of codes has values, the controller climbs

    mean(w (R - b) log p) + entropy * H

a few steps: R is the standard score of a value, b the moving average of earlier ones, H the
entropy, and w how much likelier the code has become since the batch began, clipped; w is 1 in the
first step, which is plain REINFORCE. What was told may differ from what was asked, because the
schedule repairs codes and drops repeats: log p is that of the code told.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Literal

from brainray.search.interface import Genome, Space
from brainray.search.policy_gradient import Ascent, Options, advantages, importance, propose
from brainray.seeding import one_thread, torch_generator


class Reinforcement:
    """Draws codes from a controller that learns which ones are good.

    Args:
        space: what is searched.
        seed: of the run.
        batch, updates, rate, entropy, decay, clip, controllers, tanh_constant: see `Options`.

    Raises:
        SearchError: an argument is not allowed.
    """

    def __init__(
        self,
        space: Space,
        seed: int,
        batch: int = Options.batch,
        updates: int = Options.updates,
        rate: float = Options.rate,
        entropy: float = Options.entropy,
        decay: float = Options.decay,
        clip: float = Options.clip,
        controllers: Literal["one", "input"] = Options.controllers,
        tanh_constant: float = Options.tanh_constant,
    ) -> None:
        self._options = Options(
            batch, updates, rate, entropy, decay, clip, controllers, tanh_constant
        )
        self._space = space
        self._seed = seed
        self._controller = self._options.controller(space)
        self._ascent = Ascent(self._controller.initial(seed), rate)
        self._known: set[Genome] = set()
        self._genomes: list[Genome] = []
        self._values: list[float] = []
        self._learned = 0

    def ask(self, brood_index: int) -> Iterator[Genome]:
        """Yield codes that the controller writes, without end."""
        generator = torch_generator(self._seed, "reinforcement", brood_index)
        parameters = self._ascent.parameters
        return propose(self._controller, parameters, self._space, self._known, generator)

    def tell(self, genomes: Sequence[Genome], values: Sequence[float]) -> None:
        """Learn from each batch that is complete; failed codes (NaN) teach nothing."""
        self._known.update(genomes)
        for genome, value in zip(genomes, values, strict=True):
            if not math.isnan(value):
                self._genomes.append(genome)
                self._values.append(value)
        while self._learned + self._options.batch <= len(self._genomes):
            self._learned += self._options.batch
            with one_thread():
                self._learn()

    def _learn(self) -> None:
        """Climb a few steps by the newest batch."""
        how = self._options
        genomes = self._genomes[self._learned - how.batch : self._learned]
        gains_B = advantages(self._values[: self._learned], how.batch, how.decay)
        drawn_logs_B = self._controller.log_prob(self._ascent.parameters, genomes)
        for _ in range(how.updates):
            parameters = self._ascent.parameters
            logs_B = self._controller.log_prob(parameters, genomes)
            weights_B = importance(logs_B, drawn_logs_B, how.clip)
            self._ascent.step(
                self._controller.gradient(parameters, genomes, weights_B * gains_B, how.entropy)
            )
