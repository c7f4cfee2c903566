"""Where a run keeps what belongs to the boxes of one detector in one sequence."""

from pathlib import Path
from urllib.parse import quote

from brainray.pipeline.record import Record


def file_of(record: Record, folder: str, detector: str, sequence: str, suffix: str) -> Path:
    """Return a file of the run's folder, another one for each detector and sequence.

    Names may hold anything, such as a slash.
    """
    names = ",".join(quote(name, safe="") for name in (detector, sequence))
    return record.folder / folder / f"{names}{suffix}"
