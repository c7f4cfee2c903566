"""The long-lived actor of one region."""

import ray

from brainray.pipeline.region import Region


class RegionWithHealth(Region):
    """A region that says that it is alive even while it loads a model."""

    def health(self) -> str:
        """Return the region's name."""
        return self.name


RegionActor = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=3)(RegionWithHealth)
