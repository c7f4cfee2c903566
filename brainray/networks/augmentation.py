"""Random changes of prepared samples that keep their class, for pretraining."""

import torch
from torch import Tensor
from torch.nn import functional

SHIFT = 0.2
"""The largest shift in time, as a share of the width, of strength 1."""


def warp_spectrograms(inputs: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Return spectrograms as another voice, another pace and another moment would give them.

    Each sample's frequencies are multiplied by a factor of its own, as a longer or shorter vocal
    tract does (vocal tract length perturbation; Jaitly and Hinton, "Vocal Tract Length
    Perturbation (VTLP) improves speech recognition", ICML workshop 2013): 0 Hz stays where it is.
    Its time is stretched about its middle and shifted. Values between the pixels are interpolated
    bilinearly; what lies beyond an edge is the edge's value, for a recording's noise goes on.

    Args:
        inputs: shape `(B, C, H, W)`, row 0 is 0 Hz, time to the right; at least 2 by 2 pixels.
        strength: s in [0, 1): a stretch is uniform in [1 - s, 1 + s], the shift in
            [-s / 5, s / 5] of the width.
        generator: draws all of it.

    Returns:
        New samples of the same shape; ``inputs`` themselves with strength 0.
    """
    if strength == 0:
        return inputs
    pitch, pace, shift = strength * (2 * torch.rand(3, len(inputs), generator=generator) - 1)
    # Row by row x_from = (1 + pace) x + 2 SHIFT shift and y_from = (1 + pitch) (y + 1) - 1, where
    # both axes reach from -1 to 1.
    theta = torch.zeros(len(inputs), 2, 3)
    theta[:, 0, 0] = 1 + pace
    theta[:, 0, 2] = 2 * SHIFT * shift
    theta[:, 1, 1] = 1 + pitch
    theta[:, 1, 2] = pitch
    places = functional.affine_grid(theta, list(inputs.shape), align_corners=True)
    return functional.grid_sample(inputs, places, padding_mode="border", align_corners=True)
