"""Checkpoints of a training: where it was at an epoch's end, to go on from there.

All workers have the same weights then (`brainray.training.interface.Strategy.pause`), so what the
first one has is enough, and any number of workers can go on with it. It alone writes and reads;
what it has read it shares with the others, so that all go on from the same epoch.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Protocol

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from brainray.errors import TrainingError
from brainray.training.exchange import Effort
from brainray.training.interface import Communicator
from brainray.training.mergers import SUM
from brainray.training.replica import NetworkReplica

PROGRESS, PARAMETERS = "progress", "parameters"
MOMENTS, BUFFERS, BESIDE = "moments/", "buffers/", "beside/"
CUT_TO_NOTHING = b"\0"
"""What is shared of an empty file, which is as unreadable: no byte at all is no file."""
UNREADABLE = (SafetensorError, KeyError, ValueError, TypeError)
"""What safetensors and JSON make of bytes that are none."""


class Place(Protocol):
    """Keeps files by name, each whole or not at all, where every worker can read them."""

    def read(self, name: str) -> bytes | None:
        """Return a file, None if there is none."""

    def write(self, name: str, data: bytes) -> None:
        """Write a file; it takes the place of an older one."""


class Beside(Protocol):
    """Something that changes from epoch to epoch beside the network."""

    def state(self) -> dict[str, Tensor]:
        """Return what it is now."""

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Become what `state` returned."""


@dataclass
class Checkpoints:
    """The checkpoints of trainings that come one after the other.

    One that has ended is kept in memory until the next time something is written, so that what
    is lost is never more than this time, or one epoch if that takes longer.

    Attributes:
        place: where they are kept.
        seconds: between two times of writing, at least 0.
        clock: that measures them.
    """

    place: Place
    seconds: float
    clock: Callable[[], float] = time.monotonic
    _ended: dict[str, bytes] = field(default_factory=dict)
    _last: float | None = None

    def begin(self) -> None:
        """Measure time from the first training on: not before, perhaps on another machine."""
        if self._last is None:
            self._last = self.clock()

    def keep(self, name: str, data: bytes) -> None:
        """Keep the state of a training that has ended, to be written with the next one."""
        self._ended[name] = data

    @property
    def due(self) -> bool:
        """Whether it is time to write."""
        return self._last is None or self.clock() - self._last >= self.seconds

    def write(self) -> None:
        """Write what is kept."""
        for name, data in self._ended.items():
            self.place.write(name, data)
        self._ended.clear()
        self._last = self.clock()


@dataclass(frozen=True)
class Reached:
    """How far a training has come.

    Attributes:
        epochs: that have ended.
        effort: what they cost the first worker.
        anew: whether what was kept was damaged, so that the training begins anew.
    """

    epochs: int
    effort: Effort
    anew: bool = False


@dataclass(frozen=True)
class Checkpoint:
    """The checkpoint of one training.

    Attributes:
        checkpoints: to which it belongs.
        name: of the training, unlike that of any other one that is kept in the same place.
        beside: what is to go on, too.
    """

    checkpoints: Checkpoints
    name: str
    beside: Beside | None = None

    def note(
        self, network: nn.Module, replica: NetworkReplica, reached: Reached, ended: bool
    ) -> None:
        """Write where the training is, if it is time; the first worker calls this.

        Args:
            network: with its buffers.
            replica: of it.
            reached: how far it has come.
            ended: whether the training has ended.
        """
        if not ended and not self.checkpoints.due:
            return
        self.checkpoints.keep(self.name, self._packed(network, replica, reached))
        if self.checkpoints.due:
            self.checkpoints.write()

    def resume(
        self, network: nn.Module, replica: NetworkReplica, communicator: Communicator
    ) -> Reached:
        """Bring the training to where it was; the beginning if nothing is kept.

        A damaged checkpoint is as good as none, for training makes it again. Every worker calls
        this.

        Raises:
            TrainingError: what is kept is not of this network.
        """
        data = b""
        if communicator.rank == 0:
            self.checkpoints.begin()
            found = self.checkpoints.place.read(self.name)
            data = b"" if found is None else found or CUT_TO_NOTHING
        data = _shared(data, communicator)
        if not data:
            return Reached(0, Effort())
        try:
            reached, tensors = _parsed(data)
        except UNREADABLE:
            return Reached(0, Effort(), anew=True)
        try:
            self._load(tensors, network, replica)
        except (KeyError, ValueError, RuntimeError) as error:
            raise TrainingError(
                f"checkpoint {self.name}: is not of this network: {error}"
            ) from error
        return reached

    def _packed(self, network: nn.Module, replica: NetworkReplica, reached: Reached) -> bytes:
        progress = json.dumps({"epochs": reached.epochs, "effort": asdict(reached.effort)}).encode()
        tensors = {
            PROGRESS: torch.frombuffer(bytearray(progress), dtype=torch.uint8),
            PARAMETERS: replica.parameters(),
            **{MOMENTS + name: value for name, value in replica.moments().items()},
            **{BUFFERS + name: value for name, value in network.named_buffers()},
        }
        if self.beside is not None:
            tensors |= {BESIDE + name: value for name, value in self.beside.state().items()}
        return safetensors.torch.save({name: t.contiguous() for name, t in tensors.items()})

    def _load(
        self, tensors: Mapping[str, Tensor], network: nn.Module, replica: NetworkReplica
    ) -> None:
        replica.load(tensors[PARAMETERS])
        replica.load_moments(_below(MOMENTS, tensors))
        kept = _below(BUFFERS, tensors)
        for name, buffer in network.named_buffers():
            buffer.copy_(kept[name])
        if self.beside is not None:
            self.beside.restore(_below(BESIDE, tensors))


def _parsed(data: bytes) -> tuple[Reached, dict[str, Tensor]]:
    """Return what a checkpoint's bytes say.

    Raises:
        Exception: one of `UNREADABLE`; they are damaged.
    """
    tensors = safetensors.torch.load(data)
    progress = json.loads(tensors[PROGRESS].numpy().tobytes())
    return Reached(progress["epochs"], Effort(**progress["effort"])), tensors


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }


def _shared(data: bytes, communicator: Communicator) -> bytes:
    """Return what the first worker gives; the others give nothing."""
    if communicator.size == 1:
        return data
    size = communicator.merge(torch.tensor([len(data)]), SUM)
    message = torch.zeros(int(size), dtype=torch.uint8)
    if len(data) > 0:
        message[:] = torch.frombuffer(bytearray(data), dtype=torch.uint8)
    if len(message) == 0:
        return b""
    return communicator.merge(message, SUM).to(torch.uint8).numpy().tobytes()
