"""A joint network learns to shield off an input that contradicts a more reliable one."""

import pytest
import torch

from brainray.fusion.features import Features, Spoiling
from brainray.fusion.forms import build
from brainray.fusion.genome import Level, Wiring
from brainray.fusion.network import TapScale
from brainray.fusion.problem import FusionLoss, only
from brainray.training.loop import Recipe, fit
from brainray.training.metrics import accuracy

INPUTS = ("audio", "image")


@pytest.mark.parametrize(
    ("operator", "feedback"),
    [("concat", False), ("bilinear", False), ("attention", False), ("concat", True)],
)
def test_foreign_inputs_in_training_make_them_cost_less(
    redundant: Features,
    redundant_scales: dict[tuple[str, str], TapScale],
    operator: str,
    feedback: bool,
) -> None:
    levels = (Level(dict.fromkeys(INPUTS, "tap"), operator),)
    wiring = Wiring({name: name for name in INPUTS}, levels, feedback=feedback)
    shuffled = redundant.shuffled("image", torch.Generator().manual_seed(3))

    def accuracies(foreign: float) -> list[float]:
        """Train; return the accuracy as it is, and with the images of other rows."""
        temperatures, generator = dict.fromkeys(INPUTS, 1.0), torch.Generator().manual_seed(1)
        network = build(wiring, redundant_scales, temperatures, redundant.prior_C, 16, generator)
        spoiling = Spoiling(missing=0.0, foreign=foreign, anchor=0)
        loss = FusionLoss(network, redundant, INPUTS, spoiling, seed=2)
        fit(network, loss, len(redundant.target_N), Recipe(15, 100, "adam", 1e-2), seed=2)
        with torch.no_grad():
            return [
                accuracy(network.fuse(*only(seen, wiring, INPUTS)), seen.target_N)
                for seen in (redundant, shuffled)
            ]

    trusting, deceived = accuracies(foreign=0.0)
    wary, undeceived = accuracies(foreign=0.3)
    assert min(trusting, wary) > 0.9
    assert deceived < trusting - 0.08
    assert undeceived > wary - 0.04
