"""The actor that holds a controller's parameters, and how replicas reach it."""

from typing import Any

import ray

from brainray.search.interface import Genome
from brainray.search.parameter_server import Call, ParameterServer, Push, Snapshot


class ParameterServerOnRay(ParameterServer):
    """A parameter server that can say what it has; calls come one after the other."""

    def outcome(self) -> tuple[list[Call], dict[Genome, float]]:
        """Return all calls so far and the evaluated codes with their values."""
        return self.calls, self.known


ParameterServerActor: Any = ray.remote(num_cpus=0)(ParameterServerOnRay)


class RemoteServer:
    """A parameter server's actor, called as if it were here.

    Args:
        handle: of the actor.
    """

    def __init__(self, handle: Any) -> None:
        self._handle = handle

    def pull(self, replica: int) -> Snapshot:
        """Return the current parameters, and how many children may be drawn."""
        snapshot: Snapshot = ray.get(self._handle.pull.remote(replica))
        return snapshot

    def push(self, push: Push) -> Snapshot:
        """Apply a gradient unless it is too stale, and return the current parameters."""
        snapshot: Snapshot = ray.get(self._handle.push.remote(push))
        return snapshot
