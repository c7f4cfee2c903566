import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from brainray.training.communicator import simulate
from brainray.training.loop import Recipe, fit
from brainray.training.strategies.all_reduce import AllReduce

STEPS = 50


@settings(deadline=None)
@given(rows=st.integers(0, 40), size=st.integers(1, 9))
def test_the_shares_are_the_batch_in_order_and_nearly_equal(rows: int, size: int):
    batch = torch.arange(rows) * 3
    shares = [AllReduce().share(batch, rank, size) for rank in range(size)]
    assert torch.cat(shares).tolist() == batch.tolist()
    lengths = [len(share) for share in shares]
    assert max(lengths) - min(lengths) <= 1


@settings(deadline=None)
@given(parts=st.lists(st.integers(0, 5), min_size=1, max_size=6).filter(sum))
def test_the_merged_gradient_is_the_mean_over_all_rows(parts: list[int]):
    strategy = AllReduce()
    gradients = torch.randn(sum(parts), 3, dtype=torch.float64)
    messages = [
        strategy.message(
            part.mean(dim=0) if len(part) else torch.zeros(3).double(), len(part), sum(parts)
        )
        for part in torch.split(gradients, parts)
    ]
    torch.testing.assert_close(strategy.merge(messages), gradients.mean(dim=0))


@settings(deadline=None, max_examples=30)
@example(workers=4, optimizer="adam", batch_size=4, last=1, full_batches=2)
@given(
    workers=st.integers(1, 4),
    optimizer=st.sampled_from(["adam", "sgd"]),
    batch_size=st.integers(4, 12),
    last=st.integers(1, 12),
    full_batches=st.integers(0, 4),
)
def test_several_workers_train_like_one_process(
    workers: int, optimizer: str, batch_size: int, last: int, full_batches: int, task
):
    """Batches are uneven and the last one may have fewer rows than there are workers."""
    rows = full_batches * batch_size + min(last, batch_size)
    epochs = -(-STEPS // (full_batches + 1))
    recipe = Recipe(epochs, batch_size, optimizer, learning_rate=0.05)

    def train(member=None) -> Tensor:
        network, loss = task(rows)
        if member is None:
            fit(network, loss, rows, recipe, seed=1)
        else:
            fit(network, loss, rows, recipe, seed=1, communicator=member)
        return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])

    expected = train()
    for weights in simulate(workers, train):
        torch.testing.assert_close(weights, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("workers", [2, 4])
def test_all_workers_end_with_the_very_same_bits(workers: int, task):
    recipe = Recipe(3, 5, "adam", learning_rate=0.05)

    def train(member) -> list[list[float]]:
        network, loss = task(23)
        fit(network, loss, 23, recipe, seed=1, communicator=member)
        return [parameter.tolist() for parameter in network.parameters()]

    first, *others = simulate(workers, train)
    assert all(other == first for other in others)
