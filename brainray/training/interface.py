"""The seam between a training loop, the rule by which its workers synchronise, and the wire.

Every worker runs the same loop (`brainray.training.loop.fit`)::

    run(strategy.start(replica))
    for batch in batches:                                        # the same on every worker
        rows = strategy.share(batch, rank, size)                 # what this worker computes
        gradient = ...                                           # mean over its rows
        run(strategy.step(replica, Step(gradient, ...)))         # exchange, and change the replica
    run(strategy.finish(replica))                                # all end with the same weights

A strategy is a rule over flat vectors. It sends nothing itself: it *yields* what it wants
exchanged, a `Merge`, a `Start`, a `Wait` or an `Ask`, and is sent the answer. So one rule runs on
threads of one process (`brainray.training.communicator`), over torch.distributed
(`actors.communicator`), and in simulated time (`brainray.training.simulation`).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

from torch import Tensor


class Merger(Protocol):
    """How messages of all workers become one.

    Attributes:
        collective: "sum" if ``merge`` is a plain sum, so that a communicator may use its
            all-reduce; None if it has to gather the messages and call ``merge``.
    """

    collective: str | None

    def merge(self, messages: Sequence[Tensor]) -> Tensor:
        """Return what every worker gets, from the messages in rank order."""


class Pending(Protocol):
    """A merge that has been started."""

    def wait(self) -> Tensor:
        """Wait for the messages of all, and return what the merger makes of them."""


@dataclass(frozen=True)
class Push:
    """What a worker tells a parameter server.

    Attributes:
        kind: ``join`` asks for the first parameters, ``step`` brings something, ``leave`` asks
            for the last ones, which come when all workers have left.
        vector: a gradient, or by how much parameters have moved, `(P,)`; None if nothing.
        rows: how many the vector comes from.
        batch_rows: how many they were on all workers together.
        version: of the parameters from which it was computed.
    """

    kind: Literal["join", "step", "leave"]
    vector: Tensor | None = None
    rows: int = 0
    batch_rows: int = 0
    version: int = 0


@dataclass(frozen=True)
class Pull:
    """What a parameter server answers.

    Attributes:
        vector: its parameters, `(P,)`.
        version: of them.
        moments: what its optimizer remembers, see `Replica.moments`; told to those who leave.
        members: the workers that share batches now, in their order; empty if that never changes.
    """

    vector: Tensor
    version: int
    moments: Mapping[str, Tensor] = field(default_factory=dict)
    members: tuple[int, ...] = ()


class Server(Protocol):
    """A parameter server: no wire, no clock, only what it knows."""

    def receive(self, rank: int, push: Push) -> list[tuple[int, Pull]]:
        """Take a push; return the answers to give now, to whom. Some workers may have to wait."""


@runtime_checkable
class Membership(Server, Protocol):
    """A parameter server whose workers may be lost, and others join.

    Attributes:
        members: the workers that it has now.
    """

    members: list[int]

    def lost(self, rank: int) -> list[tuple[int, Pull]]:
        """Go on without a worker; return the answers to give now."""

    def joined(self, rank: int) -> None:
        """Take a worker, while no other one is between joining and leaving."""


class Port(Protocol):
    """A worker's way to the server."""

    def ask(self, push: Push) -> Pull:
        """Send a push and wait for the answer."""

    def enter(self) -> int:
        """Wait until this worker may take part, before its first push.

        Returns:
            How often the others have paused before: not 0 for one that has joined a training.
        """


@dataclass(frozen=True)
class Merge:
    """Exchange a message with all and wait; the answer is what the merger makes of them.

    The message is given away: a wire may overwrite it.
    """

    message: Tensor
    merger: Merger


@dataclass(frozen=True)
class Start:
    """Start to exchange a message; the answer is a `Pending`. It is given away, too."""

    message: Tensor
    merger: Merger


@dataclass(frozen=True)
class Wait:
    """Wait for what was started; the answer is as of `Merge`."""

    pending: Pending


@dataclass(frozen=True)
class Ask:
    """Ask the server; the answer is a `Pull`."""

    push: Push


Request: TypeAlias = Merge | Start | Wait | Ask
Exchange: TypeAlias = Generator[Request, Any, None]


