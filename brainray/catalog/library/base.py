"""What all parts of the library work on."""

from sqlalchemy import Engine

from brainray.catalog.store import Store
from brainray.settings import Settings


class Base:
    """A database and a store.

    Attributes:
        settings: where database and store are.
        store: the files.
    """

    def __init__(self, settings: Settings, engine: Engine, store: Store) -> None:
        self.settings = settings
        self.store = store
        self._engine = engine
