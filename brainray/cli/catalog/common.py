"""What the commands of ``brainray catalog`` share."""

from brainray.catalog import Library
from brainray.settings import load_settings


def open_library() -> Library:
    """Open the catalog of the settings."""
    return Library.open(load_settings())
