"""Why a network was offered or chosen: what excites the sub-region in which it lives.

Letters: R ROIs.
"""

from collections import deque
from collections.abc import Mapping, Sequence

import numpy as np

from brainray.atlas.activation import Mechanism
from brainray.atlas.interface import Activation, Floats, Pathway
from brainray.scenario.brain import Carrier, Explanation, Link

DIGITS = 9
"""Shares are rounded, so that no order of summation decides which of two equal ones is first."""


class Explainer:
    """Explains networks by one activation.

    Args:
        mechanism: that found the activation.
        activation: of a scenario.
        functions: input name to the functions or synonyms that it asks for; none where ROIs were
            observed instead.
    """

    def __init__(
        self,
        mechanism: Mechanism,
        activation: Activation,
        functions: Mapping[str, Sequence[str]],
    ) -> None:
        atlas = mechanism.atlas
        self._mechanism = mechanism
        self._activation = activation
        self._known: dict[str, Explanation] = {}
        self._asking: dict[str, set[str]] = {}
        for name, given in functions.items():
            for function in given:
                self._asking.setdefault(atlas.synonyms.get(function, function), set()).add(name)
        # A function that two inputs ask for counts twice, as in the mechanism.
        self._stimulus_R = mechanism.stimulus(
            function for function, inputs in self._asking.items() for _ in inputs
        )
        raw = mechanism.contributions(self._asking) if self._asking else {}
        self._raw = {name: raw_R * len(self._asking[name]) for name, raw_R in raw.items()}

    def explain(self, model: str, sub_regions: Sequence[str], given: str) -> Explanation:
        """Explain a network by the sub-region where it lives.

        If it lives in several, the strongest of those that its input reaches counts.

        Args:
            model: the network or the pretrained model.
            sub_regions: where it lives, at least one; finer parts of a sub-region lie in it.
            given: the input for which it is.
        """
        pathway = self._activation.pathway
        places = [*self._activation.inputs.get(given, ()), *pathway.sub_regions, sub_regions[0]]
        home = next(place for place in places if _lies_in(place, sub_regions))
        if home not in self._known:
            self._known[home] = self._of(home)
        return self._known[home].model_copy(update={"model": model})

    def _of(self, home: str) -> Explanation:
        """Return what all networks of a sub-region have in common."""
        pathway = self._activation.pathway
        order = list(pathway.sub_regions)
        shares, spread = self._shares(home)
        return Explanation(
            model="",
            sub_region=home,
            weight=pathway.sub_regions.get(home, 0.0),
            rank=order.index(home) + 1 if home in order else None,
            asked=bool(self._asked_in(home)),
            functions=shares,
            spread=spread,
            rois=self._carriers(home),
            connections=links(pathway, home),
            reason=self._reason(home, shares, spread),
        )

    def _asked_in(self, sub_region: str) -> list[str]:
        """Return the functions asked for that belong to a sub-region, sorted."""
        of_function = self._mechanism.atlas.sub_regions
        return sorted(f for f in self._asking if of_function.get(f) == sub_region)

    def _degrees(self, sub_region: str) -> Floats:
        """Return how strongly each ROI carries a sub-region, in [0, 1], shape `(R,)`."""
        known = self._mechanism.sub_regions
        if sub_region not in known.names:
            return np.zeros(len(self._mechanism.atlas.rois))
        return np.asarray(known.degree_RK[:, known.names.index(sub_region)])

    def _shares(self, sub_region: str) -> tuple[dict[str, float], float | None]:
        """Return each function's share in the raw activation, and how much of it was spread.

        Raw activation is the sum of what each function adds, so the shares are exact.
        """
        degree_R = self._degrees(sub_region)
        parts = {function: float(degree_R @ raw_R) for function, raw_R in self._raw.items()}
        whole = sum(parts.values())
        if whole == 0:
            return {}, None
        shares = {function: round(part / whole, DIGITS) for function, part in parts.items()}
        largest = sorted(shares.items(), key=lambda item: (-item[1], item[0]))
        stays = 1 - self._mechanism.settings.spreading
        direct = stays * float(degree_R @ self._stimulus_R)
        spread = round(max(0.0, 1 - direct / whole), DIGITS)
        return {function: share for function, share in largest if share > 0}, spread

    def _carriers(self, sub_region: str) -> list[Carrier]:
        atlas, strengths = self._mechanism.atlas, self._activation.rois
        columns = [i for i, f in enumerate(atlas.functions) if atlas.sub_regions[f] == sub_region]
        carriers = []
        least = self._mechanism.settings.membership
        for row in np.flatnonzero(self._degrees(sub_region) >= least):
            roi = atlas.rois[row]
            column = max(columns, key=lambda i: float(atlas.relative[row, i]))
            if roi.name in strengths:
                carriers.append(
                    Carrier(
                        name=roi.name,
                        label=roi.label,
                        coordinates=(roi.x, roi.y, roi.z),
                        function=atlas.functions[column],
                        degree=float(atlas.degree_RF[row, column]),
                        relative=round(float(atlas.relative[row, column]), DIGITS),
                        strength=strengths[roi.name],
                    )
                )
        return sorted(carriers, key=lambda carrier: (-carrier.strength, carrier.name))

    def _reason(self, home: str, shares: Mapping[str, float], spread: float | None) -> str:
        weights = self._activation.pathway.sub_regions
        if home not in weights:
            return f"{home} is not in the pathway: the network was moved since it was chosen."
        rank = f"It ranks {list(weights).index(home) + 1} of {len(weights)} in the pathway"
        rank += f", with weight {weights[home]:.2f}."
        if not self._asking:
            return f"{home} has ROIs that are active. {rank}"
        if asked := self._asked_in(home):
            inputs = sorted(set().union(*(self._asking[function] for function in asked)))
            carry = f"{home} carries {_and(asked)}, which {_and(inputs)}"
            return f"{carry} asked for. {rank}"
        if not any(home in reached for reached in self._activation.inputs.values()):
            return f"{home} is reached by no input, but connects what they reach. {rank}"
        why = f"{home} was not asked for but reached"
        if spread is not None:
            function, share = next(iter(shares.items()))
            why += (
                f": {100 * share:.0f} % of its activation is by {function}, and "
                f"{100 * spread:.0f} % spread from other ROIs"
            )
        ways = links(self._activation.pathway, home)
        nearest = next((way for way in ways if self._asked_in(way.to)), None)
        if nearest is not None:
            why += f"; its strongest link to what was asked for is {nearest}"
        return f"{why}. {rank}"


