"""Checkpoints of a training whose network is cut into stages.

Each worker writes its own stage, so that none needs memory for what optimizers remember of others'.
When all have written, the first one says so in a file of its own. Two sets of files take turns, so
that the older one counts until the newer one is whole. What is kept has the names of the layers:
another cut, or another number of workers, can go on with it.
"""

import json
from collections.abc import Mapping
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, distributed, nn

from brainray.errors import TrainingError
from brainray.training.checkpoint import UNREADABLE, Checkpoints, Reached
from brainray.training.exchange import Effort
from brainray.training.replica import like

WEIGHTS, MOMENTS = "weights/", "moments/"


class StageCheckpoint:
    """One worker's part of the checkpoint of a training in stages.

    All workers of the default group make it for the same training, and call the same methods in
    the same order.
    """

    def __init__(
        self,
        checkpoints: Checkpoints,
        name: str,
        stage: nn.Module,
        optimizer: torch.optim.Optimizer | None,
    ) -> None:
        """Keep what is written and read.

        Args:
            checkpoints: to which it belongs; when it is time is what the first worker says.
            name: of the training, unlike that of any other one that is kept in the same place.
            stage: this worker's layers, under the names that they have in the network.
            optimizer: of the stage's parameters; None if it has none.
        """
        self._checkpoints, self._name = checkpoints, name
        self._stage, self._optimizer = stage, optimizer
        self._rank = distributed.get_rank()
        self._set = 1

    def note(self, epochs: int) -> None:
        """Write where the training is, after so many epochs, if it is time."""
        due = torch.tensor(self._rank == 0 and self._checkpoints.due)
        distributed.broadcast(due, src=0)
        if not due:
            return
        self._set = 1 - self._set
        self._checkpoints.place.write(self._part(self._set, self._rank), self._packed())
        distributed.barrier()
        if self._rank == 0:
            reached = {"epochs": epochs, "set": self._set, "stages": distributed.get_world_size()}
            self._checkpoints.keep(self._name, json.dumps(reached).encode())
            self._checkpoints.write()

    def resume(self) -> Reached:
        """Bring the stage to where the training was; the beginning if nothing is kept.

        A damaged checkpoint is as good as none, for training makes it again.

        Returns:
            The epochs that have ended; what they cost is not kept.

        Raises:
            TrainingError: what is kept is not of this network.
        """
        said: list[bytes | None] = [None]
        if self._rank == 0:
            self._checkpoints.begin()
            said = [self._checkpoints.place.read(self._name)]
        distributed.broadcast_object_list(said, src=0)
        if said[0] is None:
            return Reached(0, Effort())
        found = self._parsed(said[0])
        # All begin anew if one cannot read it: a store may answer one worker and not another.
        damaged = torch.tensor(int(found is None))
        distributed.all_reduce(damaged)
        if found is None or damaged > 0:
            return Reached(0, Effort(), anew=True)
        epochs, self._set, tensors = found
        try:
            missing = set(self._stage.state_dict()) - self._take(tensors)
        except (KeyError, ValueError, RuntimeError) as error:
            raise self._foreign(error) from error
        if missing:
            raise self._foreign(f"{min(missing)} is not in it")
        return Reached(epochs, Effort())

    def _packed(self) -> bytes:
        tensors = {WEIGHTS + name: value for name, value in self._stage.state_dict().items()}
        for name, parameter in self._stage.named_parameters():
            for moment, value in self._moments(parameter).items():
                if isinstance(value, Tensor):  # SGD has None before its first step
                    tensors[f"{MOMENTS}{moment}/{name}"] = value
        return safetensors.torch.save({name: value.contiguous() for name, value in tensors.items()})

    def _parsed(self, said: bytes) -> tuple[int, int, dict[str, Tensor]] | None:
        """Return the epochs, the set of files, and of these what belongs to this stage.

        None if one of the files is damaged or missing.
        """
        mine = set(self._stage.state_dict())
        own: dict[str, Tensor] = {}
        try:
            reached = json.loads(said)
            epochs, turn, stages = (int(reached[key]) for key in ("epochs", "set", "stages"))
            for number in range(stages):
                data = self._checkpoints.place.read(self._part(turn, number))
                if data is None:
                    return None
                own |= {
                    key: value
                    for key, value in safetensors.torch.load(data).items()
                    if _layer(key) in mine
                }
        except UNREADABLE:
            return None
        return epochs, turn, own

    def _take(self, tensors: Mapping[str, Tensor]) -> set[str]:
        """Take this stage's tensors; return which of its weights were there."""
        parameters, weights = dict(self._stage.named_parameters()), self._stage.state_dict()
        taken = set()
        for key, value in tensors.items():
            if key.startswith(WEIGHTS):
                weights[_layer(key)].copy_(value)
                taken.add(_layer(key))
            else:
                moment, _, name = key.removeprefix(MOMENTS).partition("/")
                self._moments(parameters[name])[moment] = like(value, parameters[name])
        return taken

    def _moments(self, parameter: nn.Parameter) -> dict[str, Any]:
        """Return what the optimizer remembers of a parameter, to be changed in place."""
        found: dict[str, Any] = {} if self._optimizer is None else self._optimizer.state[parameter]
        return found

    def _part(self, turn: int, number: int) -> str:
        return f"{self._name}-{turn}-{number}"

    def _foreign(self, why: object) -> TrainingError:
        return TrainingError(f"checkpoint {self._name}: is not of this network: {why}")


def _layer(key: str) -> str:
    """Return the name of the weight that a tensor belongs to."""
    if key.startswith(WEIGHTS):
        return key.removeprefix(WEIGHTS)
    return key.removeprefix(MOMENTS).partition("/")[2]
