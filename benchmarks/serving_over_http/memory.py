"""How much memory the processes that predict take."""

from brainray.testing.processes import megabytes, titled


def replica_megabytes() -> float:
    """Return the memory of the processes that predict, together."""
    return sum(map(megabytes, titled("ray::ServeReplica:predict")))
