"""What an importer is, and how one is found.

An importer only reads: what it returns is checked where it comes into the catalog. It imports
this module and `brainray.atlas.importers.files`, none of the others.
"""

from pathlib import Path
from typing import Protocol, cast

from brainray import plugins
from brainray.catalog.brain import AtlasRows


class Importer(Protocol):
    """A function that makes an atlas of somebody's files."""

    def __call__(self, path: Path, name: str) -> AtlasRows:
        """Return the atlas that lies at a path.

        Args:
            path: a file or a folder.
            name: of the atlas in the catalog.

        Raises:
            AtlasError: there are no such files, or they are not what the importer reads.
        """
        ...


def importer(kind: str) -> Importer:
    """Return the importer of a kind of atlas, e.g. ``table``.

    Raises:
        PluginError: no installed package offers it.
    """
    return cast(Importer, plugins.load("atlases", kind))
