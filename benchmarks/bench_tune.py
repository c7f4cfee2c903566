"""What Ray Tune costs: a search on actors, beside the same one in a single process.

Evolution on audio-visual digits in broods of 32. Networks are pretrained and their features kept
once. What is not evaluation (asking for broods, passing them on, workers that start or have
nothing to do) is Tune's overhead: ``1 - evaluating / (workers x time)``, with the seconds in which
workers evaluated; once for the whole time and once for that after the first worker has started,
which happens once, however long a search takes. The history is the same in all of them.
"""

import argparse
import json
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from audio_visual_digits.workbench import Workbench
from brain_prior import plan as plans
from brain_prior.plan import Plan
from brain_prior.problem import Bench
from reporting import document, goal

from actors.runner import ray_runner
from brainray import plugins
from brainray.files import write_atomically
from brainray.fusion.problem import FusionProblem
from brainray.pipeline.local import LocalRunner
from brainray.pipeline.markdown import markdown_table
from brainray.pipeline.runner import Runner
from brainray.search.interface import Brood
from brainray.search.schedule import Schedule
from brainray.settings import load_settings

FULL = replace(plans.FULL, seeds=3, budget=640, brood=32)
QUICK = replace(plans.QUICK, seeds=1)
WORKERS = (1, 2)
LAG = 2
MOST = 15.0
"""Percent of the search's time that may be overhead."""


def schedule_of(problem: FusionProblem, plan: Plan, seed: int) -> Schedule:
    """Return the same broods for the same seed."""
    searcher = plugins.load("searchers", "evolution")(problem.space, seed)
    budget, brood = plan.budget, plan.brood
    return Schedule(problem.space, searcher, seed=seed, budget=budget, brood_size=brood, lag=LAG)


def same(number: int) -> int:
    """Return what is given."""
    return number


def measure(plan: Plan, problem: FusionProblem, folder: Path) -> list[dict[str, Any]]:
    """Search with each number of workers, in turn for each seed; 0 is without Ray."""
    torch.set_num_threads(1)
    settings = load_settings()
    folder.mkdir()
    rows = []
    with ray_runner(settings, folder) as on_ray:
        on_ray.map(same, [0], lambda *told: None)  # the cluster's first worker is up
        for seed in range(plan.seeds):
            for workers in (0, *WORKERS):
                runner: Runner = on_ray if workers else LocalRunner(settings)
                rows.append({"seed": seed, **_search(problem, plan, seed, runner, workers)})
                print(rows[-1], flush=True)
    return rows


def _search(
    problem: FusionProblem, plan: Plan, seed: int, runner: Runner, workers: int
) -> dict[str, Any]:
    schedule = schedule_of(problem, plan, seed)
    spent: list[float] = []
    begun: list[float] = []

    def on_brood(brood: Brood, values: list[float], seconds: float) -> None:
        spent.append(seconds)
        begun.append(time.monotonic() - seconds)

    start = time.monotonic()
    runner.search(problem, schedule, workers or None, on_brood)
    took, starting = time.monotonic() - start, min(begun) - start

    def overhead_percent(seconds: float) -> float:
        return round(100 * (1 - sum(spent) / (max(workers, 1) * seconds)), 1)

    return {
        "workers": workers,
        "seconds": round(took, 2),
        "evaluating": round(sum(spent), 2),
        "broods": len(spent),
        "overhead_percent": overhead_percent(took),
        "starting": round(starting, 2),
        "overhead_after_start_percent": overhead_percent(took - starting),
        "best": max(value for _, value in schedule.history),
    }


def goals(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the median overhead over the seeds for each number of workers."""
    return [
        goal(
            f"% of {what} that is not evaluation, workers: {workers}",
            statistics.median(row[key] for row in rows if row["workers"] == workers),
            MOST,
            "lower",
        )
        for key, what in (
            ("overhead_percent", "the search's time"),
            ("overhead_after_start_percent", "the time after the first worker's start"),
        )
        for workers in WORKERS
    ]


def main() -> None:
    """Measure, print, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="only prove that it runs")
    parser.add_argument("--json", type=Path, required=True, help="where to write the report")
    parser.add_argument("--folder", type=Path, help="of the networks (default: a temporary one)")
    arguments = parser.parse_args()
    plan, report = QUICK if arguments.quick else FULL, arguments.json.resolve()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (arguments.folder or Path(temporary)).resolve()
        Workbench(folder).open()
        with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
            problem = Bench(plan, folder, pool).problem("brain", 0)
        rows = measure(plan, problem, Path(temporary) / "run")
    result = document(arguments.quick, asdict(plan), rows, goals(rows))
    write_atomically(report, (json.dumps(result, indent=2) + "\n").encode())
    print(markdown_table(tuple(rows[0]), [tuple(row.values()) for row in rows]))
    for one in result["goals"]:
        print(f"{one['name']}: {one['value']} (goal {one['goal']}, met: {one['met']})")


if __name__ == "__main__":
    main()
