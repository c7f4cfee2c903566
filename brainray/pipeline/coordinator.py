"""The coordinator: the brain's collaboration mechanism (paper 2.3).

It activates the sub-regions that a scenario excites, asks their regions for candidates, assigns
to regions what is to be pretrained, has them load the models that a run made, and holds the lease
of each run. What the workers of a training tell it keeps for their run's driver. A plain class
with short asynchronous calls; `actors.coordinator` makes the actor of it.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from brainray.atlas.interface import Atlas
from brainray.errors import RunError, ScenarioError
from brainray.networks.declared import NetworkSpec
from brainray.pipeline.assignment import Outcome
from brainray.pipeline.excitation import Excitation, excite
from brainray.pipeline.units import PretrainUnit
from brainray.scenario.model import Activation as How
from brainray.shapes import Modality
from brainray.training.progress import Progress

LEASE_SECONDS = 60.0
"""A run's driver renews its lease well within this time; then another may take the run over."""


class RegionPort(Protocol):
    """How the coordinator reaches a region, wherever that lives."""

    async def call(self, method: str, *arguments: Any) -> Any:
        """Call a method of `brainray.pipeline.region.Region` and return its result."""


class Coordinator:
    """Activates regions for scenarios.

    Args:
        atlas: returns an atlas by its name, as the catalog has it at that time.
        connect: returns the port of a region by its name, starting it if need be.
    """

    def __init__(self, atlas: Callable[[str], Atlas], connect: Callable[[str], RegionPort]) -> None:
        self._atlas = atlas
        self._connect = connect
        self._regions: dict[str, RegionPort] = {}
        self._leases: dict[str, tuple[str, float]] = {}
        self._told: dict[str, list[tuple[str, Progress]]] = {}

    async def activate(
        self, functions: Mapping[str, Sequence[str]], how: How, seed: int
    ) -> Excitation:
        """Return what the inputs excite; see `brainray.pipeline.excitation.excite`."""
        return excite(functions, how, self._atlas(how.atlas), seed)

    async def candidates(
        self, inputs: Mapping[str, Sequence[str]], modalities: Mapping[str, Modality]
    ) -> dict[str, list[NetworkSpec]]:
        """Return the networks that each input may use: those of activated sub-regions alone.

        Args:
            inputs: the activated sub-regions that each input reaches.
            modalities: of the inputs.

        Raises:
            ScenarioError: an input reaches no sub-region that has a network for its modality.
        """
        found = {}
        for name, sub_regions in inputs.items():
            regions = sorted({sub_region.partition(".")[0] for sub_region in sub_regions})
            offers = await asyncio.gather(
                *(
                    self._region(region).call("candidates", tuple(sub_regions), modalities[name])
                    for region in regions
                )
            )
            networks = {spec.name: spec for offer in offers for spec in offer}
            if not networks:
                raise ScenarioError(
                    f"inputs.{name}.functions: {', '.join(sub_regions)} have no network for "
                    f"{modalities[name]}; name a function whose sub-region has one"
                )
            found[name] = [networks[key] for key in sorted(networks)]
        return found

    async def assign(self, run_id: str, units: Mapping[int, PretrainUnit]) -> dict[int, Outcome]:
        """Assign units of a run to their regions, or again; return the outcomes so far.

        Args:
            run_id: of the run.
            units: that are not done yet, in the order in which a region is to hand them out.
        """
        parts: dict[str, dict[int, PretrainUnit]] = {}
        for number, unit in units.items():
            parts.setdefault(unit.region, {})[number] = unit
        found = await asyncio.gather(
            *(self._region(region).call("assign", run_id, part) for region, part in parts.items())
        )
        return {number: outcome for part in found for number, outcome in part.items()}

    async def forget(self, run_id: str, regions: Sequence[str]) -> None:
        """Have regions forget what a run assigned to them."""
        await asyncio.gather(*(self._region(region).call("forget", run_id) for region in regions))

    async def adopt(self, models: Mapping[str, Sequence[str]]) -> None:
        """Have each region load the given models."""
        await asyncio.gather(
            *(
                self._region(region).call("load", model)
                for region, ids in models.items()
                for model in ids
            )
        )

    async def acquire(self, run_id: str, owner: str) -> None:
        """Take or renew the lease of a run.

        Two owners on one machine exclude each other by the lock of the run's folder; so one that
        asks on the holder's machine follows a holder that has died, and need not wait.

        Args:
            run_id: of the run.
            owner: ``host:process``.

        Raises:
            RunError: an owner on another machine holds it.
        """
        holder, until = self._leases.get(run_id, (owner, 0.0))
        elsewhere = holder.rpartition(":")[0] != owner.rpartition(":")[0]
        if elsewhere and until > time.monotonic():
            raise RunError(f"run {run_id}: is being executed by {holder}")
        self._leases[run_id] = (owner, time.monotonic() + LEASE_SECONDS)

    async def release(self, run_id: str, owner: str) -> None:
        """Give the lease of a run back; nothing if ``owner`` does not hold it."""
        if self._leases.get(run_id, ("", 0.0))[0] == owner:
            del self._leases[run_id]
            self._told.pop(run_id, None)

    async def tell(self, run_id: str, name: str, progress: Progress) -> None:
        """Keep what one of a run's trainings tells; of what passes, the last."""
        told = self._told.setdefault(run_id, [])
        if told and told[-1][0] == name and not (told[-1][1].begins or told[-1][1].ended):
            told.pop()
        told.append((name, progress))

    async def told(self, run_id: str) -> list[tuple[str, Progress]]:
        """Return what a run's trainings have told since the last time."""
        return self._told.pop(run_id, [])

    async def status(self) -> dict[str, Any]:
        """Return the active regions with what they hold, and the runs in execution."""
        names = sorted(self._regions)
        states = await asyncio.gather(*(self._regions[name].call("status") for name in names))
        now = time.monotonic()
        runs = sorted(run for run, (_, until) in self._leases.items() if until > now)
        return {"regions": dict(zip(names, states, strict=True)), "runs": runs}

    def _region(self, name: str) -> RegionPort:
        if name not in self._regions:
            self._regions[name] = self._connect(name)
        return self._regions[name]
