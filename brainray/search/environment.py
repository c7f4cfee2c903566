"""The search as a gymnasium environment, so that any agent can be tried on it.

An episode writes one code, a token an action, as the controller does: in a fusion space the depth
comes first, and the genes of levels that do not count are not written. The reward comes last::

    environment = CodeWriting(problem)
    observation_G, info = environment.reset(seed=0)
    while not ended:
        action = agent(observation_G, info["action_mask"])
        observation_G, reward, ended, _, info = environment.step(action)

G genes, A alleles of the gene that has most.
"""

import math
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from brainray.errors import SearchError
from brainray.search.interface import Brood, Problem
from brainray.search.stages import Stages
from brainray.seeding import derive
from brainray.shapes import IntArray

NOT_WRITTEN = -1


class CodeWriting(gymnasium.Env[IntArray, np.int64]):
    """Writes codes of a problem's space; a code is repaired before it is evaluated.

    An action is the next token, in `[0, A)`; ``info["action_mask"]``, int8 of shape `(A,)`, is 1
    for those that the next gene has and its prior allows. An observation is what is written, in the
    order of writing: int64 of shape `(G,)`, -1 for what is not written. The reward is 0 until the
    code is complete, then its value; ``info["genome"]`` has the repaired code.

    Args:
        problem: gives the space and the values.
        seed: of the evaluations; that of a code does not depend on when it is written.
        penalty: the reward of a code that fails, and of a token that the mask rules out, which
            ends the episode.
    """

    def __init__(self, problem: Problem, seed: int = 0, penalty: float = -1.0) -> None:
        self._problem = problem
        self._seed = seed
        self._penalty = penalty
        self._space = problem.space
        self._stages = Stages.of(self._space)
        self._order = self._stages.written
        self._most = most = max(len(gene.alleles) for gene in self._space.genes)
        self.action_space = spaces.Discrete(most)
        shape = (len(self._order),)
        self.observation_space = spaces.Box(NOT_WRITTEN, most - 1, shape, np.int64)
        self._tokens: list[int] = []

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[IntArray, dict[str, Any]]:
        """Begin a new code; nothing here is random, and there are no options."""
        super().reset(seed=seed)
        self._tokens = []
        return self._observed(), {"action_mask": self._mask()}

    def step(self, action: np.int64) -> tuple[IntArray, float, bool, bool, dict[str, Any]]:
        """Write a token; return observation, reward, whether it ended, False, and the mask.

        Raises:
            SearchError: the action is none of the action space.
        """
        if not self.action_space.contains(action):
            raise SearchError(f"action {action!r}: allowed are the integers 0 to {self._most - 1}")
        if not self._mask()[action]:
            return self._observed(), self._penalty, True, False, {"action_mask": self._mask()}
        self._tokens.append(int(action))
        info: dict[str, Any] = {"action_mask": self._mask()}
        ended = not info["action_mask"].any()
        reward = 0.0
        if ended:
            info["genome"] = self._space.repair(self._genome())
            seed = derive(self._seed, "environment", *info["genome"])
            (value,) = self._problem.evaluate(Brood(0, seed, (info["genome"],)))
            reward = self._penalty if math.isnan(value) else float(value)
        return self._observed(), reward, ended, False, info

    def _genome(self) -> tuple[int, ...]:
        """Return the code as far as it is written; other genes are 0."""
        genome = dict.fromkeys(range(len(self._order)), 0)
        genome |= dict(zip(self._order, self._tokens, strict=False))
        return tuple(genome.values())

    def _mask(self) -> NDArray[np.int8]:
        """Return which tokens may come next; none, when the code is complete."""
        mask_A = np.zeros(self._most, dtype=np.int8)
        number = len(self._tokens)
        if number < self._stages.count(self._genome()) or number == 0:
            gene = self._space.genes[self._order[number]]
            mask_A[: len(gene.alleles)] = np.asarray(gene.prior or (1,) * len(gene.alleles)) > 0
        return mask_A

    def _observed(self) -> IntArray:
        observed_G: IntArray = np.full(len(self._order), NOT_WRITTEN, dtype=np.int64)
        observed_G[: len(self._tokens)] = self._tokens
        return observed_G
