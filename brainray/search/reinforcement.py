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

from brainray.errors import SearchError
from brainray.search.controller import Controller
from brainray.search.interface import Genome, Space, above, at_least
from brainray.search.policy_gradient import Ascent, advantages, importance, propose
from brainray.seeding import one_thread, torch_generator


class Reinforcement:
    """Draws codes from a controller that learns which ones are good.

    Args:
        space: what is searched.
        seed: of the run.
        batch: codes that the controller learns from at once.
        updates: steps of each batch.
        rate: of learning, of Adam.
        entropy: weight of the entropy, which keeps the controller exploring.
        decay: of the moving baseline a code, in [0, 1).
        clip: the largest importance weight, at least 1.
        controllers: ``one`` writes all genes, or each ``input`` has one and all have the reward in
            common, see `Controller`.
        tanh_constant: bound of the logits, see `Controller`; 0 leaves them free.

    Raises:
        SearchError: an argument is not allowed.
    """

    def __init__(
        self,
        space: Space,
        seed: int,
        batch: int = 5,
        updates: int = 3,
        rate: float = 0.02,
        entropy: float = 0.01,
        decay: float = 0.95,
        clip: float = 2.0,
        controllers: Literal["one", "input"] = "one",
        tanh_constant: float = 0.0,
    ) -> None:
        at_least("reinforcement: batch", batch, 1)
        at_least("reinforcement: updates", updates, 1)
        at_least("reinforcement: entropy", entropy, 0)
        at_least("reinforcement: clip", clip, 1)
        above("reinforcement: rate", rate, 0)
        if not 0 <= decay < 1:
            raise SearchError(f"reinforcement: decay is {decay}, at least 0 and below 1 is needed")
        self._space = space
        self._seed = seed
        self._batch = batch
        self._updates = updates
        self._entropy = entropy
        self._decay = decay
        self._clip = clip
        self._controller = Controller(space, controllers, tanh_constant=tanh_constant)
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
        while self._learned + self._batch <= len(self._genomes):
            self._learned += self._batch
            with one_thread():
                self._learn()

    def _learn(self) -> None:
        """Climb a few steps by the newest batch."""
        genomes = self._genomes[self._learned - self._batch : self._learned]
        gains_B = advantages(self._values[: self._learned], self._batch, self._decay)
        drawn_logs_B = self._controller.log_prob(self._ascent.parameters, genomes)
        for _ in range(self._updates):
            parameters = self._ascent.parameters
            logs_B = self._controller.log_prob(parameters, genomes)
            weights_B = importance(logs_B, drawn_logs_B, self._clip)
            self._ascent.step(
                self._controller.gradient(parameters, genomes, weights_B * gains_B, self._entropy)
            )
