"""One of two processes that train a network in two stages; see test_schedule.py."""

import os
import sys
from copy import deepcopy
from pathlib import Path

import pytest
import torch
import torch.distributed
from torch import nn
from torch.nn import functional

from brainray.errors import TrainingError
from brainray.training.checkpoint import Checkpoint, Checkpoints
from brainray.training.loop import Recipe
from brainray.training.pipeline.checkpoint import StageCheckpoint
from brainray.training.pipeline.cutting import Chain, Flow, LayerCost, cut
from brainray.training.pipeline.fitting import fit_stages
from brainray.training.pipeline.measuring import measure
from brainray.training.pipeline.schedule import SCHEDULES, Pipeline, agreed
from brainray.training.progress import Progress, unwatched

ROWS = 4
BATCHES = (12, 7, 1, 12)  # three microbatches; an uneven last one; fewer than stages; again


def convolutional(in_place: bool = True) -> nn.Sequential:
    torch.manual_seed(5)
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1),
        nn.GroupNorm(2, 4),
        nn.ReLU(in_place),
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
    whole_batches = Chain(chain.layers, Flow(microbatches=3, schedule="gpipe"))
    with pytest.raises(TrainingError, match=r"^stage 0 of 1 .*needs 172,584 bytes.*2 stages fit"):
        cut(whole_batches, 1, limit_bytes)
    parts = cut(chain, 2, limit_bytes)
    assert parts[1].start in (2, 3), parts
    train(network, parts, "1f1b")


class Folder:
    """Keeps files as a store does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)

    def read(self, name: str) -> bytes | None:
        path = self.folder / name
        return path.read_bytes() if path.exists() else None

    def write(self, name: str, data: bytes) -> None:
        path = self.folder / name
        path.with_suffix(f".{os.getpid()}").write_bytes(data)
        path.with_suffix(f".{os.getpid()}").replace(path)


class Killed(Exception):  # noqa: N818
    """Ends a worker as a kill does."""


def fitted(
    place: Folder | None, kill_in_epoch: int = 99, optimizer="adam", watch=unwatched
) -> tuple[dict, int]:
    """Train; return the weights and how many batches that took."""
    network, rows, batches = convolutional(in_place=False), 30, 0
    inputs_BCHW, target_B = batch(rows, 3)

    def chosen(numbers: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        nonlocal batches
        batches += 1
        if batches > 1 + 3 * kill_in_epoch:  # the first one is the example that is measured
            raise Killed
        return inputs_BCHW[numbers], target_B[numbers]

    checkpoint = place and Checkpoint(Checkpoints(place, seconds=0), "training")
    recipe = Recipe(4, 12, optimizer, 0.01)
    fit_stages(
        network,
        chosen,
        functional.cross_entropy,
        rows,
        recipe,
        seed=1,
        flow=Flow(3),
        checkpoint=checkpoint,
        watch=watch,
    )
    return network.state_dict(), batches - 1


def resumed(folder: Path) -> None:
    """A training that is ended in its last epoch, or in the first, goes on."""
    for optimizer in ("adam", "sgd"):
        wanted, _ = fitted(None, optimizer=optimizer)
        for kill_in_epoch, left in ((0, 12), (1, 9), (3, 3)):
            place = Folder(folder / f"{optimizer}-{kill_in_epoch}")
            with pytest.raises(Killed):
                fitted(place, kill_in_epoch, optimizer)
            weights, batches = fitted(place, optimizer=optimizer)
            torch.testing.assert_close(weights, wanted, rtol=0, atol=1e-12)
            assert batches == left


def resumed_with_another_cut(folder: Path) -> None:
    place = Folder(folder / "another-cut")
    generator = torch.Generator().manual_seed(4)
    batches = [batch(8, int(torch.randint(99, (), generator=generator))) for _ in range(4)]

    def steps(network: nn.Sequential, parts, some, begins: bool) -> dict:
        pipeline = Pipeline(network, parts, functional.cross_entropy, ROWS)
        adam = Recipe(1, 8, "adam", 0.01).build(list(pipeline.stage.parameters()))
        kept = StageCheckpoint(Checkpoints(place, 0), "training", pipeline.stage, adam)
        assert kept.resume().epochs == (0 if begins else 2)
        for one in some:
            adam.zero_grad()
            pipeline.step(*one)
            adam.step()
        kept.note(2)
        pipeline.share(network)
        return network.state_dict()

    halves, others = (range(0, 3), range(3, 6)), (range(0, 1), range(1, 6))
    wanted = steps(convolutional(), halves, batches, begins=True)
    torch.distributed.barrier()
    place = Folder(folder / "another-cut-in-the-middle")
    steps(convolutional(), halves, batches[:2], begins=True)
    weights = steps(convolutional(), others, batches[2:], begins=False)
    torch.testing.assert_close(weights, wanted, rtol=0, atol=1e-12)
    with pytest.raises(TrainingError, match=r"^checkpoint training: is not of this network: "):
        steps(
            nn.Sequential(nn.Linear(1, 2), nn.Linear(2, 3)), (range(0, 1), range(1, 2)), [], False
        )


def begun_anew(folder: Path) -> None:
    """A training whose checkpoint is damaged begins anew, on all workers, and says so."""
    wanted, _ = fitted(None)
    rank = torch.distributed.get_rank()
    damages = {
        "training": lambda data: b"garbage",
        "training-0-1": lambda data: data[: len(data) // 2],
        "training-0-0": lambda data: None,
    }
    for name, damage in damages.items():
        place = Folder(folder / f"damaged-{name}")
        with pytest.raises(Killed):
            fitted(place, 1)
        torch.distributed.barrier()
        if rank == 0:
            damaged = damage((place.folder / name).read_bytes())
            (place.folder / name).unlink()
            if damaged is not None:
                place.write(name, damaged)
        torch.distributed.barrier()
        told: list[Progress] = []
        weights, batches = fitted(place, watch=told.append)
        torch.testing.assert_close(weights, wanted, rtol=0, atol=1e-12)
        assert batches == 12
        assert [(news.epochs, news.anew) for news in told] == ([(0, True)] if rank == 0 else [])


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
    resumed(rendezvous.parent)
    print("resumed", flush=True)
    resumed_with_another_cut(rendezvous.parent)
    print("another cut", flush=True)
    begun_anew(rendezvous.parent)
    print("begun anew", flush=True)
    refusals()
    print("refusals", flush=True)
    example()
    print("example", flush=True)
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
