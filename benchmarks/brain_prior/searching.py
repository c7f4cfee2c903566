"""Searches under every prior, and how soon they come near the best."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, as_completed
from statistics import mean
from typing import Any

import numpy as np
import torch

from brain_prior.plan import ALGORITHMS, PRIORS, Plan
from brain_prior.problem import Bench
from brainray import plugins
from brainray.fusion.problem import FusionProblem
from brainray.search.schedule import Schedule
from brainray.training.intervals import interval

Key = tuple[str, str]
"""An algorithm and a prior."""


def search(problem: FusionProblem, algorithm: str, seed: int, plan: Plan) -> list[float]:
    """Search in this process; return the values of the candidates in their order."""
    torch.set_num_threads(1)
    space = problem.space
    searcher = plugins.load("searchers", algorithm)(space, seed)
    schedule = Schedule(
        space, searcher, seed=seed, budget=plan.budget, brood_size=plan.brood, lag=1
    )
    while (brood := schedule.next()) is not None:
        schedule.complete(brood.index, problem.evaluate(brood))
    return [value for _, value in schedule.history]


def searches(plan: Plan, bench: Bench, pool: Executor) -> dict[Key, list[list[float]]]:
    """Return the values of every search, a list a seed, by algorithm and prior."""
    jobs = [
        (algorithm, prior, seed)
        for seed in range(plan.seeds)
        for prior in PRIORS
        for algorithm in ALGORITHMS
    ]
    futures = {
        (algorithm, prior, seed): pool.submit(
            search, bench.problem(prior, seed), algorithm, seed, plan
        )
        for algorithm, prior, seed in jobs
    }
    for number, _ in enumerate(as_completed(futures.values()), start=1):
        print(f"\rsearches: {number} of {len(jobs)}", end="", flush=True)
    print()
    return {
        (algorithm, prior): [futures[algorithm, prior, seed].result() for seed in range(plan.seeds)]
        for algorithm in ALGORITHMS
        for prior in PRIORS
    }


def links(plan: Plan, bench: Bench) -> list[dict[str, Any]]:
    """Return how strongly each prior links the two inputs, at most; ``shuffled`` by seed."""
    rows = []
    for prior in PRIORS:
        found = []
        for seed in range(plan.seeds if prior == "shuffled" else 1):
            code = bench.problem(prior, seed).code
            images, sounds = code.candidates.values()
            pairs = [(one.model, other.model) for one in images for other in sounds]
            found.append(round(max(code.prior.link(*pair) for pair in pairs), 3))
        rows.append({"prior": prior, "links": found})
    return rows


def compare(plan: Plan, values: Mapping[Key, Sequence[Sequence[float]]]) -> list[dict[str, Any]]:
    """Return how many evaluations each prior needs, and how many more than the others."""
    best = max(value for runs in values.values() for run in runs for value in run)
    rows = []
    for share in plan.shares:
        needed = {
            key: np.array([evaluations(run, share * best) for run in runs])
            for key, runs in values.items()
        }
        for (algorithm, prior), counts in needed.items():
            against = {
                other: difference(counts, needed[algorithm, other])
                for other in PRIORS
                if other != prior
            }
            rows.append(
                {
                    "share": share,
                    "algorithm": algorithm,
                    "prior": prior,
                    "evaluations": round(float(counts.mean()), 2),
                    "interval": _rounded(interval(counts, range(len(counts)), seed=0)),
                    "not_reached": int((counts > plan.budget).sum()),
                    "best": round(mean(max(run) for run in values[algorithm, prior]), 4),
                    "against": against,
                }
            )
    return rows


def evaluations(run: Sequence[float], wanted: float) -> int:
    """Return after how many candidates a value is reached; one more than all, if it is not."""
    return next((i for i, value in enumerate(run, start=1) if value >= wanted), len(run) + 1)


def difference(counts: Any, others: Any) -> dict[str, Any]:
    """Return how many evaluations more one prior needs than another, seed by seed."""
    more = counts - others
    return {
        "evaluations": round(float(more.mean()), 2),
        "interval": _rounded(interval(more, range(len(more)), seed=0)),
    }


def _rounded(ends: tuple[float, float]) -> list[float]:
    return [round(end, 2) for end in ends]


def sentences(plan: Plan, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say in plain words whether the brain's prior helps each algorithm, against each other one."""
    said = []
    for row in rows:
        if row["prior"] != "brain" or row["share"] != plan.shares[0]:
            continue
        for other, found in row["against"].items():
            low, high = found["interval"]
            verdict = "it helps" if high < 0 else "it hinders" if low > 0 else "it does not help"
            than = "no prior" if other == "uniform" else f"the prior '{other}'"
            said.append(
                f"{row['algorithm']}: {row['share']:.0%} of the best after {row['evaluations']} "
                f"evaluations with the brain's prior, {found['evaluations']:+} [{low}, {high}] "
                f"against {than}: {verdict}."
            )
    return said
