"""Which ROIs each function, sub-region and region covers, by a named rule (paper 2.1 and 2.2).

What a region covers depends on the rule by which an ROI belongs to a function; no count stands
without its rule and threshold.

Letters: R ROIs, F functions of the atlas, K places.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from brainray.atlas.interface import Atlas
from brainray.errors import AtlasError

RuleName: TypeAlias = Literal["relative", "raw", "argmax"]
Members: TypeAlias = NDArray[np.bool_]

RULES: tuple[RuleName, ...] = get_args(RuleName)
THRESHOLDS: Mapping[RuleName, float] = {"relative": 0.5, "raw": 1.96, "argmax": 0.0}
"""Those that are taken if none is given; 1.96 is the two-sided 5 % of a z value."""

INSEPARABLE = 0.5
"""Sub-regions that share at least this much of their ROIs (Jaccard) cannot be told apart."""


@dataclass(frozen=True)
class Rule:
    """When an ROI belongs to a function.

    Attributes:
        name: ``relative``: its degree, relative to the function's peak, reaches the threshold;
            ``raw``: its degree in the unit of the source does; ``argmax``: the function is the
            one that excites it most, relative to the peaks, and by more than the threshold. Of
            functions that excite it equally it belongs to all.
        threshold: at least 0; of relative degrees in [0, 1].

    Raises:
        AtlasError: there is no such rule, or the threshold is out of range.
    """

    name: RuleName
    threshold: float

    def __post_init__(self) -> None:
        if self.name not in RULES:
            raise AtlasError(f"rule {self.name!r}: must be one of {', '.join(RULES)}")
        most = np.inf if self.name == "raw" else 1.0
        if not (0 <= self.threshold <= most and np.isfinite(self.threshold)):
            allowed = "at least 0" if self.name == "raw" else "in [0, 1]"
            raise AtlasError(f"threshold of rule {self.name}: {self.threshold} must be {allowed}")

    @classmethod
    def of(cls, name: RuleName = "relative", threshold: float | None = None) -> "Rule":
        """Return a rule, with its usual threshold if none is given."""
        return cls(name, THRESHOLDS.get(name, 0.0) if threshold is None else threshold)

    def __str__(self) -> str:
        if self.name == "argmax":
            return f"argmax, relative degree > {self.threshold:g}"
        return f"{self.name} degree >= {self.threshold:g}"

    def members(self, atlas: Atlas) -> Members:
        """Return which ROIs belong to which functions of the atlas, shape `(R, F)`.

        A degree of 0 is none, also at a threshold of 0.
        """
        degree_RF = atlas.degree_RF if self.name == "raw" else atlas.relative
        member_RF: Members = (degree_RF >= self.threshold) & (degree_RF > 0)
        if self.name == "argmax":
            most_R1 = degree_RF.max(axis=1, initial=0.0, keepdims=True)
            member_RF &= (degree_RF == most_R1) & (degree_RF > self.threshold)
        return member_RF


@dataclass(frozen=True)
class Branch:
    """A region or a sub-region in the hierarchy.

    Attributes:
        name: e.g. ``vision`` or ``vision.shape``.
        rois: how many ROIs it covers, those of its parts among them, each once.
        functions: its own ones, without those of its parts.
        parts: its sub-regions, by name.
    """

    name: str
    rois: int
    functions: tuple[str, ...]
    parts: tuple["Branch", ...]


@dataclass(frozen=True)
class Overlap:
    """How much two sub-regions share.

    Attributes:
        a: a sub-region.
        b: another one, none of which is a part of the other.
        shared: how many ROIs belong to both.
        jaccard: of the ROIs of either, in (0, 1].
    """

    a: str
    b: str
    shared: int
    jaccard: float


@dataclass(frozen=True)
class Complexity:
    """How complex a region is (paper 2.2).

    Attributes:
        region: its name.
        rois: that it covers.
        sub_regions: that have ROIs of functions of their own, or networks.
        networks: that live in it.
        parameters: of the networks' pretrained models.
    """

    region: str
    rois: int
    sub_regions: int
    networks: int
    parameters: int


class Coverage:
    """The ROIs of every function, sub-region and region.

    Args:
        atlas: whose ROIs.
        rule: when an ROI belongs to a function.

    Attributes:
        atlas: as given.
        rule: as given.
        functions: the members among the ROIs, shape `(R,)`, of each function of the dictionary,
            by name; none of a function that the atlas does not know.
        places: the same of each sub-region and region; each has those of its finer parts too.
    """

    def __init__(self, atlas: Atlas, rule: Rule) -> None:
        self.atlas, self.rule = atlas, rule
        member_RF = rule.members(atlas)
        column = {name: i for i, name in enumerate(atlas.functions)}
        nobody = np.zeros(len(atlas.rois), dtype=np.bool_)
        named = sorted(name for name in atlas.sub_regions if name not in atlas.synonyms)
        self.functions: dict[str, Members] = {
            name: member_RF[:, column[name]] if name in column else nobody for name in named
        }
        found: dict[str, Members] = {}
        for name, members in self.functions.items():
            for place in (atlas.sub_regions[name], *above(atlas.sub_regions[name])):
                found[place] = found.get(place, nobody) | members
        self.places: dict[str, Members] = dict(sorted(found.items()))

    @cached_property
    def regions(self) -> dict[str, Members]:
        """The regions among the places."""
        return {name: found for name, found in self.places.items() if "." not in name}

    @cached_property
    def sub_regions(self) -> dict[str, Members]:
        """The sub-regions among the places."""
        return {name: found for name, found in self.places.items() if "." in name}

    def hierarchy(self) -> tuple[Branch, ...]:
        """Return the tree of each region, by name."""
        return tuple(self._branch(name) for name in self.regions)

    def overlaps(self) -> list[Overlap]:
        """Return the pairs of sub-regions that share ROIs, the most alike first."""
        found = []
        for (a, a_R), (b, b_R) in combinations(self.sub_regions.items(), 2):
            shared = int((a_R & b_R).sum())
            if shared and a not in above(b) and b not in above(a):
                found.append(Overlap(a, b, shared, shared / int((a_R | b_R).sum())))
        return sorted(found, key=lambda pair: (-pair.jaccard, pair.a, pair.b))

    def complexity(
        self, homes: Mapping[str, Sequence[str]], parameters: Mapping[str, int]
    ) -> list[Complexity]:
        """Return how complex each region is, the one with the most ROIs first.

        Args:
            homes: the sub-regions in which each network lives, by the network's name.
            parameters: of the pretrained models of each region; none where it is not named.
        """
        table = self.atlas.sub_regions
        active = {table[name] for name, found in self.functions.items() if found.any()}
        lived_in = active.union(*homes.values())
        nobody = np.zeros(len(self.atlas.rois), dtype=np.bool_)
        rows = []
        for region in sorted(self.regions.keys() | {place.split(".")[0] for place in lived_in}):
            within = {place for place in lived_in if place.split(".")[0] == region}
            networks = sum(not within.isdisjoint(places) for places in homes.values())
            rois = int(self.places.get(region, nobody).sum())
            size = parameters.get(region, 0)
            rows.append(Complexity(region, rois, len(within), networks, size))
        return sorted(rows, key=lambda row: (-row.rois, row.region))

    def _branch(self, name: str) -> Branch:
        table = self.atlas.sub_regions
        parts = [p for p in self.places if p.rpartition(".")[0] == name]
        own = tuple(function for function in self.functions if table[function] == name)
        count = int(self.places[name].sum())
        return Branch(name, count, own, tuple(self._branch(part) for part in parts))


def ranking(members: Mapping[str, Members]) -> list[tuple[str, int]]:
    """Return how many ROIs each one covers, the most first, of equal ones by name."""
    counts = ((name, int(found.sum())) for name, found in members.items())
    return sorted(counts, key=lambda item: (-item[1], item[0]))


def inseparable(overlaps: Iterable[Overlap], bound: float = INSEPARABLE) -> list[Overlap]:
    """Return the pairs that cannot be told apart at a bound of the Jaccard index, in (0, 1]."""
    return [pair for pair in overlaps if pair.jaccard >= bound]


def above(place: str) -> tuple[str, ...]:
    """Return what a place is a part of, the next larger first and the region last."""
    parts = place.split(".")
    return tuple(".".join(parts[:end]) for end in range(len(parts) - 1, 0, -1))
