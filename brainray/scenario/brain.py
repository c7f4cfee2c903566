"""What a report says of the brain: the pathway, and why a network was chosen."""

from pydantic import Field

from brainray.scenario.parts import Part


class PathwayPart(Part):
    """The activated sub-regions with their weights, and the connections between them.

    Attributes:
        sub_regions: name to weight in (0, 1], the strongest first.
        connections: pairs with their weights.
        integration: how much of the connection of all others goes through each, in [0, 1].
        functions: that each input asks for; none where ROIs were observed.
        inputs: the sub-regions that each input reaches.
        rois: the active ROIs with their strengths in (0, 1], the strongest first.
        prior: what guided the wiring.
        atlas: the brain atlas by which all this was found.
    """

    sub_regions: dict[str, float]
    connections: list[tuple[str, str, float]]
    integration: dict[str, float] = Field(default_factory=dict)
    functions: dict[str, list[str]] = Field(default_factory=dict)
    inputs: dict[str, list[str]] = Field(default_factory=dict)
    rois: dict[str, float] = Field(default_factory=dict)
    prior: str | None = None
    atlas: str | None = None


class Carrier(Part):
    """An active ROI that is a member of a sub-region.

    Attributes:
        name: of the ROI.
        label: what people call it.
        coordinates: MNI in mm.
        function: the one of the sub-region that excites it most.
        degree: how strongly, in the unit of its source.
        relative: the degree relative to the function's own peak, in [0, 1].
        strength: of its activation, relative to the most active ROI, in (0, 1].
    """

    name: str
    label: str
    coordinates: tuple[float, float, float]
    function: str
    degree: float
    relative: float
    strength: float


class Link(Part):
    """The strongest way from a sub-region to another one of the pathway.

    Attributes:
        to: the other one.
        weight: of the weakest connection on the way, in (0, 1].
        through: the sub-regions between them; none where they are connected directly.
    """

    to: str
    weight: float
    through: list[str]

    def __str__(self) -> str:
        """Return it in words, e.g. ``audition.speech 0.34 (through vision.face)``."""
        way = f" (through {', '.join(self.through)})" if self.through else ""
        return f"{self.to} {self.weight:.2f}{way}"


class Explanation(Part):
    """Why a network was offered or chosen: what excites the sub-region in which it lives.

    Attributes:
        model: the network or the pretrained model.
        sub_region: where it lives; if in several, the most strongly activated.
        weight: of the sub-region, in [0, 1]; 0 if it is not in the pathway.
        rank: of the sub-region among those of the pathway, 1 for the strongest; None if it is
            not in it.
        asked: whether a function that was asked for belongs to it.
        functions: the share of each function that was asked for in the raw activation of the
            sub-region, the largest first; they sum to 1. Empty where ROIs were observed, or the
            atlas knows no ROI of the sub-region.
        spread: the share of this activation that spread from other ROIs; the rest is excited
            directly. None where ``functions`` is empty.
        rois: that carry it, the most active first.
        connections: to the others of the pathway, the strongest first.
        reason: all this in a sentence.
    """

    model: str
    sub_region: str
    weight: float
    rank: int | None
    asked: bool
    functions: dict[str, float]
    spread: float | None
    rois: list[Carrier]
    connections: list[Link]
    reason: str

    def shares(self) -> list[str]:
        """Return the functions in words, ``shape 52 %``, but for those below half a percent."""
        shares = {function: 100 * share for function, share in self.functions.items()}
        return [f"{function} {share:.0f} %" for function, share in shares.items() if share >= 0.5]
