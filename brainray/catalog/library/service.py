"""What answers over HTTP, and who may change it."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sqlmodel import Session

from brainray.catalog import endpoints, keys, tracking_endpoints, upkeep
from brainray.catalog.database import reading, writing
from brainray.catalog.endpoints import Endpoint
from brainray.catalog.keys import Key, Role
from brainray.catalog.library.base import Base
from brainray.catalog.tracking_endpoints import TrackingEndpoint


class Service(Base):
    """Endpoints and keys."""

    def endpoints(self) -> list[Endpoint]:
        """Return all endpoints, by name."""
        with reading(self._engine) as session:
            return endpoints.endpoints(session)

    def endpoint(self, name: str) -> Endpoint:
        """Return an endpoint; see `endpoints.endpoint`."""
        with reading(self._engine) as session:
            return endpoints.endpoint(session, name)

    def deploy(self, model: str, name: str, share: float | None = None) -> Endpoint:
        """Have a model answer under a name, or a share of the requests; see `endpoints.deploy`."""
        with writing(self._engine) as session:
            return endpoints.deploy(session, model, name, share)

    def roll_back(self, name: str) -> Endpoint:
        """End a canary, or go back to the model before; see `endpoints.roll_back`."""
        with writing(self._engine) as session:
            return endpoints.roll_back(session, name)

    def undeploy(self, name: str) -> None:
        """Remove an endpoint of either kind; see `endpoints.undeploy`.

        Models stay; files of a detector that no other endpoint has go.
        """
        with writing(self._engine) as session:
            left = self._leaving(session, name)
            if not tracking_endpoints.undeploy_tracking(session, name):
                endpoints.undeploy(session, name)
        self._settle(left)

    def tracking_endpoints(self) -> list[TrackingEndpoint]:
        """Return the endpoints that track objects, by name."""
        with reading(self._engine) as session:
            return tracking_endpoints.tracking_endpoints(session)

    def deploy_tracking(
        self,
        name: str,
        detector: str | None,
        detector_options: Mapping[str, Any],
        files: Mapping[str, Path],
        tracker: str,
        tracker_options: Mapping[str, Any],
        min_score: float | None = None,
        appearance: Mapping[str, Any] | None = None,
    ) -> TrackingEndpoint:
        """Make or change an endpoint that tracks objects.

        Whether detector and tracker can be made is not checked here; that, and splitting options
        from files, is `brainray.tracking.definition.deploy`.

        Args:
            files: paths by the detector's option, and ``appearance``; they are copied into the
                store.
            min_score: boxes of lower scores do not count.
            appearance: how that file is read; None without one.

        Raises:
            CatalogError: see `tracking_endpoints.deploy_tracking`.
        """
        keys = {
            option: tracking_endpoints.store_file(self.store, path)
            for option, path in files.items()
        }
        left = set(keys.values())
        try:
            with writing(self._engine) as session:
                left |= self._leaving(session, name)
                return tracking_endpoints.deploy_tracking(
                    session,
                    self.store,
                    name,
                    detector,
                    detector_options,
                    keys,
                    tracker,
                    tracker_options,
                    min_score,
                    appearance,
                )
        finally:
            self._settle(left)

    def _leaving(self, session: Session, name: str) -> set[str]:
        """Mark the files that an endpoint has now: its change may leave them to nobody."""
        keys = tracking_endpoints.files_of(session, name)
        for key in keys:
            self.store.begin(key)
        return keys

    def _settle(self, keys: Iterable[str]) -> None:
        for key in keys:
            upkeep.settle(self._engine, self.store, key)

    def add_key(self, name: str, role: str) -> str:
        """Make a key for maintenance and return its secret; see `keys.add_key`."""
        with writing(self._engine) as session:
            return keys.add_key(session, name, role)

    def api_keys(self) -> list[Key]:
        """Return all keys, by name."""
        with reading(self._engine) as session:
            return keys.keys(session)

    def remove_key(self, name: str) -> None:
        """Remove a key; see `keys.remove_key`."""
        with writing(self._engine) as session:
            keys.remove_key(session, name)

    def role_of(self, secret: str, bootstrap: str | None = None) -> Role | None:
        """Return what a secret allows; see `keys.role_of`."""
        with reading(self._engine) as session:
            return keys.role_of(session, secret, bootstrap)
