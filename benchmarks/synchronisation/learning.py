"""What networks have learned after equal epochs; workers are threads of one process here.

Over gloo the same rules give the same weights (tests/actors/test_gloo.py), so these accuracies are
those of processes; only an asynchronous server, whose workers take turns here, differs.
"""

import statistics
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

import torch

from brainray import plugins
from brainray.training.communicator import simulate
from brainray.training.interface import Communicator
from brainray.training.loop import Recipe, fit
from synchronisation.digits import accuracy, digits, loss_of, network
from synchronisation.plan import RULES, Plan, Rule

WORKERS = 4
NETWORK = "lenet5"
RATE = 3e-3
ONE_PROCESS = Rule("one process", "all_reduce")


@dataclass(frozen=True)
class Lesson:
    """One training by so many workers."""

    rule: Rule
    workers: int
    seed: int
    source: str
    rows: int
    epochs: int
    batch: int


def learned(lesson: Lesson) -> float:
    """Return the accuracy on the test images, in [0, 1]."""
    torch.set_num_threads(1)
    train, test = digits(lesson.source, lesson.rows)

    def work(member: Communicator) -> float:
        net = network(NETWORK, lesson.seed)
        recipe = Recipe(lesson.epochs, lesson.batch, "adam", RATE)
        strategy = plugins.build("strategies", lesson.rule.strategy, lesson.rule.options)
        rows = len(train.digit_N)
        fit(net, loss_of(net, train), rows, recipe, lesson.seed, strategy, member)
        return accuracy(net, test) if member.rank == 0 else 0.0

    return simulate(lesson.workers, work)[0]


def learn(lessons: list[Lesson]) -> list[float]:
    """Return what each lesson has taught; a few short ones are not worth processes."""
    if sum(lesson.rows * lesson.epochs for lesson in lessons) < 50_000:
        return list(map(learned, lessons))
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        return list(pool.map(learned, lessons))


def asked_of(seeds: int) -> list[tuple[Rule, int, int]]:
    """Return each rule, its number of workers and a seed; one process comes first."""
    asked = [(ONE_PROCESS, 1), *((rule, WORKERS) for rule in RULES)]
    return [(rule, workers, seed) for rule, workers in asked for seed in range(seeds)]


def compare_rules(plan: Plan) -> list[dict[str, Any]]:
    """Return every rule's accuracy on MNIST beside that of one process, in points."""
    asked = asked_of(plan.learn_seeds)
    found = learn(
        [Lesson(*one, plan.source, plan.learn_rows, plan.learn_epochs, 128) for one in asked]
    )
    return beside_one_process("accuracy", asked, found)


def beside_one_process(
    part: str, asked: list[tuple[Rule, int, int]], found: list[float]
) -> list[dict[str, Any]]:
    """Return a row a rule: its accuracies, in percent, and their distance to one process's."""
    reached: dict[tuple[str, int], list[float]] = {}
    for (rule, workers, _), value in zip(asked, found, strict=True):
        reached.setdefault((rule.name, workers), []).append(100 * value)
    alone = reached[ONE_PROCESS.name, 1]
    return [
        {
            "part": part,
            "simulated": True,
            "rule": name,
            "workers": workers,
            "accuracies": [round(value, 2) for value in own],
            "mean": round(statistics.mean(own), 2),
            "points_to_one_process": round(
                statistics.mean(mine - other for mine, other in zip(own, alone, strict=True)), 2
            ),
        }
        for (name, workers), own in reached.items()
    ]


def lessons_keys(lessons: list[Lesson]) -> list[tuple[str, int, int]]:
    """Return what tells lessons of one comparison apart."""
    return [(lesson.rule.name, lesson.workers, lesson.seed) for lesson in lessons]


def compare_swarm(plan: Plan) -> list[dict[str, Any]]:
    """Return PSO-PS's accuracy beside plain averaging at the same period, in points."""
    pairs = [
        (Rule(f"{name} {period}", name, {"period": period}), period, name)
        for period in plan.periods
        for name in ("local_sgd", "pso_ps")
    ]
    seeds = range(plan.swarm_seeds)
    lessons = [
        Lesson(rule, WORKERS, seed, plan.source, plan.swarm_rows, plan.swarm_epochs, 64)
        for rule, _, _ in pairs
        for seed in seeds
    ]
    found = dict(zip(lessons_keys(lessons), learn(lessons), strict=True))
    rows = []
    for period in plan.periods:
        averaging, swarm = (
            [100 * found[f"{name} {period}", WORKERS, seed] for seed in seeds]
            for name in ("local_sgd", "pso_ps")
        )
        differences = [own - other for own, other in zip(swarm, averaging, strict=True)]
        spread = statistics.stdev(differences) if len(differences) > 1 else float("nan")
        rows.append(
            {
                "part": "pso",
                "simulated": True,
                "period": period,
                "local_sgd": round(statistics.mean(averaging), 2),
                "pso_ps": round(statistics.mean(swarm), 2),
                "difference": round(statistics.mean(differences), 2),
                "standard_error": round(spread / len(differences) ** 0.5, 2) if spread else 0.0,
                "better_in": sum(difference > 0 for difference in differences),
                "seeds": len(seeds),
            }
        )
    return rows
