"""How fast candidates are evaluated: a brood at once against the other ways.

Rows and goals, all on one machine in one run:

- a brood of 32 in one pass against the same 32 networks one by one, on the same banks, warmed,
  with the same fused Adam, batches and epochs, on one thread (CPU seconds);
- a candidate on banks against the same candidate trained through its frozen backbones at
  112x112, measured over some batches and scaled to all (CPU seconds);
- candidates a second through Ray Tune, from ``fit()`` to the last result; start-up apart.

A candidate is 8 epochs over 7,000 pairs, batch 256, depth 4.
"""

import argparse
import json
import math
import os
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from reporting import document, goal
from torch.nn import functional

from brainray.catalog.store import Store
from brainray.fusion.bank import build_bank, save_bank
from brainray.fusion.features import Spoiling
from brainray.fusion.forms import build
from brainray.fusion.genome import Candidate, FusionCode, Wiring
from brainray.fusion.network import FusionNetwork, TapScale
from brainray.fusion.population import CandidateRecipe, Population
from brainray.fusion.problem import FOREIGN, MISSING, FusionProblem
from brainray.networks.interface import TappedNetwork
from brainray.networks.lenet import LeNet3
from brainray.networks.medium import MediumNet
from brainray.scenario.steps import Search
from brainray.search.random_search import RandomSearch
from brainray.search.schedule import Schedule
from brainray.seeding import one_thread, torch_generator
from brainray.training.loop import Recipe

CLASSES, BATCH, EPOCHS, DEPTH, BROOD = 10, 256, 8, 4, 32
HIDDEN = Search().hidden
SPOILING = Spoiling(MISSING, FOREIGN, anchor=1)
SHAPES = {"image": (1, 28, 28), "audio": (1, 112, 112)}
GOALS = {"brood_of_32_against_one_by_one": 3.0, "banks_against_frozen_backbones": 700.0}
TUNE_GOAL = 12.0


class Setting:
    """Four untrained networks an input, their banks, and random depth-4 candidates.

    The speed does not depend on what the networks have learned, so nothing is trained here.
    """

    def __init__(self, folder: Path, pairs: int, hidden: int) -> None:
        self.hidden, self.pairs = hidden, pairs
        self.store = Store(str(folder / "store"), folder / "cache")
        self.networks: dict[str, TappedNetwork] = {}
        self.inputs = {
            name: torch.rand(pairs, *shape, generator=torch_generator(0, name))
            for name, shape in SHAPES.items()
        }
        banks: dict[str, dict[str, str]] = {}
        candidates: dict[str, tuple[Candidate, ...]] = {}
        for name, shape in SHAPES.items():
            found = []
            for architecture in (LeNet3, MediumNet):
                for optimizer in ("adam", "sgd"):
                    network = architecture(shape, CLASSES).eval()
                    model = f"{architecture.__name__}-{name}-{optimizer}"
                    self.networks[model] = network
                    bank = build_bank(
                        network, self.inputs[name].numpy(), np.ones(pairs, dtype=bool)
                    )
                    save_bank(self.store, f"banks/{model}.safetensors", bank)
                    key = f"banks/{model}.safetensors"
                    banks[model] = {"train": key, "validation": key, "test": key}
                    found.append(
                        Candidate(
                            model,
                            optimizer,
                            architecture.__name__,
                            sum(p.numel() for p in network.parameters()),
                            tuple(bank.taps),
                        )
                    )
            candidates[name] = tuple(found)
        target = torch.randint(CLASSES, (pairs,), generator=torch_generator(0, "target"))
        self.problem = FusionProblem(
            FusionCode(candidates, DEPTH, ("concat",)),
            self.store,
            banks,
            dict.fromkeys(("train", "validation", "test"), target),
            CLASSES,
            CandidateRecipe(hidden, EPOCHS, BATCH),
            Recipe(EPOCHS, BATCH, "adam", 3e-3),
            hidden,
            "all_reduce",
            seed=0,
        )
        self.features = self.problem.features("train")

    def wirings(self, count: int) -> list[Wiring]:
        """Return random candidates of full depth."""
        generator = np.random.default_rng(0)
        found: list[Wiring] = []
        while len(found) < count:
            wiring = self.problem.code.decode(self.problem.space.sample(generator))
            if len(wiring.levels) == DEPTH:
                found.append(wiring)
        return found

    def network(self, wiring: Wiring) -> FusionNetwork:
        """Return one candidate as the module that finalists use."""
        scales = {
            (name, tap): TapScale(
                torch.zeros(self.features.taps[wiring.models[name], tap].shape[1]),
                torch.ones(self.features.taps[wiring.models[name], tap].shape[1]),
            )
            for level in wiring.levels
            for name, tap in level.taps.items()
        }
        return build(
            wiring,
            scales,
            dict.fromkeys(SHAPES, 1.0),
            self.features.prior_C,
            self.hidden,
            torch_generator(0, "weights"),
        )


