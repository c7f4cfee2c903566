"""The coordinator's actor, and how it reaches the regions."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

import ray

from actors.calls import ask, ask_async
from actors.names import COORDINATOR, NAMESPACE, region_name
from actors.region import RegionActor
from brainray.catalog.library import Library
from brainray.errors import ClusterError
from brainray.pipeline.coordinator import Coordinator, RegionPort
from brainray.pipeline.excitation import atlas_of
from brainray.settings import Settings

REGION_LABEL = "brainray-region"
"""A node that has this label, e.g. ``vision``, is where the region's actor prefers to live."""


class RemoteRegion:
    """A region's actor behind the port that the coordinator talks to."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle

    async def call(self, method: str, *arguments: Any) -> Any:
        """Call a method of the region, again while it is restarting."""
        return await ask_async(self._handle, method, *arguments)


class CoordinatorOnRay(Coordinator):
    """A coordinator whose regions are actors, started when they are first needed.

    Its state is rebuilt from the catalog; leases that a restart loses are renewed by their runs.

    Args:
        settings: where catalog and store are.
        lifetime: of the regions: ``detached`` on a cluster that stays, None on a run's own.
    """

    def __init__(self, settings: Settings, lifetime: str | None) -> None:
        def connect(region: str) -> RegionPort:
            return RemoteRegion(
                RegionActor.options(
                    name=region_name(region),
                    namespace=NAMESPACE,
                    get_if_exists=True,
                    lifetime=lifetime,
                    label_selector={REGION_LABEL: region},
                    fallback_strategy=[{"label_selector": {}}],
                ).remote(region, settings)
            )

        super().__init__(partial(atlas_of, Library.open(settings, new=False)), connect)
        self._settings = settings

    async def home(self) -> tuple[str, str]:
        """Return the addresses of the catalog and the store that the regions work with."""
        return self._settings.database_url, self._settings.store_url

    async def reconcile(self, regions: Sequence[str]) -> None:
        """Start the given regions as far as they are not there, and know no others."""
        self._regions.clear()  # an actor that was ended for good has another handle now
        await asyncio.gather(*(self._region(name).call("health") for name in regions))

    async def health(self) -> str:
        """Say that the coordinator is alive."""
        return COORDINATOR


CoordinatorActor = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=3)(CoordinatorOnRay)


def open_coordinator(settings: Settings, lifetime: str | None) -> Any:
    """Return the handle of the cluster's coordinator, which is started if there is none.

    Args:
        settings: where catalog and store are.
        lifetime: of a new one and of its regions, see `CoordinatorOnRay`.

    Raises:
        ClusterError: it works with another catalog or store.
    """
    handle = CoordinatorActor.options(
        name=COORDINATOR, namespace=NAMESPACE, get_if_exists=True, lifetime=lifetime
    ).remote(settings, lifetime)
    theirs, mine = ask(handle, "home"), (settings.database_url, settings.store_url)
    if theirs != mine:
        raise ClusterError(
            f"the cluster's coordinator works with {' and '.join(theirs)}, this process with "
            f"{' and '.join(mine)}"
        )
    return handle
