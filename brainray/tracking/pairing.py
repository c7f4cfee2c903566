"""Which boxes and which ground truth belong to which sequence, whatever their files are called."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from brainray.tracking.reading import read_sources
from brainray.tracking.rows import Rows

Found = TypeVar("Found")


@dataclass(frozen=True)
class Recorded:
    """Boxes that a file has of one sequence and one detector.

    Attributes:
        path: of the file.
        sequence: by its name.
        detector: by its name.
        rows: the boxes.
    """

    path: Path
    sequence: str
    detector: str
    rows: Rows

    @property
    def folder(self) -> str:
        """The name of the file's folder."""
        return self.path.resolve().parent.name


def by_names(names: Collection[str], found: Mapping[str, Found]) -> dict[str, Found]:
    """Return what was found of sequences by the names of these.

    What is of one sequence and the only sequence that is known belong together whatever their
    names; all else keeps its own.

    Args:
        names: of the sequences that are known.
        found: by the names that files have or give.
    """
    if len(names) == len(found) == 1:
        return dict(zip(names, found.values(), strict=True))
    return dict(found)


def read_recorded(paths: Iterable[Path], names: Collection[str]) -> list[Recorded]:
    """Read the boxes of one or more detectors from files.

    Where one sequence is known and no file has boxes under its name, all files with boxes of a
    single sequence are taken for boxes of it. Where files of one name have boxes of one sequence
    their folders' names are those of the detectors, if they differ.

    Args:
        paths: for `read_sources`.
        names: of the sequences that are known.

    Raises:
        DataError: see `read_sources`.
    """
    found = []
    for path in paths:
        sources = read_sources(path)
        found.append(
            [
                Recorded(path, name, detector, rows)
                for detector, sequences in sources.items()
                for name, rows in sequences.items()
            ]
        )
    if len(names) == 1 and not any(one.sequence in names for file in found for one in file):
        (only,) = names
        found = [
            [replace(one, sequence=only) for one in file] if _of_one_sequence(file) else file
            for file in found
        ]
    return _told_apart([one for file in found for one in file])


def _of_one_sequence(file: Iterable[Recorded]) -> bool:
    return len({one.sequence for one in file}) == 1


def _told_apart(found: Iterable[Recorded]) -> list[Recorded]:
    """Name detectors by folders where their files' names, by which they are called, are the same.

    Those of other names keep them: reports and scenarios of earlier runs have them.
    """
    found = list(found)
    same = Counter((one.sequence, one.detector) for one in found)
    placed = Counter((one.sequence, one.detector, one.folder) for one in found)
    return [
        replace(one, detector=one.folder)
        if one.detector == one.path.stem
        and same[one.sequence, one.detector] > 1
        and placed[one.sequence, one.detector, one.folder] == 1
        else one
        for one in found
    ]