def _lies_in(place: str, sub_regions: Sequence[str]) -> bool:
    return any(name == place or name.startswith(f"{place}.") for name in sub_regions)


def _and(names: Sequence[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def links(pathway: Pathway, start: str) -> list[Link]:
    """Return the strongest way from a sub-region to each other one that it is connected with.

    A way is as strong as its weakest connection; of equal ones the shortest counts, then names
    decide.

    Args:
        pathway: with connections in (0, 1].
        start: a sub-region.
    """
    found: dict[str, Link] = {}
    reachable = len(_shortest_ways([(a, b) for a, b, _ in pathway.connections], start))
    for weight in sorted({weight for _, _, weight in pathway.connections}, reverse=True):
        if len(found) == reachable:
            break
        strong = [(a, b) for a, b, strength in pathway.connections if strength >= weight]
        for name, way in _shortest_ways(strong, start).items():
            found.setdefault(name, Link(to=name, weight=weight, through=list(way)))
    return sorted(found.values(), key=lambda link: (-link.weight, link.to))


def _shortest_ways(
    connections: Sequence[tuple[str, str]], start: str
) -> dict[str, tuple[str, ...]]:
    """Return what lies between a sub-region and each one that it is connected with."""
    neighbors: dict[str, set[str]] = {}
    for a, b in connections:
        neighbors.setdefault(a, set()).add(b)
        neighbors.setdefault(b, set()).add(a)
    ways: dict[str, tuple[str, ...]] = {start: ()}
    waiting = deque([start])
    while waiting:
        here = waiting.popleft()
        for there in sorted(neighbors.get(here, ())):
            if there not in ways:
                ways[there] = () if here == start else (*ways[here], here)
                waiting.append(there)
    del ways[start]
    return ways
