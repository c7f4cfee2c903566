import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from brainray.networks.augmentation import SHIFT, warp_spectrograms
from brainray.networks.interface import AugmentingPreparation
from brainray.networks.preparation import GreyImage, HashedWords, LogSpectrogram
from brainray.seeding import torch_generator

SIZE = 112


def pictures(count: int) -> Tensor:
    return torch.rand(count, 1, SIZE, SIZE, generator=torch_generator(0, "pictures"))


def warped(inputs: Tensor, strength: float, seed: int = 0) -> Tensor:
    return warp_spectrograms(inputs, strength, torch_generator(seed, "warp"))


def middles(profiles_BN: Tensor) -> Tensor:
    """Return where the weight of each profile lies, in places from 0."""
    places = torch.arange(profiles_BN.shape[1], dtype=profiles_BN.dtype)
    return (profiles_BN * places).sum(1) / profiles_BN.sum(1)


def test_strength_0_is_the_identity() -> None:
    inputs = pictures(3)
    assert torch.equal(warped(inputs, 0.0), inputs)


@settings(max_examples=20, deadline=None)
@given(strength=st.floats(0.01, 0.5), seed=st.integers(0, 1000))
def test_shape_type_and_range_stay_and_the_inputs_are_left_alone(strength: float, seed: int):
    inputs = pictures(2)
    before = inputs.clone()
    made = warped(inputs, strength, seed)
    assert (made.shape, made.dtype) == (inputs.shape, inputs.dtype)
    assert torch.equal(inputs, before)
    assert inputs.min() - 1e-6 <= made.min() <= made.max() <= inputs.max() + 1e-6


def test_the_generator_alone_decides_and_each_sample_is_another() -> None:
    inputs = pictures(1).expand(4, -1, -1, -1)
    first, again, other = (warped(inputs, 0.3, seed) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert len({sample.sum().item() for sample in first}) == 4


@pytest.mark.parametrize("row", [20, 40])
@pytest.mark.parametrize("strength", [0.1, 0.25])
def test_a_tone_is_heard_as_far_from_0_hz_as_the_strength_says(row: int, strength: float) -> None:
    tones = torch.zeros(500, 1, SIZE, SIZE)
    tones[:, :, row - 1 : row + 2] = 1.0
    rows = middles(warped(tones, strength)[:, 0].sum(2))
    assert row / (1 + strength) - 0.5 <= rows.min() < row / (1 + 0.8 * strength)
    assert row / (1 - 0.8 * strength) < rows.max() <= row / (1 - strength) + 0.5


def test_0_hz_stays() -> None:
    hum = torch.zeros(50, 1, SIZE, SIZE)
    hum[:, :, 0] = 1.0
    made = warped(hum, 0.5)
    torch.testing.assert_close(made[:, :, 0], hum[:, :, 0])


def test_a_moment_moves_by_at_most_stretch_and_shift() -> None:
    clicks = torch.zeros(500, 1, SIZE, SIZE)
    clicks[..., 54:58] = 1.0  # around the middle, which a stretch alone leaves where it is
    strength = 0.2
    moved = middles(warped(clicks, strength)[:, 0].sum(1)) - 55.5
    furthest = SHIFT * strength * (SIZE - 1) / (1 - strength)
    assert -furthest - 0.5 <= moved.min() < -0.6 * furthest
    assert 0.6 * furthest < moved.max() <= furthest + 0.5


def test_what_lies_beyond_an_edge_is_the_edges_value() -> None:
    noise = torch.full((20, 1, SIZE, SIZE), 0.4)
    torch.testing.assert_close(warped(noise, 0.5), noise)


def test_only_the_spectrogram_augments() -> None:
    assert isinstance(LogSpectrogram(), AugmentingPreparation)
    assert not isinstance(GreyImage(), AugmentingPreparation)
    assert not isinstance(HashedWords(), AugmentingPreparation)
    inputs = pictures(2)
    made = LogSpectrogram().augment(inputs, 0.2, torch_generator(0, "warp"))
    assert torch.equal(made, warped(inputs, 0.2))
