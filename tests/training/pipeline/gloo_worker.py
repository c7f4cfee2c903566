"""One of two processes that train a network in two stages; see test_schedule.py."""

import sys
from copy import deepcopy
from pathlib import Path

import pytest
import torch
import torch.distributed
from torch import nn
from torch.nn import functional

from brainray.errors import TrainingError
from brainray.training.pipeline.cutting import Chain, Flow, LayerCost, check_unsplit, cut
from brainray.training.pipeline.measuring import measure
from brainray.training.pipeline.schedule import SCHEDULES, Pipeline, agreed

ROWS = 4
BATCHES = (12, 7, 1, 12)  # three microbatches; an uneven last one; fewer than stages; again


def convolutional() -> nn.Sequential:
    torch.manual_seed(5)
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1),
        nn.GroupNorm(2, 4),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 3),
    ).double()


def batch(rows: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    inputs_BCHW = torch.randn(rows, 2, 5, 5, generator=generator, dtype=torch.float64)
    return inputs_BCHW, torch.randint(3, (rows,), generator=generator)


def optimizer(module: nn.Module) -> torch.optim.Optimizer | None:
    parameters = list(module.parameters())
    return torch.optim.SGD(parameters, lr=0.1, momentum=0.9) if parameters else None


def train(network: nn.Sequential, cut, schedule) -> None:
    """Take steps in the pipeline and on the whole network, and compare at each of them."""
    whole = deepcopy(network)
    pipeline = Pipeline(network, cut, functional.cross_entropy, ROWS, schedule)
    optimizers = [o for o in (optimizer(pipeline.stage), optimizer(whole)) if o is not None]
    for seed, rows in enumerate(BATCHES):
        for each in optimizers:
            each.zero_grad()
        inputs_BCHW, target_B = batch(rows, seed)
        expected = functional.cross_entropy(whole(inputs_BCHW), target_B)
        expected.backward()
        value = pipeline.step(inputs_BCHW, target_B)
        assert abs(value - expected.item()) < 1e-12
        gradients = dict(whole.named_parameters())
        for name, parameter in pipeline.stage.named_parameters():
            wanted = gradients[name].grad
            torch.testing.assert_close(parameter.grad, wanted, rtol=0, atol=1e-12)
        for each in optimizers:
            each.step()
    pipeline.share(network)
    torch.testing.assert_close(network.state_dict(), whole.state_dict(), rtol=0, atol=1e-12)


def most_in_flight(network: nn.Sequential, cut, schedule) -> int:
    """Return of how many microbatches this stage has had the activations at a time."""
    pipeline = Pipeline(network, cut, functional.cross_entropy, ROWS, schedule)
    pipeline.step(*batch(5 * ROWS, 0))  # the first step tries the layers out
    now = most = 0

    def forward(module, inputs, outputs) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        outputs.register_hook(backward)

    def backward(gradient) -> None:
        nonlocal now
        now -= 1

    pipeline.stage.register_forward_hook(forward)
    pipeline.step(*batch(5 * ROWS, 0))
    assert now == 0
    return most


def limited() -> None:
    """Train what a worker's memory limit does not allow one worker alone."""
    torch.manual_seed(6)
    network = nn.Sequential(
        nn.Flatten(), nn.Linear(50, 64), nn.Tanh(), nn.Linear(64, 48), nn.Tanh(), nn.Linear(48, 3)
    ).double()
    inputs_BCHW, _ = batch(ROWS, 0)
    costs = agreed(measure(network, inputs_BCHW, "sgd", repeats=1))
    chain = Chain(tuple(costs), Flow(microbatches=3))
    limit_bytes = 110_000
    with pytest.raises(TrainingError, match=r"needs 172,584 bytes on one worker.*2 stages fit"):
        check_unsplit(chain, limit_bytes)
    parts = cut(chain, 2, limit_bytes)
    assert parts[1].start in (2, 3), parts
    train(network, parts, "1f1b")


def refused(message: str, network: nn.Sequential, cut, rows: int = ROWS) -> None:
    with pytest.raises(TrainingError, match=message):
        Pipeline(network, cut, functional.cross_entropy, rows)


def refusals() -> None:
    network, halves = convolutional(), (range(0, 3), range(3, 6))
    refused("^cut: 1 stages need as many workers, not 2", network, (range(0, 6),))
    refused("^cut: must be of 6 layers", network, (range(0, 3), range(4, 6)))
    refused("^cut: must be of 6 layers", network, (range(0, 6), range(6, 6)))
    refused("^microbatch_rows: ", network, halves, rows=0)
    normed = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    refused("^1: a batch norm cannot be trained", normed, (range(0, 1), range(1, 2)))
    shared = nn.Linear(2, 2)
    refused(
        "^layer 2: shares its parameter weight with stage 0",
        nn.Sequential(shared, nn.Tanh(), shared),
        (range(0, 1), range(1, 3)),
    )
    Pipeline(normed.eval(), (range(0, 1), range(1, 2)), functional.cross_entropy, ROWS)
    pipeline = Pipeline(network, halves, functional.cross_entropy, ROWS)
    inputs_BCHW, target_B = batch(4, 0)
    for wrong in ((inputs_BCHW, target_B[:3]), (inputs_BCHW[:0], target_B[:0])):
        with pytest.raises(TrainingError, match=r"^batch: "):
            pipeline.step(*wrong)


def example() -> None:
    """Run the example of docs/training.md."""
    page = Path(__file__).parents[3] / "docs" / "training.md"
    section = page.read_text(encoding="utf-8").split("## A network larger than one worker")[1]
    names: dict = {}
    exec(section.split("```python\n")[1].split("```")[0], names)
    weights = torch.cat([weight.flatten() for weight in names["network"].state_dict().values()])
    of_all = [torch.empty_like(weights) for _ in range(2)]
    torch.distributed.all_gather(of_all, weights)
    torch.testing.assert_close(of_all[0], of_all[1], rtol=0, atol=0)
    assert 0 < names["loss"] < 5


def main(rank: int, rendezvous: Path) -> None:
    torch.set_num_threads(1)
    store = torch.distributed.FileStore(str(rendezvous), 2)
    torch.distributed.init_process_group("gloo", store=store, rank=rank, world_size=2)
    halves = (range(0, 3), range(3, 6))
    for schedule in SCHEDULES:
        train(convolutional(), halves, schedule)
        print("equal", schedule, flush=True)
        flow = Flow(5, schedule)
        assert most_in_flight(convolutional(), halves, schedule) == flow.in_flight(rank, 2)
        print("in flight", schedule, flush=True)
    twice = nn.Tanh()
    network = nn.Sequential(twice, *convolutional(), twice)
    train(network, (range(0, 1), range(1, 8)), "1f1b")
    print("without parameters", flush=True)
    costs = agreed([LayerCost("layer", rank + 0.1, 1, 2, 3)])
    assert costs == [LayerCost("layer", 0.1, 1, 2, 3)]
    limited()
    print("limited", flush=True)
    refusals()
    print("refusals", flush=True)
    example()
    print("example", flush=True)
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