def brood_seconds(setting: Setting, wirings: list[Wiring]) -> float:
    """Return the CPU seconds of training a brood in one pass."""
    start = time.process_time()
    population = Population(wirings, setting.features, setting.problem.candidate, 0)
    population.train(setting.features, SPOILING)
    return time.process_time() - start


def single_seconds(setting: Setting, wiring: Wiring) -> float:
    """Return the CPU seconds of training one candidate by autograd on the same banks."""
    features, recipe = setting.features, setting.problem.candidate
    network = setting.network(wiring)
    start = time.process_time()
    optimizer = torch.optim.AdamW(network.parameters(), recipe.learning_rate, fused=True)
    for epoch in range(recipe.epochs):
        order = torch.randperm(setting.pairs, generator=torch_generator(0, epoch))
        keep, source = SPOILING.draw(setting.pairs, 2, torch_generator(1, epoch))
        # One permutation an epoch, then views: the same courtesy that the brood has.
        taken = {name: source[order, i] for i, name in enumerate(SHAPES)}
        kept = {name: keep[order, i, None] for i, name in enumerate(SHAPES)}
        levels = [
            {name: tap * kept[name] for name, tap in level.items()}
            for level in features.levels(wiring, taken)
        ]
        evidences = {
            name: value * kept[name] for name, value in features.evidence_of(wiring, taken).items()
        }
        target = features.target_N[order]
        for first in range(0, setting.pairs, BATCH):
            rows = slice(first, first + BATCH)
            logits = network.fuse(
                [{name: tap[rows] for name, tap in level.items()} for level in levels],
                {name: value[rows] for name, value in evidences.items()},
            )
            optimizer.zero_grad(set_to_none=True)
            loss = functional.cross_entropy(logits, target[rows])
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return time.process_time() - start


def frozen_seconds(setting: Setting, wiring: Wiring, batches: int) -> float:
    """Return the CPU seconds of a whole candidate trained through its frozen backbones.

    Measured over ``batches`` batches and scaled to all of the candidate's.
    """
    network = setting.network(wiring)
    backbones = {name: setting.networks[model] for name, model in wiring.models.items()}
    for backbone in backbones.values():
        torch.nn.utils.convert_conv2d_weight_memory_format(backbone, torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3, fused=True)
    order = torch.randperm(setting.pairs, generator=torch_generator(0, "frozen"))

    def step(number: int) -> None:
        rows = order[(number * BATCH) % (setting.pairs - BATCH) :][:BATCH]
        with torch.inference_mode():
            taps = {
                name: backbone.tap_features(setting.inputs[name][rows])
                for name, backbone in backbones.items()
            }
        copies = {name: {k: v.clone() for k, v in given.items()} for name, given in taps.items()}
        optimizer.zero_grad(set_to_none=True)
        loss = functional.cross_entropy(network(copies), setting.features.target_N[rows])
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    for number in range(2):
        step(number)
    start = time.process_time()
    for number in range(batches):
        step(number)
    passed = time.process_time() - start
    return passed / batches * EPOCHS * math.ceil(setting.pairs / BATCH)


