"""Twelve stimuli: does the mechanism answer where the literature expects it?

There are two files of expectations, written independently of each other and both fixed before any
atlas was scored: ``stimuli.yaml``, which decides, and ``stimuli_with_tables.yaml``, whose peaks say
which of them were read in the table of a publication. The rule stands at the head of both.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import yaml
from reporting import goal

from atlas_on_data.maps import read_schaefer
from brainray.atlas.activation import Mechanism
from brainray.atlas.arrays import load_atlas
from brainray.atlas.interface import Atlas, Floats
from brainray.atlas.mechanism_settings import MechanismSettings
from brainray.catalog.brain_seed import SHIPPED
from brainray.errors import AtlasError
from brainray.testing.places import library_below

FOLDER = Path(__file__).parent
STIMULI = FOLDER / "stimuli.yaml"
STIMULI_WITH_TABLES = FOLDER / "stimuli_with_tables.yaml"
STRONGEST = 3
"""A peak's nearest ROI has to be among so many."""

DIGITS = 9
"""Strengths are rounded, so that no order of summation decides which of two equal ones is first."""

Strengths: TypeAlias = Callable[[Sequence[str]], Floats]
"""From functions to the strength of every ROI, shape `(R,)`."""

StrengthsOf: TypeAlias = Callable[[Atlas], Strengths]
"""From an atlas to its strengths; it is asked again for the atlas without a function."""

STIMULUS_KEYS = {"stimulus", "functions", "own", "peaks"}
PEAK_KEYS = {"at", "source"}
PEAK_NOTES = {"area", "talairach", "figure"}


@dataclass(frozen=True)
class Stimulus:
    """A stimulus and where it is expected.

    Attributes:
        name: e.g. ``reading aloud``.
        functions: that somebody would name for it.
        own: the one of them whose associations are removed in the second test.
        peaks_P3: MNI coordinates in mm.
        sources: of the peaks.
    """

    name: str
    functions: tuple[str, ...]
    own: str
    peaks_P3: Floats
    sources: tuple[str, ...]


def read_stimuli(path: Path = STIMULI) -> tuple[Stimulus, ...]:
    """Return the stimuli of a file.

    Raises:
        AtlasError: a key is missing or unknown, ``own`` is none of the functions, or there is not
            one to four peaks of three coordinates and a source each.
    """
    return tuple(_stimulus(entry) for entry in yaml.safe_load(path.read_text(encoding="utf-8")))


def by_mechanism(settings: MechanismSettings | None = None) -> StrengthsOf:
    """Return the strengths after the mechanism's spreading and inhibition."""

    def strengths_of(atlas: Atlas) -> Strengths:
        mechanism = Mechanism(atlas, settings)
        return lambda functions: mechanism.active(mechanism.stimulus(functions))

    return strengths_of


def score(
    atlas: Atlas, strengths_of: StrengthsOf, stimuli: Sequence[Stimulus]
) -> list[dict[str, Any]]:
    """Return a row for each stimulus.

    Args:
        atlas: that is scored.
        strengths_of: see `StrengthsOf`, e.g. ``by_mechanism()``.
        stimuli: of `read_stimuli`.

    Returns:
        rows of ``stimulus``, ``expected`` (the ROIs nearest to the peaks) with ``away_mm``,
        ``strongest``, ``hit``, the last two again as ``strongest_without_own`` and
        ``hit_without_own``, ``own_known`` (whether the atlas had associations to remove), and
        ``mismatched``, the share of the other stimuli whose peaks the strongest ROIs would hit.

    Raises:
        AtlasError: a function that nobody knows, or an atlas without ROIs.
    """
    if not atlas.rois:
        raise AtlasError(f"atlas {atlas.name!r}: has no ROIs")
    for stimulus in stimuli:
        for function in stimulus.functions:
            if function not in atlas.sub_regions:
                raise AtlasError(f"stimulus {stimulus.name!r}: unknown function {function!r}")
    nearest = {stimulus.name: _nearest(atlas, stimulus.peaks_P3) for stimulus in stimuli}
    strengths = strengths_of(atlas)
    rows = []
    for stimulus in stimuli:
        expected = nearest[stimulus.name]
        strongest = _strongest(atlas, strengths(stimulus.functions))
        rest = strengths_of(without(atlas, stimulus.own))
        others = [name for name in stimulus.functions if name != stimulus.own]
        left = _strongest(atlas, rest(others))
        misses = [nearest[other.name] for other in stimuli if other.name != stimulus.name]
        rows.append(
            {
                "stimulus": stimulus.name,
                "expected": list(expected),
                "away_mm": [round(distance, 1) for distance in expected.values()],
                "strongest": strongest,
                "hit": not expected.keys().isdisjoint(strongest),
                "strongest_without_own": left,
                "hit_without_own": not expected.keys().isdisjoint(left),
                "own_known": stimulus.own in atlas.functions,
                "mismatched": float(
                    np.mean([not other.keys().isdisjoint(strongest) for other in misses])
                ),
            }
        )
    return rows


