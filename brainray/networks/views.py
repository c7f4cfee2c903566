"""Weak and strong views of prepared samples, for semi- and self-supervised pretraining.

A view keeps the class: pictures are not mirrored, for letters and digits would become others.
"""

import torch
from torch import Tensor
from torch.nn import functional

from brainray.networks.augmentation import warp_spectrograms

SHIFT = 0.125
"""The largest shift of a picture, as a share of its side; FixMatch's."""
TURN = 0.5
"""The largest rotation, in radians."""
STRETCH = 0.25
"""The largest change of size, and of shear, as a share."""
CUT = 0.5
"""The largest side of the square that is cut out, as a share of the picture's; Cutout's."""
FADE = 0.7
"""The most of a picture's contrast that is taken away."""
WEAK_WARP, STRONG_WARP = 0.05, 0.3
"""Strengths of `warp_spectrograms`."""
BAND = 0.25
"""The widest band of frequencies, or of time, that is masked, as a share of the side."""
WEAK_DROPOUT, STRONG_DROPOUT = 0.1, 0.4
"""Probabilities that a word is left out."""


def weak_pictures(inputs: Tensor, generator: torch.Generator) -> Tensor:
    """Return pictures `(B, C, H, W)`, each shifted a little; edges go on (FixMatch, 2020)."""
    return _moved(inputs, 0.0, 0.0, generator)


def strong_pictures(inputs: Tensor, generator: torch.Generator) -> Tensor:
    """Return pictures `(B, C, H, W)` that are paler, turned, stretched, sheared, shifted and cut.

    What RandAugment (Cubuk et al., NeurIPS 2020) draws from, all at once and in moderation, and
    a square set to the mean (Cutout; DeVries and Taylor, 2017).
    """
    keep_B = 1 - FADE * torch.rand(len(inputs), generator=generator)
    faded = torch.lerp(_mean(inputs), inputs, keep_B[:, None, None, None])
    moved = _moved(faded, TURN, STRETCH, generator)
    sides_B2 = CUT * torch.rand(len(inputs), 1, generator=generator).expand(-1, 2)
    return _masked(moved, sides_B2, generator)


def weak_spectrograms(inputs: Tensor, generator: torch.Generator) -> Tensor:
    """Return spectrograms `(B, C, H, W)`, warped a little."""
    return warp_spectrograms(inputs, WEAK_WARP, generator)


def strong_spectrograms(inputs: Tensor, generator: torch.Generator) -> Tensor:
    """Return spectrograms `(B, C, H, W)`, warped much, with a masked band each way.

    SpecAugment (Park et al., Interspeech 2019): a band of frequencies, and one of time, is set to
    the mean.
    """
    warped = warp_spectrograms(inputs, STRONG_WARP, generator)
    for side in ((0.0, 1.0), (1.0, 0.0)):  # of a band, one side is the whole picture's
        whole_2 = torch.tensor(side)
        drawn_B2 = BAND * torch.rand(len(inputs), 1, generator=generator) * (1 - whole_2)
        warped = _masked(warped, drawn_B2 + whole_2, generator)
    return warped


def fewer_words(
    inputs: Tensor, probability: float, padding: int, generator: torch.Generator
) -> Tensor:
    """Return texts without some of their words, the others moved up; a text keeps one at least.

    Args:
        inputs: word numbers, shape `(B, T)`, ``padding`` behind the end.
        probability: that a word is left out.
        padding: the number of no word.
        generator: draws which.
    """
    words_BT = inputs != padding
    kept_BT = words_BT & (torch.rand(inputs.shape, generator=generator) >= probability)
    kept_BT = torch.where(kept_BT.any(1, keepdim=True), kept_BT, words_BT)
    order_BT = (~kept_BT).to(torch.int8).argsort(dim=1, stable=True)
    return inputs.masked_fill(~kept_BT, padding).gather(1, order_BT)


def _moved(inputs: Tensor, turn: float, stretch: float, generator: torch.Generator) -> Tensor:
    """Return pictures after an affine map of their own; beyond an edge the edge goes on."""
    draws = 2 * torch.rand(6, len(inputs), generator=generator) - 1
    angle_B = turn * draws[0]
    wide_B, high_B, shear_B = 1 + stretch * draws[1], 1 + stretch * draws[2], stretch * draws[3]
    theta = torch.zeros(len(inputs), 2, 3)
    theta[:, 0, 0] = wide_B * angle_B.cos()
    theta[:, 0, 1] = shear_B - high_B * angle_B.sin()
    theta[:, 1, 0] = wide_B * angle_B.sin()
    theta[:, 1, 1] = high_B * angle_B.cos()
    theta[:, :, 2] = 2 * SHIFT * draws[4:].T  # both axes reach from -1 to 1
    places = functional.affine_grid(theta, list(inputs.shape), align_corners=True)
    return functional.grid_sample(inputs, places, padding_mode="border", align_corners=True)


def _masked(inputs: Tensor, sides_B2: Tensor, generator: torch.Generator) -> Tensor:
    """Return pictures in which a rectangle at random is set to the mean.

    Args:
        inputs: shape `(B, C, H, W)`.
        sides_B2: its height and width, as shares of the picture's.
        generator: draws where it begins.
    """
    begins_B2 = torch.rand(len(inputs), 2, generator=generator) * (1 - sides_B2)
    height, width = inputs.shape[-2:]
    inside = []
    for axis, size in enumerate((height, width)):
        place_S = (torch.arange(size) + 0.5) / size
        begin_B1 = begins_B2[:, axis, None]
        inside.append((place_S >= begin_B1) & (place_S < begin_B1 + sides_B2[:, axis, None]))
    mask_B1HW = (inside[0][:, :, None] & inside[1][:, None, :])[:, None]
    return torch.where(mask_B1HW, _mean(inputs), inputs)


def _mean(inputs: Tensor) -> Tensor:
    return inputs.mean((2, 3), keepdim=True)
