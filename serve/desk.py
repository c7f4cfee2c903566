"""Which model answers a request: the endpoints as the catalog has them, followed while serving."""

import asyncio
import logging
import threading
from dataclasses import dataclass, replace

from brainray.catalog.endpoints import Endpoint
from brainray.catalog.library import Library
from brainray.catalog.tracking_endpoints import TrackingEndpoint
from brainray.errors import BrainrayError
from brainray.pipeline.predict import Predictor
from brainray.shapes import Modality

from .shelf import Shelf

FOLLOW_SECONDS = 1.0
"""How often a service looks for changes of the endpoints."""

_log = logging.getLogger("brainray.serve")


@dataclass(frozen=True)
class Served:
    """An endpoint as this service answers it.

    Attributes:
        endpoint: as the catalog had it when its models were loaded.
        wanted: as the catalog has it now.
        problem: why that cannot be loaded, None if it is what answers.
    """

    endpoint: Endpoint
    wanted: Endpoint
    problem: str | None = None


class Desk:
    """Knows the endpoints and finds the model of each request.

    A change takes effect once its models are loaded, so no request waits for them or fails; one
    that cannot be loaded leaves the endpoint as it was.

    Args:
        library: the catalog.
        shelf: of loaded models.
    """

    def __init__(self, library: Library, shelf: Shelf) -> None:
        self._library = library
        self._shelf = shelf
        self._served: dict[str, Served] = {}
        self._tracking: dict[str, TrackingEndpoint] = {}
        self._turns: dict[str, float] = {}
        self._refreshing = threading.Lock()

    def served(self) -> list[Served]:
        """Return the endpoints, by name."""
        served = self._served  # another thread may replace it
        return [served[name] for name in sorted(served)]

    def tracking(self) -> dict[str, TrackingEndpoint]:
        """Return the endpoints that track objects by name, in the order of names."""
        return self._tracking

    def find(self, name: str) -> Served | None:
        """Return an endpoint if it is known here."""
        return self._served.get(name)

    def inputs(self, served: Served) -> dict[str, Modality] | None:
        """Return the modality of every input of an endpoint's model, None if it is not loaded."""
        predictor = self._shelf.get(served.endpoint.model)
        return None if predictor is None else predictor.inputs

    def choose(self, served: Served) -> str:
        """Return the id of the model that answers the next request: every so manieth the canary."""
        endpoint = served.endpoint
        if endpoint.canary is None:
            return endpoint.model
        # Adding up the share sends exactly that part of the requests, evenly spread.
        turn = self._turns.get(endpoint.name, 0.0) + endpoint.share
        self._turns[endpoint.name] = turn % 1.0
        return endpoint.canary if turn >= 1.0 else endpoint.model

    async def predictor(self, model: str) -> Predictor:
        """Return a model; one that is not loaded is loaded in a thread.

        Raises:
            CatalogError: it cannot be loaded.
        """
        loaded = self._shelf.get(model)
        if loaded is None:
            loaded = await asyncio.to_thread(self._shelf.load, model)
        return loaded

    def refresh(self) -> None:
        """Read the endpoints and load the models of those that have changed.

        Raises:
            CatalogError: the catalog cannot be read; then all stays as it is.
        """
        with self._refreshing:
            served = {}
            for endpoint in self._library.endpoints():
                before = self._served.get(endpoint.name)
                if before is None or before.wanted != endpoint or before.problem:
                    before = self._changed(endpoint, before)
                served[endpoint.name] = before
            self._served = served
            self._tracking = {one.name: one for one in self._library.tracking_endpoints()}

    async def follow(self) -> None:
        """Refresh for ever; what goes wrong is logged once and tried again."""
        following = True
        while True:
            try:
                await asyncio.to_thread(self.refresh)
                following = True
            # Whatever it is, deployments must reach this process once it is over.
            except Exception as error:
                if following:
                    _log.warning("the endpoints are not followed: %r", error)
                following = False
            await asyncio.sleep(FOLLOW_SECONDS)

    def _changed(self, endpoint: Endpoint, before: Served | None) -> Served:
        """Load the models of an endpoint that is new or was changed."""
        loaded = endpoint
        try:
            self._shelf.load(endpoint.model)
            loaded = replace(endpoint, canary=None, share=0.0)
            if endpoint.canary is not None:
                self._shelf.load(endpoint.canary)
        # Plug-ins and the runtimes of graphs raise errors of their own.
        except Exception as error:
            problem = str(error) if isinstance(error, BrainrayError) else repr(error)
            if before is None or before.problem != problem:
                _log.warning("endpoint %s: %s", endpoint.name, problem)
            # A new endpoint does without a canary that cannot be loaded.
            before = before or Served(loaded, endpoint)
            return replace(before, wanted=endpoint, problem=problem)
        return Served(endpoint, endpoint)