class Replica(Protocol):
    """One worker's copy of the network, as flat vectors of P numbers, and its optimizer."""

    @property
    def rank(self) -> int:
        """The worker's number, 0 to ``size - 1``."""

    @property
    def size(self) -> int:
        """The number of workers, at least 1."""

    @property
    def seed(self) -> int:
        """Of the training, the same on every worker."""

    @property
    def done(self) -> int:
        """Steps that were done before this replica was made: where a resumed training begins."""

    def parameters(self) -> Tensor:
        """Return a copy of the parameters, `(P,)`."""

    def load(self, parameters: Tensor) -> None:
        """Set the parameters, `(P,)`."""

    def apply(self, gradient: Tensor, share: float = 1.0) -> None:
        """Do one optimizer step with a gradient `(P,)`, its learning rate times ``share``."""

    def save(self) -> Any:
        """Return a copy of parameters and optimizer."""

    def restore(self, saved: Any) -> None:
        """Go back to what `save` returned."""

    def moments(self) -> dict[str, Tensor]:
        """Return a copy of what the optimizer remembers, vectors `(P,)` and single numbers."""

    def load_moments(self, moments: Mapping[str, Tensor]) -> None:
        """Set what the optimizer remembers."""

    def at(self, step: float) -> None:
        """Set the learning rate to what it is after so many steps of the training."""


@dataclass(frozen=True)
class Step:
    """What a worker computed of one batch.

    Attributes:
        gradient: of the mean loss over its rows, `(P,)`; zeros if it has none.
        rows: of this worker; 0 where a last batch has fewer rows than there are workers.
        batch_rows: of all workers together.
        loss: mean over its rows, NaN if it has none.
        seconds: that this worker took since its last step, the update by that one too, without
            any waiting.
        ends_epoch: whether this was the epoch's last batch.
    """

    gradient: Tensor
    rows: int
    batch_rows: int
    loss: float
    seconds: float
    ends_epoch: bool


class Strategy(ABC):
    """A synchronisation rule (paper 3.3.2), of which each worker has an instance of its own.

    Attributes:
        served: whether it has a parameter server.
        independent: whether workers exchange nothing but what they ask the server, so that they go
            on without one that is lost. The server is then a `Membership`.
        alike: whether all workers have the same weights after every step, not only at the end.
    """

    served = False
    independent = False
    alike = True

    def share(self, rows: Tensor, rank: int, size: int) -> Tensor:
        """Return the part of a batch's row numbers that worker ``rank`` of ``size`` computes.

        By default one of nearly equal, contiguous parts; a worker may get none.
        """
        least, more = divmod(len(rows), size)
        start = rank * least + min(rank, more)
        return rows[start : start + least + (rank < more)]

    def server(self, replica: Replica, size: int) -> Server:
        """Return the parameter server of a rule that is ``served``; the replica is its own."""
        raise TypeError(f"{type(self).__name__} has no server")

    def start(self, replica: Replica) -> Exchange:
        """Begin a training; by default nothing is exchanged."""
        yield from ()

    @abstractmethod
    def step(self, replica: Replica, step: Step) -> Exchange:
        """Exchange what has to be, and change the replica."""

    def pause(self, replica: Replica) -> Exchange:
        """Have the same weights on every worker for a moment, at an epoch's end, and go on.

        For a checkpoint: by default the training ends and begins again.
        """
        yield from self.finish(replica)
        yield from self.start(replica)

    def finish(self, replica: Replica) -> Exchange:
        """End a training with the same weights on every worker; by default they are already."""
        yield from ()


class Communicator(Protocol):
    """The wire between the workers of one training."""

    @property
    def rank(self) -> int:
        """This worker's number, 0 to ``size - 1``."""

    @property
    def size(self) -> int:
        """The number of workers, at least 1."""

    def merge(self, message: Tensor, merger: Merger) -> Tensor:
        """Send ``message`` to all, wait for all, and return ``merger.merge`` of them."""

    def start_merge(self, message: Tensor, merger: Merger) -> Pending:
        """Begin what `merge` does and return at once; all workers start merges in one order."""

    def connect(self, make: Callable[[], Server]) -> Port:
        """Return the way to one server for all workers, which one of them makes."""
