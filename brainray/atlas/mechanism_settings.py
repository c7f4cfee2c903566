"""The settings of the collaboration mechanism."""

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from brainray.atlas.connectome import ConnectomeKind
from brainray.errors import AtlasError

PriorKind: TypeAlias = Literal["brain", "direct", "distance", "shuffled"]


@dataclass(frozen=True)
class MechanismSettings:
    """The settings of the collaboration mechanism.

    Attributes:
        connectome: what activation spreads over: correlated activity, fibres, or distance.
        edges: the strongest relations of each ROI that are kept, at least 1.
        nearness: how much of what is passed on goes to the nearest ROIs in either hemisphere,
            and not over the connectome, in [0, 1]. It leaves a pathway's connections alone.
        spreading: ``alpha``, how much of the activation goes on at each step, in [0, 1).
        inhibition: ``gamma``, how much of what every stimulus excites is taken away, in [0, 1].
        threshold: how many standard deviations above the mean of all sub-regions one has to be,
            at least 0.
        membership: the degree, relative to the function's peak, from which an ROI is one of
            those that connect a sub-region with others, in (0, 1].
        floor: the weakest connection of a pathway, relative to its strongest, in [0, 1]; at 0
            there is one wherever the connectome has a relation.
        shuffle_seed: if given, the connectome's ROIs are permuted by this seed: a null.

    Raises:
        AtlasError: a value out of its range.
    """

    connectome: ConnectomeKind = "functional"
    edges: int = 20
    nearness: float = 0.5
    spreading: float = 0.3
    inhibition: float = 0.5
    threshold: float = 0.5
    membership: float = 0.5
    floor: float = 0.05
    shuffle_seed: int | None = None

    def __post_init__(self) -> None:
        ranges = {
            "edges": (self.edges >= 1, "at least 1"),
            "nearness": (0 <= self.nearness <= 1, "in [0, 1]"),
            "spreading": (0 <= self.spreading < 1, "in [0, 1)"),
            "inhibition": (0 <= self.inhibition <= 1, "in [0, 1]"),
            "threshold": (self.threshold >= 0, "at least 0"),
            "membership": (0 < self.membership <= 1, "in (0, 1]"),
            "floor": (0 <= self.floor <= 1, "in [0, 1]"),
        }
        for name, (allowed, what) in ranges.items():
            if not allowed:
                raise AtlasError(f"activation.{name}: {getattr(self, name)} must be {what}")

    def variant(self, kind: PriorKind, seed: int = 0) -> "MechanismSettings":
        """Return the settings of a prior for the search.

        Args:
            kind: ``brain`` is these settings; ``direct`` does not spread; ``distance`` knows
                coordinates alone; ``shuffled`` has the connectome and the neighbors of other
                ROIs.
            seed: of ``shuffled``.
        """
        if kind == "direct":
            return replace(self, spreading=0.0)
        if kind == "distance":
            return replace(self, connectome="distance")
        if kind == "shuffled":
            return replace(self, shuffle_seed=seed)
        return self
