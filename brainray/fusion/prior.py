"""How a pathway guides the wiring: which networks may meet, which are preferred, and how early.

The networks of two inputs are *linked* as strongly as the sub-regions where they live: by the
strongest path between these through activated sub-regions, which is as strong as its weakest
connection. Where there is no path, there is no fusion.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

from brainray.atlas.interface import Pathway


@dataclass(frozen=True)
class WiringPrior:
    """The uniform prior: every model may meet every other, and none is preferred."""

    def weight(self, model: str) -> float:
        """Return how strongly the sub-region of a model is excited, in [0, 1]."""
        return 1.0

    def link(self, model: str, other: str) -> float:
        """Return how strongly two models are linked, in [0, 1]; those with 0 never meet."""
        return 1.0

    def integration(self, model: str) -> float:
        """Return how much goes through the sub-region of a model, in [0, 1]; see `Pathway`."""
        return 0.0

    def meeting(
        self, models: Mapping[str, str], met: Collection[str], joining: Collection[str]
    ) -> set[str]:
        """Return the inputs that may meet at a level: those linked to all that met below it.

        At the first level it is the largest group of linked inputs, of equal ones the most excited.
        If nothing is left, it is the most excited input that may be there.

        Args:
            models: of each input.
            met: the inputs of the levels below.
            joining: the inputs that are to join.
        """
        weights = {name: self.weight(model) for name, model in models.items()}
        groups = self._groups({name: models[name] for name in models if name in {*met, *joining}})
        largest = max(
            (group for group in groups if group.issuperset(met)),
            key=lambda group: (len(group), sum(weights[name] for name in group)),
            default=set(),
        )
        one = max((name for name in models if not met or name in met), key=weights.__getitem__)
        return largest.intersection(joining) or {one}

    def _groups(self, models: Mapping[str, str]) -> list[set[str]]:
        """Return the inputs in groups that are linked, directly or through others of the group."""
        found: list[set[str]] = []
        for name, model in models.items():
            near = [
                group
                for group in found
                if any(self.link(model, models[other]) > 0 for other in group)
            ]
            found = [group for group in found if group not in near] + [{name}.union(*near)]
        return found


@dataclass(frozen=True)
class PathwayPrior(WiringPrior):
    """The prior of a pathway.

    Attributes:
        pathway: the activated sub-regions.
        homes: the sub-regions where the network of each model lives, or finer parts of them. Those
            outside the pathway do not count; a model that lives in no other has weight 0 and no
            link.
    """

    pathway: Pathway
    homes: Mapping[str, Sequence[str]]

    def weight(self, model: str) -> float:
        """Return the weight of the strongest sub-region where a model lives."""
        return self._strongest(self.pathway.sub_regions, model)

    def link(self, model: str, other: str) -> float:
        """Return the strength of the strongest path between two models; 1 in one sub-region."""
        pairs = product(self._places[model], self._places[other])
        return max((self._paths.get(pair, 0.0) for pair in pairs), default=0.0)

    def integration(self, model: str) -> float:
        """Return the largest integration of the sub-regions where a model lives."""
        return self._strongest(self.pathway.integration, model)

    def _strongest(self, values: Mapping[str, float], model: str) -> float:
        return max((values.get(place, 0.0) for place in self._places[model]), default=0.0)

    @cached_property
    def _places(self) -> dict[str, list[str]]:
        """The sub-regions of the pathway in which each model lives."""
        return {
            model: [
                place
                for place in self.pathway.sub_regions
                if any(home == place or home.startswith(f"{place}.") for home in homes)
            ]
            for model, homes in self.homes.items()
        }

    @cached_property
    def _paths(self) -> dict[tuple[str, str], float]:
        """The strength of the strongest path between any two sub-regions that have one.

        The strongest paths are those of the maximum spanning tree, which grows here by its
        strongest connections first (Kruskal, 1956): the one that joins two parts of it is the
        weakest on all paths between them.
        """
        parts = {name: frozenset({name}) for name in self.pathway.sub_regions}
        found = {(name, name): 1.0 for name in parts}
        for a, b, weight in sorted(self.pathway.connections, key=lambda one: -one[2]):
            if parts[a] != parts[b]:
                for start in parts[a]:
                    for end in parts[b]:
                        found[start, end] = found[end, start] = weight
                joined = parts[a] | parts[b]
                parts |= dict.fromkeys(joined, joined)
        return found


def step_cost(link: float) -> float:
    """Return by which factor each step towards more and earlier fusion lowers an allele's weight.

    It is 1 for the strongest link and 1/2 for none: a prior that is much steeper leaves a search
    too few codes to try.

    Args:
        link: in [0, 1].
    """
    return (1 + link) / 2


def as_gene_prior(weights: Sequence[float]) -> tuple[float, ...] | None:
    """Return the weights of a gene's alleles as its prior: None if all are equal."""
    return None if max(weights) == min(weights) else tuple(weights)
