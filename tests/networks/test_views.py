from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from brainray.networks.interface import Preparation, ViewingPreparation
from brainray.networks.plain_input import ScaledImage, Waveform
from brainray.networks.preparation import GreyImage, HashedWords, LogSpectrogram
from brainray.networks.views import fewer_words

VIEWING: list[Preparation] = [
    GreyImage(12),
    LogSpectrogram(16, 30),
    HashedWords(10),
    ScaledImage(9, 12),
    ScaledImage(9, 12, layout="last"),
]


def samples_of(preparation: Preparation, rows: int = 6) -> Tensor:
    shape = (rows, *preparation.shape)
    generator = np.random.default_rng(0)
    if preparation.modality == "text":
        return torch.from_numpy(generator.integers(1, 99, shape))
    smooth = np.cumsum(generator.random(shape), axis=-1)
    return torch.from_numpy((smooth / smooth.max()).astype(np.float32))


@pytest.mark.parametrize("preparation", VIEWING, ids=str)
@pytest.mark.parametrize("kind", ["weak_view", "strong_view"])
def test_views_are_new_of_the_same_kind_and_drawn_by_the_generator(
    preparation: Preparation, kind: str
) -> None:
    assert isinstance(preparation, ViewingPreparation)
    view: Callable[[Tensor, torch.Generator], Tensor] = getattr(preparation, kind)
    samples = samples_of(preparation)
    before = samples.clone()
    one, again, other = (view(samples, torch.Generator().manual_seed(n)) for n in (0, 0, 1))
    assert torch.equal(samples, before)
    assert (one.shape, one.dtype) == (samples.shape, samples.dtype)
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    if preparation.modality != "text":
        assert one.isfinite().all()
        assert samples.min() - 1e-5 <= one.min()
        assert one.max() <= samples.max() + 1e-5


@pytest.mark.parametrize("preparation", VIEWING, ids=str)
def test_strong_views_change_more_than_weak_ones(preparation: Preparation) -> None:
    assert isinstance(preparation, ViewingPreparation)
    samples = samples_of(preparation, 64)
    weak, strong = (
        float((view(samples, torch.Generator().manual_seed(0)) - samples).float().abs().mean())
        for view in (preparation.weak_view, preparation.strong_view)
    )
    assert 0 < weak < strong


def test_a_plain_wave_has_no_views() -> None:
    assert not isinstance(Waveform(), ViewingPreparation)


def test_words_are_left_out_and_the_others_move_up_in_order() -> None:
    texts = torch.tensor([list(range(1, 41)), [7, 8] + [0] * 38, [5] + [0] * 39, [0] * 40])
    left = fewer_words(texts, 0.5, 0, torch.Generator().manual_seed(0))
    first = left[0][left[0] != 0].tolist()
    assert 10 < len(first) < 30
    assert first == sorted(first)
    assert left[0].tolist() == first + [0] * (40 - len(first))
    assert left[1].tolist()[0] in (7, 8)
    assert left[2].equal(texts[2])  # its only word stays
    assert left[3].equal(texts[3])
    assert fewer_words(texts, 0.0, 0, torch.Generator()).equal(texts)
