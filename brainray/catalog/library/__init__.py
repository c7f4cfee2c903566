"""The one door to the catalog: its database and its store of files."""

from typing import Any

from brainray.catalog.database import open_database
from brainray.catalog.library.atlases import Atlases
from brainray.catalog.library.dictionaries import Dictionaries
from brainray.catalog.library.models import Models
from brainray.catalog.library.runs import Runs
from brainray.catalog.library.searching import Searching
from brainray.catalog.library.service import Service
from brainray.catalog.library.upkeep import Upkeep
from brainray.catalog.store import Store
from brainray.settings import Settings

__all__ = ["Library"]


class Library(Dictionaries, Atlases, Models, Searching, Runs, Service, Upkeep):
    """What is known and stored. Pickled, it is its settings: every process opens its own.

    Attributes:
        settings: where database and store are.
        store: the files.
    """

    @classmethod
    def open(cls, settings: Settings, new: bool = True) -> "Library":
        """Open the catalog of ``settings``.

        Args:
            settings: where database and store are.
            new: whether an empty database is made ready first, or refused.

        Raises:
            CatalogError: the database or the store cannot be used.
        """
        store = Store(settings.store_url, settings.cache)
        return cls(settings, open_database(settings.database_url, new), store)

    def __reduce__(self) -> tuple[Any, ...]:
        return Library.open, (self.settings, False)
