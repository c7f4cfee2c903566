"""From a scenario to labelled sequences, and to the parts of them on which searches work."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from brainray.errors import DataError, ScenarioError
from brainray.scenario import TrackingScenario
from brainray.settings import Settings
from brainray.tracking.reading import confidence_note
from brainray.tracking.sequences import LabelledSequence, read_mot17, read_sequences
from brainray.tracking.walkers import walkers

Source = Literal["files", "embedded", "own"]

READY = "mot17"
NEEDED = ("gt.parquet", "detections.parquet", "seqinfo.csv")
"""Files of the ready data set in $BRAINRAY_DATA."""


def load_sequences(
    scenario: TrackingScenario, settings: Settings
) -> tuple[list[LabelledSequence], Source]:
    """Return the sequences that a scenario asks for, and what they were made of.

    Raises:
        DataError: they cannot be found or read.
        ScenarioError: it names a sequence that is not there.
    """
    data = scenario.data
    source: Source
    if data.own:
        found, source = read_sequences(data.input, data.detections, data.truth), "own"
    else:
        found, source = _ready(data.source, settings)
    names = [one.name for one in found]
    for name in names:
        if "/" in name or name.startswith("."):  # files of the run carry it
            raise DataError(f"seq {name!r}: a name must have no slash, and no point first")
    for key, wanted in {"sequences": data.sequences, "report": data.report}.items():
        for name in wanted:
            if name not in names:
                raise ScenarioError(
                    f"data.{key}: there is no sequence {name!r}, allowed are {', '.join(names)}"
                )
    if data.sequences:
        found = [one for one in found if one.name in {*data.sequences, *data.report}]
    if not found:
        raise DataError("data: there is no sequence with a ground truth")
    return found, source


def _ready(source: str, settings: Settings) -> tuple[list[LabelledSequence], Source]:
    folder = None if settings.data is None else settings.data / READY
    there = folder is not None and all((folder / name).is_file() for name in NEEDED)
    if folder is not None and there and source != "embedded":
        return read_mot17(folder), "files"
    if source == "files":
        where = f"$BRAINRAY_DATA/{READY}" if folder is None else folder
        raise DataError(
            f"data.source: files needs {', '.join(NEEDED)} in {where}; or give data.input, a "
            "folder of MOT sequences, or data.source embedded"
        )
    return walkers(), "embedded"


@dataclass(frozen=True)
class Part:
    """What one search is about.

    Attributes:
        name: of the sequence, or of the input where one setting is for all sequences.
        tuned: on what candidates are compared.
        reported: on what the chosen one is judged.
        detectors: with boxes of all of these.
    """

    name: str
    tuned: tuple[LabelledSequence, ...]
    reported: tuple[LabelledSequence, ...]
    detectors: tuple[str, ...]


def parts_of(
    scenario: TrackingScenario, sequences: Sequence[LabelledSequence]
) -> tuple[list[Part], list[str]]:
    """Return the searches of a run, and notes on detectors that are left out or have odd boxes.

    Args:
        scenario: with split and detectors.
        sequences: with the boxes of all detectors.

    Raises:
        ScenarioError: a detector that it names is nowhere, or a search would have none.
        DataError: a sequence is too short for halves.
    """
    data, wanted = scenario.data, scenario.search.detectors
    everywhere = list(dict.fromkeys(name for one in sequences for name in one.boxes))
    for name in wanted:
        if name not in everywhere:
            raise ScenarioError(
                f"search.detectors: {name!r} has no boxes, allowed are {', '.join(everywhere)}"
            )
    allowed = [name for name in everywhere if not wanted or name in wanted]
    if data.split == "halves":
        pairs = [one.halves() for one in sequences]
        tuned, reported = [first for first, _ in pairs], [second for _, second in pairs]
    else:
        tuned = [one for one in sequences if one.name not in data.report]
        reported = [one for one in sequences if one.name in data.report]
        if not tuned:
            raise ScenarioError("data.report: names all sequences, none is left to choose on")
    if scenario.search.each == "all":
        (name,) = scenario.inputs
        groups = [(name, tuple(tuned), tuple(reported))]
    else:
        groups = [(a.name, (a,), (b,)) for a, b in zip(tuned, reported, strict=True)]
    parts, notes = [], []
    for detector in allowed:
        recorded = [one.boxes[detector] for one in sequences if detector in one.boxes]
        note = confidence_note(detector, recorded)
        if note is not None and detector not in scenario.detectors:
            notes.append(note)
    for name, first, second in groups:
        missing = {
            detector: [one.name for one in sequences_of(first, second) if detector not in one.boxes]
            for detector in allowed
        }
        there = tuple(detector for detector in allowed if not missing[detector])
        if not there:
            raise ScenarioError(
                f"search.detectors: none has boxes of {name}: "
                f"{', '.join(allowed) or 'there is no detector at all'}"
            )
        notes += [
            f"{detector} cannot be chosen for {name}: it has no boxes of {', '.join(absent)}."
            for detector, absent in missing.items()
            if absent
        ]
        parts.append(Part(name, first, second, there))
    return parts, notes


def sequences_of(
    first: Sequence[LabelledSequence], second: Sequence[LabelledSequence]
) -> list[LabelledSequence]:
    """Return the sequences of both parts, each once."""
    return list({one.name: one for one in (*first, *second)}.values())
