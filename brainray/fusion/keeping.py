"""Which of the networks that training passes through is kept."""

import copy
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from brainray.fusion.network import FusionNetwork

WORTH = "worth"


class BestEpoch:
    """Notes the network of the epoch that is worth most; of equal ones the first.

    The untrained network is one of them: it says what the calibrated evidence says, and on rows
    unlike those of training that may be better than anything learned from these.

    Args:
        network: that is being trained; noted now for the first time.
        value: of a network; a larger one is better.
    """

    def __init__(self, network: FusionNetwork, value: Callable[[FusionNetwork], float]) -> None:
        self._network, self._worth = network, value
        self.network = copy.deepcopy(network)
        self.value = value(self.network)

    def state(self) -> dict[str, Tensor]:
        """Return the best network's weights and what it is worth, for a checkpoint."""
        worth = torch.tensor(self.value, dtype=torch.float64)
        return {WORTH: worth, **self.network.state_dict()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what `state` returned."""
        self.value = float(state[WORTH])
        self.network.load_state_dict({k: v for k, v in state.items() if k != WORTH})

    def __call__(self, epoch: int) -> None:
        """Note what the network is after an epoch, if it is better than all before."""
        value = self._worth(self._network)
        if value > self.value:
            self.network, self.value = copy.deepcopy(self._network), value
