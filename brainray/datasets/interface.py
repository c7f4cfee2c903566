"""The seam between a ready data set and who asks for it.

A builder turns files, or what the package ships, into a manifest table (docs/data.md), which
takes the same way as a user's own manifest from there on. Builders are found by name through
the entry-point group ``brainray.datasets``.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

import pyarrow as pa

from brainray.errors import DataError

ReadySource: TypeAlias = Literal["files", "embedded"]
"""Where a builder takes its material from: $BRAINRAY_DATA, or the package itself."""


SOURCES_KEY = b"brainray.sources"
"""Of a manifest table's metadata: the sha256 of the files that it was made of, as JSON."""


def with_sources(table: pa.Table, sources: Mapping[str, str]) -> pa.Table:
    """Return the table with the sha256 of the files that it was made of, by name."""
    kept = table.schema.metadata or {}
    return table.replace_schema_metadata(kept | {SOURCES_KEY: json.dumps(dict(sources))})


def sources_of(table: pa.Table) -> dict[str, str]:
    """Return what `with_sources` noted; nothing for a table that says nothing of it."""
    sources: dict[str, str] = json.loads((table.schema.metadata or {}).get(SOURCES_KEY, b"{}"))
    return sources


class MissingFilesError(DataError):
    """The folder of ready data sets is not set, or lacks a file of this data set."""


class Builder(Protocol):
    """Builds the manifest table of a ready data set."""

    def __call__(
        self, source: ReadySource, data: Path | None, options: Mapping[str, Any], seed: int
    ) -> pa.Table:
        """Return the table: the same for the same arguments; better `with_sources`.

        Args:
            source: where the material comes from.
            data: the folder of ready data sets, for ``files``.
            options: ``data.options`` of the scenario.
            seed: the run's seed.

        Raises:
            MissingFilesError: ``files``, and a file is not there.
            DataError: a file is damaged, or an option is unknown or impossible; its message
                names ``data.options.<key>``.
        """
