import math

import pytest
import torch
from torch import Tensor, nn

from brainray.training.loop import Recipe, fit
from brainray.training.self_supervised import PROJECTION, contrastive_loss, nt_xent, with_projection


def slow_nt_xent(one_BD: Tensor, other_BD: Tensor, temperature: float) -> float:
    """Equation 1 of the paper, term by term."""
    views = [*one_BD.tolist(), *other_BD.tolist()]
    pairs = len(one_BD)

    def similarity(i: int, k: int) -> float:
        dot = sum(a * b for a, b in zip(views[i], views[k], strict=True))
        return dot / math.hypot(*views[i]) / math.hypot(*views[k])

    total = 0.0
    for i in range(2 * pairs):
        j = (i + pairs) % (2 * pairs)
        below = sum(math.exp(similarity(i, k) / temperature) for k in range(2 * pairs) if k != i)
        total -= math.log(math.exp(similarity(i, j) / temperature) / below)
    return total / (2 * pairs)


@pytest.mark.parametrize(("pairs", "temperature"), [(1, 0.5), (2, 0.1), (5, 1.0), (7, 0.5)])
def test_nt_xent_is_equation_1(pairs: int, temperature: float) -> None:
    generator = torch.Generator().manual_seed(pairs)
    one_BD, other_BD = torch.randn(2, pairs, 4, generator=generator, dtype=torch.float64)
    found = float(nt_xent(one_BD, other_BD, temperature))
    assert found == pytest.approx(slow_nt_xent(one_BD, other_BD, temperature), abs=1e-12)


def test_gradients_flow_into_both_views_and_a_pair_alone_teaches_nothing() -> None:
    one_BD, other_BD = (torch.randn(3, 4, requires_grad=True) for _ in range(2))
    nt_xent(one_BD, other_BD, 0.5).backward()
    assert one_BD.grad is not None
    assert other_BD.grad is not None
    assert (one_BD.grad != 0).any(1).all()
    assert (other_BD.grad != 0).any(1).all()
    alone = nt_xent(one_BD[:1], other_BD[:1], 0.5).detach()
    assert float(alone) == pytest.approx(0.0, abs=1e-6)


def test_views_of_one_sample_become_alike() -> None:
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        projected = with_projection(nn.Linear(8, PROJECTION))
    samples_ND = torch.randn(16, 8, generator=generator)

    def view(samples: Tensor) -> Tensor:
        return samples + 0.3 * torch.randn(samples.shape, generator=generator)

    loss = contrastive_loss(projected, samples_ND.__getitem__, view, 0.5)
    rows = torch.arange(16)
    before = float(loss(rows, 0).detach())
    fit(projected, loss, rows=16, recipe=Recipe(60, 16, "adam", 3e-3), seed=0)
    assert float(loss(rows, 0).detach()) < before - 0.3
