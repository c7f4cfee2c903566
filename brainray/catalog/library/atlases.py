"""The brain atlases: ROIs, what they do, how they are related."""

from brainray.catalog import atlases, brain_columns
from brainray.catalog.atlases import AtlasSummary
from brainray.catalog.brain import Association, AtlasRows, Relation, Roi
from brainray.catalog.brain_columns import AtlasColumns
from brainray.catalog.database import reading, writing
from brainray.catalog.library.base import Base


class Atlases(Base):
    """Brain atlases, which come, grow and go as data."""

    def atlases(self) -> list[AtlasSummary]:
        """Return how much each atlas says, by name."""
        with reading(self._engine) as session:
            return atlases.summaries(session)

    def atlas(self, name: str) -> AtlasRows:
        """Return an atlas as rows; see `atlases.rows`."""
        with reading(self._engine) as session:
            return atlases.rows(session, name)

    def atlas_columns(self, name: str) -> AtlasColumns:
        """Return an atlas as columns, which is quicker; see `brain_columns.read`."""
        with reading(self._engine) as session:
            return brain_columns.read(session, name)

    def add_atlas(self, rows: AtlasRows) -> tuple[str, ...]:
        """Add an atlas, all or nothing, and return warnings; see `atlases.add`."""
        with writing(self._engine) as session:
            return atlases.add(session, rows)

    def remove_atlas(self, name: str) -> None:
        """Remove an atlas with all that it says; see `atlases.remove`."""
        with writing(self._engine) as session:
            atlases.remove(session, name)

    def add_roi(self, atlas: str, roi: Roi) -> tuple[str, ...]:
        """Add an ROI to an atlas, and return warnings; see `atlases.add_roi`."""
        with writing(self._engine) as session:
            return atlases.add_roi(session, atlas, roi)

    def add_association(self, atlas: str, association: Association) -> Association:
        """Let a function excite an ROI of an atlas; see `atlases.add_association`."""
        with writing(self._engine) as session:
            return atlases.add_association(session, atlas, association)

    def add_relation(self, atlas: str, relation: Relation) -> None:
        """Relate two ROIs of an atlas; see `atlases.add_relation`."""
        with writing(self._engine) as session:
            atlases.add_relation(session, atlas, relation)
