"""Calls of actors that may be restarting just now."""

import asyncio
import time
from typing import Any

import ray
from ray.exceptions import ActorUnavailableError

PATIENCE_SECONDS = 60.0
"""An actor of a lost node is back in about 16 s."""
RETRY_SECONDS = 0.2


def ask(actor: Any, method: str, *arguments: Any, retried: tuple[type[Exception], ...] = ()) -> Any:
    """Call a method of an actor and return its result, trying again while it is restarting.

    Args:
        actor: its handle; the method is idempotent.
        method: its name.
        arguments: of the method.
        retried: errors of the method that also say that it should be tried again.

    Raises:
        ActorUnavailableError: it is not back within `PATIENCE_SECONDS`.
    """
    again: tuple[type[Exception], ...] = (ActorUnavailableError, *retried)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return ray.get(getattr(actor, method).remote(*arguments))
        except again:
            if time.monotonic() > deadline:
                raise
            time.sleep(RETRY_SECONDS)


async def ask_async(actor: Any, method: str, *arguments: Any) -> Any:
    """Do as `ask`, in an actor whose calls are asynchronous."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return await getattr(actor, method).remote(*arguments)
        except ActorUnavailableError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(RETRY_SECONDS)
