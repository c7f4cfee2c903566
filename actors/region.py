"""The long-lived actor of one region."""

from typing import Any

import ray
import torch

from brainray.pipeline.region import Region
from brainray.settings import Settings

HEALTH = "health"
"""A thread of its own, so that an actor says that it is alive even while it loads a model."""


class RegionOnRay(Region):
    """A region as an actor: one thread to compute, one to answer for its health."""

    def __init__(self, name: str, settings: Settings) -> None:
        torch.set_num_threads(1)  # it takes no CPU of the cluster's, so it must not use many
        super().__init__(name, settings)

    @ray.method(concurrency_group=HEALTH)
    def health(self) -> str:
        """Return the region's name."""
        return self.name


OPTIONS: dict[str, Any] = {
    "num_cpus": 0,
    "max_restarts": -1,
    "max_task_retries": 3,
    "concurrency_groups": {HEALTH: 1},
}
RegionActor = ray.remote(**OPTIONS)(RegionOnRay)