def totals(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return the scores: how many of the stimuli are hit.

    Returns:
        ``strict``, ``own_removed``, and ``mismatched``, what as many stimuli score that are held
        against the peaks of others.
    """
    return {
        "strict": float(sum(row["hit"] for row in rows)),
        "own_removed": float(sum(row["hit_without_own"] for row in rows)),
        "mismatched": float(sum(row["mismatched"] for row in rows)),
    }


def without(atlas: Atlas, function: str) -> Atlas:
    """Return an atlas that says nothing of a function."""
    kept = [i for i, name in enumerate(atlas.functions) if name != function]
    return replace(
        atlas,
        functions=tuple(atlas.functions[i] for i in kept),
        degree_RF=atlas.degree_RF[:, kept],
    )


def _nearest(atlas: Atlas, peaks_P3: Floats) -> dict[str, float]:
    """Return the ROI nearest to each peak, once each, with the distance in mm."""
    distance_PR = np.linalg.norm(peaks_P3[:, None] - atlas.coordinates[None], axis=2)
    found: dict[str, float] = {}
    for distance_R in distance_PR:
        place = int(distance_R.argmin())
        name = atlas.names[place]
        found[name] = min(float(distance_R[place]), found.get(name, np.inf))
    return found


def _strongest(atlas: Atlas, strength_R: Floats) -> list[str]:
    """Return the strongest ROIs that are active; of equal ones that of the atlas' order."""
    order = np.argsort(-np.round(strength_R, DIGITS), kind="stable")[:STRONGEST]
    return [atlas.names[place] for place in order if round(float(strength_R[place]), DIGITS) > 0]


def _stimulus(entry: Mapping[str, Any]) -> Stimulus:
    what = f"stimulus {entry.get('stimulus')!r}"
    if entry.keys() != STIMULUS_KEYS:
        raise AtlasError(f"{what}: must have the keys {', '.join(sorted(STIMULUS_KEYS))}")
    functions, own, peaks = tuple(entry["functions"]), entry["own"], entry["peaks"]
    if own not in functions or len(functions) < 2:
        raise AtlasError(f"{what}: own {own!r} must be one of at least two functions")
    if not 1 <= len(peaks) <= 4:
        raise AtlasError(f"{what}: has {len(peaks)} peaks, must have one to four")
    for peak in peaks:
        if not PEAK_KEYS <= peak.keys() <= PEAK_KEYS | PEAK_NOTES:
            raise AtlasError(f"{what}: a peak must have the keys {', '.join(sorted(PEAK_KEYS))}")
        if len(peak["at"]) != 3 or not peak["source"].strip():
            raise AtlasError(f"{what}: a peak needs three coordinates and a source")
    peaks_P3 = np.array([peak["at"] for peak in peaks], dtype=np.float64)
    sources = tuple(peak["source"] for peak in peaks)
    return Stimulus(entry["stimulus"], functions, own, peaks_P3, sources)


def measure(folder: Path, data: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return rows of two atlases for both files, and the goals of what decides.

    The shipped atlas decides. Schaefer's parcels with Neurosynth's terms stand beside it: in maps
    a function excites most of its region a little, so that more is left of a region when one of
    its functions is taken out.

    Args:
        folder: where a catalog is made.
        data: the folder of data sets.
    """
    atlases = load_atlas(library_below(folder), SHIPPED), read_schaefer(data)
    rows: list[dict[str, Any]] = [
        {
            "atlas": atlas.name,
            "file": path.name,
            "method": method,
            **totals(found),
            "stimuli": found,
        }
        for atlas in atlases
        for path in (STIMULI, STIMULI_WITH_TABLES)
        for method, settings in (("mechanism", None), ("direct", MechanismSettings(spreading=0.0)))
        for found in [score(atlas, by_mechanism(settings), read_stimuli(path))]
    ]
    decides = rows[0]
    return rows, [
        goal("stimuli of 12, strict", decides["strict"], 10),
        goal("stimuli of 12, own row removed", decides["own_removed"], 9),
    ]