def tune_rate(setting: Setting, candidates: int, folder: Path) -> dict[str, float]:
    """Return candidates a second through Tune on 2 workers, and the start-up seconds apart."""
    import ray

    from actors.cluster import connected
    from actors.runner import QUIET
    from actors.search import search_on_tune

    os.environ.update(QUIET)
    space = setting.problem.space
    schedule = Schedule(
        space, RandomSearch(space, 0), seed=0, budget=candidates, brood_size=BROOD, lag=3
    )
    finished: list[float] = []
    start = time.monotonic()
    with connected(folder, num_cpus=2):
        assert ray.is_initialized()
        ready = time.monotonic()
        search_on_tune(
            setting.problem,
            schedule,
            2,
            lambda brood, values, seconds: finished.append(time.monotonic() - seconds),
            folder / "tune",
        )
        done = time.monotonic()
    return {
        "ray_start_seconds": ready - start,
        "fit_to_first_brood_seconds": min(finished) - ready,
        "fit_to_last_result_seconds": done - ready,
        "candidates_a_second": candidates / (done - ready),
    }


def report(quick: bool, folder: Path) -> dict[str, Any]:
    """Measure everything."""
    pairs = 1000 if quick else 7000
    repeats, singles, batches, candidates = (1, 4, 5, 64) if quick else (5, 8, 50, 512)
    with one_thread():
        setting = Setting(folder, pairs, hidden=HIDDEN)
        wirings = setting.wirings(BROOD)
        brood_seconds(setting, wirings)  # the first pass warms allocator and kernels
        single_seconds(setting, wirings[0])
        broods, alone = [], []
        for _ in range(repeats):
            broods.append(brood_seconds(setting, wirings))
            alone.append(
                float(np.mean([single_seconds(setting, wiring) for wiring in wirings[:singles]]))
            )
        brood, one = median(broods), median(alone)
        # The middle case: one small and one larger network.
        mixed = next(
            w
            for w in wirings
            if {m.split("-")[0] for m in w.models.values()} == {"LeNet3", "MediumNet"}
        )
        frozen = frozen_seconds(setting, mixed, batches)
    tune = tune_rate(setting, candidates, folder)
    measured = {
        "brood_of_32_against_one_by_one": BROOD * one / brood,
        "banks_against_frozen_backbones": frozen / (brood / BROOD),
    }
    goals = [goal(name, value, GOALS[name]) for name, value in measured.items()]
    goals.append(goal("tune_candidates_a_second", tune["candidates_a_second"], TUNE_GOAL))
    rows = [
        {"name": "brood of 32, one pass", "cpu_seconds": round(brood, 3)},
        {"name": "one candidate on banks, autograd", "cpu_seconds": round(one, 4)},
        {"name": "one candidate through frozen backbones", "cpu_seconds": round(frozen, 2)},
        {"name": "Ray Tune, 2 workers", **{key: round(value, 2) for key, value in tune.items()}},
    ]
    setting_json = {
        "pairs": pairs,
        "epochs": EPOCHS,
        "batch": BATCH,
        "depth": DEPTH,
        "hidden": HIDDEN,
        "repeats": repeats,
        "frozen_batches": batches,
        "candidates_through_tune": candidates,
    }
    return document(quick, setting_json, rows, goals)


def main() -> None:
    """Measure, print, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="only prove that it runs")
    parser.add_argument("--json", type=Path, required=True, help="where to write the report")
    arguments = parser.parse_args()
    target = arguments.json.resolve()
    with tempfile.TemporaryDirectory() as folder:
        found = report(arguments.quick, Path(folder))
    target.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    for row in found["rows"]:
        print(row)
    for one in found["goals"]:
        print(f"{one['name']}: {one['value']} (goal {one['goal']}, met: {one['met']})")


if __name__ == "__main__":
    main()
