"""What the commands of ``brainray catalog`` share."""

from brainray.catalog import Library
from brainray.catalog.dictionaries import DICTIONARIES
from brainray.settings import load_settings


def open_library() -> Library:
    """Open the catalog of the settings."""
    return Library.open(load_settings())


def plural(what: str) -> str:
    """Return the name of a dictionary, of which people also give the singular, as in ``add``."""
    return f"{what}s" if f"{what}s" in (*DICTIONARIES, "models", "drafts") else what
