"""What answers over HTTP, and who may change it."""

from brainray.catalog import endpoints, keys
from brainray.catalog.database import reading, writing
from brainray.catalog.endpoints import Endpoint
from brainray.catalog.keys import Key, Role
from brainray.catalog.library.base import Base


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
        """Remove an endpoint; see `endpoints.undeploy`."""
        with writing(self._engine) as session:
            endpoints.undeploy(session, name)

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
