"""A catalog, a store and all the rest below one folder."""

from pathlib import Path

from brainray.catalog.library import Library
from brainray.settings import Settings, load_settings


def places_below(home: Path) -> dict[str, str]:
    """Return the environment in which everything of the user's lies below ``home``."""
    return {
        "BRAINRAY_DATABASE_URL": f"sqlite:///{home / 'catalog.sqlite'}",
        "BRAINRAY_STORE_URL": str(home / "store"),
        "BRAINRAY_CACHE": str(home / "cache"),
        "BRAINRAY_RUNS": str(home / "runs"),
    }


def settings_below(home: Path) -> Settings:
    """Return settings by which everything lies below ``home``."""
    return load_settings(places_below(home))


def library_below(home: Path) -> Library:
    """Open a catalog below ``home``."""
    return Library.open(settings_below(home))
