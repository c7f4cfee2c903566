"""Running what a strategy wants exchanged on a wire, and what that cost."""

import time
from collections.abc import Generator
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor

from brainray.errors import BrainrayError, TrainingError
from brainray.training.interface import (
    Ask,
    Communicator,
    Exchange,
    Merge,
    Pending,
    Port,
    Pull,
    Request,
    Start,
    Wait,
)


@dataclass
class Effort:
    """What a training cost one worker.

    Attributes:
        rows: training rows of all workers together, counted once an epoch.
        seconds: wall time.
        seconds_waited: of it, for other workers and the wire.
        bytes_sent: size of the messages that this worker sent; what a wire makes of them, and
            what it brings back, is not counted.
    """

    rows: int = 0
    seconds: float = 0.0
    seconds_waited: float = 0.0
    bytes_sent: int = 0

    def add(self, other: "Effort") -> None:
        """Add another training's effort."""
        for name, value in asdict(other).items():
            setattr(self, name, getattr(self, name) + value)


def run(exchange: Exchange, communicator: Communicator, port: Port | None, effort: Effort) -> None:
    """Do what an exchange asks for until it ends; note waiting time and bytes in ``effort``.

    Raises:
        TrainingError: the strategy is wrong: it has raised an error, or wants what cannot be.
    """
    requests = checked(exchange)
    answer: Tensor | Pending | Pull | None = None
    while True:
        try:
            request = requests.send(answer)
        except StopIteration:
            return
        start = time.perf_counter()
        answer = _answer(request, communicator, port)
        effort.seconds_waited += time.perf_counter() - start
        if communicator.size > 1:
            effort.bytes_sent += request_bytes(request)


def checked(exchange: Generator[Any, Any, None]) -> Exchange:
    """Yield what a rule yields, and send it the answers.

    Raises:
        TrainingError: the rule is none, yields what is no request, or raised an error that is not
            of brainray.
    """
    if not isinstance(exchange, Generator):
        raise TrainingError(
            "strategy: start, step, pause and finish must yield what is to be exchanged, but one "
            f"of them returned {exchange!r}"
        )
    rule = getattr(exchange, "__qualname__", type(exchange).__name__)
    answer: Any = None
    while True:
        try:
            request = exchange.send(answer)
        except StopIteration:
            return
        except BrainrayError:
            raise
        except Exception as error:
            text = " ".join(str(error).split())
            raise TrainingError(
                f"strategy: {rule} raised {type(error).__name__}: {text}"
            ) from error
        if not isinstance(request, Merge | Start | Wait | Ask):
            raise TrainingError(
                f"strategy: {rule} yields {request!r}, allowed are Merge, Start, Wait and Ask"
            )
        answer = yield request


def _answer(
    request: Request, communicator: Communicator, port: Port | None
) -> Tensor | Pending | Pull:
    match request:
        case Merge(message, merger):
            return communicator.merge(message, merger)
        case Start(message, merger):
            return communicator.start_merge(message, merger)
        case Wait(pending):
            return pending.wait()
        case Ask(push):
            if port is None:
                raise TrainingError("strategy: it asks a server but is not 'served'")
            return port.ask(push)


def request_bytes(request: Request) -> int:
    """Return the size of the message that a request sends."""
    match request:
        case Merge(message, _) | Start(message, _):
            return message.numel() * message.element_size()
        case Ask(push) if push.vector is not None:
            return push.vector.numel() * push.vector.element_size()
        case _:
            return 0
