"""The seam between a ready data set and who asks for it.

A builder turns files, or what the package ships, into a manifest table (docs/data.md), which
takes the same way as a user's own manifest from there on. Builders are found by name through
the entry-point group ``brainray.datasets``.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

import pyarrow as pa

from brainray.errors import DataError

ReadySource: TypeAlias = Literal["files", "embedded"]
"""Where a builder takes its material from: $BRAINRAY_DATA, or the package itself."""


class MissingFilesError(DataError):
    """The folder of ready data sets is not set, or lacks a file of this data set."""


class Builder(Protocol):
    """Builds the manifest table of a ready data set."""

    def __call__(
        self, source: ReadySource, data: Path | None, options: Mapping[str, Any], seed: int
    ) -> pa.Table:
        """Return the table: the same for the same arguments.

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
