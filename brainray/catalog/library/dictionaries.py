"""What the catalog knows by name: regions, functions, platforms, optimizers, data sets."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlmodel import Session

from brainray.catalog import (
    dictionaries,
    places,
    queries,
    regions,
    registration,
    relocation,
)
from brainray.catalog.database import reading, writing
from brainray.catalog.library.base import Base
from brainray.catalog.relocation import Moves


class Dictionaries(Base):
    """The rows of the dictionaries, which come, go and move as data."""

    def sub_regions(self) -> list[str]:
        """Return the names of all sub-regions, sorted."""
        with reading(self._engine) as session:
            return queries.sub_region_names(session)

    def entries(self, what: str) -> list[dict[str, Any]]:
        """Return a dictionary's rows, e.g. ``regions``, by name; see `dictionaries.entries`."""
        with reading(self._engine) as session:
            return dictionaries.entries(session, what)

    def entry(self, what: str, name: str) -> dict[str, Any]:
        """Return a row of a dictionary; see `dictionaries.entry`."""
        with reading(self._engine) as session:
            return dictionaries.entry(session, what, name)

    def remove_entry(self, what: str, name: str) -> None:
        """Remove a row of a dictionary that nothing uses; see `dictionaries.remove`."""
        self._change(lambda session, moves: dictionaries.remove(session, moves, what, name))

    def add_function(
        self,
        name: str,
        sub_region: str | None = None,
        definition: str = "",
        synonyms: Sequence[str] = (),
    ) -> None:
        """Add a function of a sub-region, or a task; see `dictionaries.add_function`."""
        with writing(self._engine) as session:
            dictionaries.add_function(session, name, sub_region, definition, synonyms)

    def add_named_data_set(self, name: str, source: str = "", classes: Sequence[str] = ()) -> None:
        """Add a data set that has a name and no file; see `dictionaries.add_data_set`."""
        with writing(self._engine) as session:
            dictionaries.add_data_set(session, name, source, classes)

    def add_platform(self, name: str, file_format: str) -> None:
        """Let models of a platform in; one that is there already stays as it is.

        Args:
            name: e.g. ``PyTorch 2.13``.
            file_format: of its weights, ``safetensors`` or ``onnx``.

        Raises:
            CatalogError: the format is another one, or the platform is there with the other.
        """
        with writing(self._engine) as session:
            registration.add_platform(session, name, file_format)

    def add_optimizer(self, name: str, description: str = "") -> None:
        """Let models of an optimizer in; one that is there already stays as it is."""
        with writing(self._engine) as session:
            registration.add_optimizer(session, name, description)

    def functions(self) -> dict[str, str]:
        """Return the sub-region of every function and of every synonym, sorted by name.

        Tasks of networks, e.g. ``classification``, have no sub-region and are left out.
        """
        with reading(self._engine) as session:
            pairs = {
                name: str(row.sub_region)
                for row in queries.brain_functions(session)
                for name in (row.name, *row.synonyms)
            }
        return dict(sorted(pairs.items()))

    def current_name(self, name: str) -> str:
        """Return what a region or a sub-region is called now, by this or an older name.

        Raises:
            CatalogError: there never was one of this name.
        """
        with reading(self._engine) as session:
            return places.current(session, name)

    def add_region(self, name: str, description: str = "") -> None:
        """Add a region, ``smell``, or a sub-region, ``smell.odor``; see `regions.create`."""
        with writing(self._engine) as session:
            regions.create(session, name, description)

    def rename_region(self, name: str, new: str) -> None:
        """Rename a region or a sub-region, or move it; see `regions.rename`."""
        self._change(lambda session, moves: regions.rename(session, moves, name, new))

    def merge_regions(self, names: Sequence[str], into: str) -> None:
        """Make one of several regions or sub-regions; see `regions.merge`."""
        self._change(lambda session, moves: regions.merge(session, moves, names, into))

    def split_region(self, name: str, parts: Mapping[str, regions.Part]) -> None:
        """Give parts of a sub-region to others; see `regions.split`."""
        self._change(lambda session, moves: regions.split(session, moves, name, parts))

    def _change(self, rows: Callable[[Session, Moves], None]) -> None:
        """Change rows and let their files follow."""
        relocation.change(self._engine, self.store, rows)
