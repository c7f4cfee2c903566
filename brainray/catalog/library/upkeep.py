"""Keeping the catalog whole."""

from datetime import timedelta
from pathlib import Path

from brainray.catalog import queries, upkeep
from brainray.catalog.database import reading
from brainray.catalog.library.base import Base
from brainray.catalog.upkeep import Removed, Verification


class Upkeep(Base):
    """What keeps rows and files together."""

    def verify(self) -> Verification:
        """Check every row and every byte, and change nothing; see `upkeep.verify`."""
        return upkeep.verify(self._engine, self.store)

    def repair(self) -> Verification:
        """Make whole what can be made whole; files are put aside, not deleted."""
        return upkeep.repair(self._engine, self.store)

    def remove(self, model: str, force: bool = False) -> Removed:
        """Remove a model that is not in use, its weights and its banks; see `remove_model`."""
        return upkeep.remove_model(self._engine, self.store, model, force)

    def collect(
        self, grace: timedelta = upkeep.GRACE, quarantine: bool = False, dry_run: bool = False
    ) -> Removed:
        """Remove the files that nothing needs; see `upkeep.collect`."""
        return upkeep.collect(self._engine, self.store, grace, quarantine, dry_run)

    def download(self, model: str, to: Path) -> tuple[Path, Path]:
        """Write a model's weights and its card into a folder; see `upkeep.download`."""
        with reading(self._engine) as session:
            found = queries.model_value(queries.model_row(session, model))
        return upkeep.download(self.store, found, to)
