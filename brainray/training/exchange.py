"""Running what a strategy wants exchanged on a wire, and what that cost."""

import time
from dataclasses import asdict, dataclass

from torch import Tensor

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
    """Do what an exchange asks for until it ends; note waiting time and bytes in ``effort``."""
    answer: Tensor | Pending | Pull | None = None
    while True:
        try:
            request = exchange.send(answer)
        except StopIteration:
            return
        start = time.perf_counter()
        answer = _answer(request, communicator, port)
        effort.seconds_waited += time.perf_counter() - start
        if communicator.size > 1:
            effort.bytes_sent += request_bytes(request)


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
                raise TypeError("a strategy asks a server but is not 'served'")
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
