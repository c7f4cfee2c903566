"""How large the benchmark is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """Sizes.

    Attributes:
        masks: of each kind; with 100 every parcel is the center of a block.
        nulls: seeds of each null connectome.
        choose: whether settings are chosen, or the default ones taken.
        rois: of the atlases whose activation is timed.
        rounds: of the timing.
    """

    masks: int
    nulls: int
    choose: bool
    rois: tuple[int, ...]
    rounds: int


FULL = Plan(masks=100, nulls=5, choose=True, rois=(300, 10_000), rounds=9)
QUICK = Plan(masks=2, nulls=1, choose=False, rois=(300,), rounds=2)
