"""A training's parameter server as an actor."""

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import ray
import torch

from actors.names import NAMESPACE
from brainray.training.interface import Pull, Push, Server


class TrainingServer:
    """Takes pushes as they come; a worker that has to wait is answered later.

    Vectors travel as numpy arrays, which Ray does not copy on the way.

    Args:
        server: what it does with them.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._answers: dict[int, asyncio.Future[Any]] = {}

    async def ask(self, rank: int, push: Any) -> Any:
        """Return the answer to a packed push, packed, when the server gives it."""
        answer = asyncio.get_running_loop().create_future()
        self._answers[rank] = answer
        for other, pull in self._server.receive(rank, unpacked(push)):
            self._answers.pop(other).set_result(packed(pull))
        return await answer


TrainingServerActor = ray.remote(num_cpus=0)(TrainingServer)


@dataclass(frozen=True)
class ActorPort:
    """One worker's way to the actor."""

    actor: Any
    rank: int

    def ask(self, push: Push) -> Pull:
        """Send a push and wait for the answer."""
        pull: Pull = unpacked(ray.get(self.actor.ask.remote(self.rank, packed(push))))
        return pull

    def enter(self) -> int:
        """Return 0: the workers of a group begin together."""
        return 0


def start_server(server: Server) -> tuple[Any, str]:
    """Start an actor that lives as long as its handle; return the handle, and its name."""
    name = f"training-server-{uuid.uuid4().hex}"
    return TrainingServerActor.options(name=name, namespace=NAMESPACE).remote(server), name


def find_server(name: str) -> Any:
    """Return the handle of an actor that another worker has started."""
    return ray.get_actor(name, namespace=NAMESPACE)


def packed(message: Push | Pull) -> Any:
    """Return a message with its vectors as numpy arrays."""
    return _with_vectors(message, lambda vector: vector.numpy())


def unpacked(message: Any) -> Any:
    """Return what `packed` packed; the vector is a copy, for Ray's arrays are read-only."""
    return _with_vectors(message, torch.tensor)


def _with_vectors(message: Any, convert: Callable[[Any], Any]) -> Any:
    changed = {} if message.vector is None else {"vector": convert(message.vector)}
    if isinstance(message, Pull):
        changed["moments"] = {name: convert(value) for name, value in message.moments.items()}
    return replace(message, **changed)
