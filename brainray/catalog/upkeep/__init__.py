"""Keeping the catalog whole: what is damaged, how it is repaired, what can go."""

from brainray.catalog.upkeep.collect import GRACE, collect, remove_model, settle
from brainray.catalog.upkeep.download import download
from brainray.catalog.upkeep.findings import Finding, Removed, Verification
from brainray.catalog.upkeep.repair import repair
from brainray.catalog.upkeep.verify import verify

__all__ = [
    "GRACE",
    "Finding",
    "Removed",
    "Verification",
    "collect",
    "download",
    "remove_model",
    "repair",
    "settle",
    "verify",
]
