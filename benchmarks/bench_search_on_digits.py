"""Every installed searcher on audio-visual digits, against random search at an equal budget.

Networks are pretrained and their features kept once. Then each searcher, with its defaults and
under the brain's prior as in a run, proposes broods of candidates for each seed; measured is the
best validation accuracy after the whole budget, and differences to random search are paired by
seed, with intervals bootstrapped over seeds.
"""

import argparse
import json
import tempfile
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from dataclasses import asdict, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from audio_visual_digits.workbench import Workbench
from brain_prior import plan as plans
from brain_prior.plan import Plan
from brain_prior.problem import Bench
from brain_prior.searching import search
from reporting import document, goal

from brainray import plugins
from brainray.files import write_atomically
from brainray.pipeline.markdown import markdown_table
from brainray.search.bench import compare, summary
from brainray.training.intervals import interval

FULL = replace(plans.FULL, budget=165, brood=15)
QUICK = plans.QUICK


def best(plan: Plan, bench: Bench, pool: Executor) -> dict[str, Any]:
    """Return the best value of each search, `(seeds,)`, by searcher."""
    names = plugins.names("searchers")
    futures = {
        pool.submit(search, bench.problem("brain", 0), name, seed, plan): (name, seed)
        for seed in range(plan.seeds)
        for name in names
    }
    found = {name: np.zeros(plan.seeds) for name in names}
    for number, done in enumerate(as_completed(futures), start=1):
        name, seed = futures[done]
        found[name][seed] = np.nanmax(done.result())
        print(f"\rsearches: {number} of {len(futures)}", end="", flush=True)
    print()
    return found


def report(plan: Plan, quick: bool, found: dict[str, Any]) -> dict[str, Any]:
    """Put each searcher beside random search."""
    rows, goals = [], []
    for name, best_K in found.items():
        more_K = best_K - found["random"]
        rows.append(
            {
                "searcher": name,
                **summary(best_K),
                "more_than_random": float(more_K.mean()),
                "interval": list(interval(more_K, range(len(more_K)), seed=0)),
                "against_random": compare(best_K, found["random"]),
            }
        )
        if name != "random":
            points = 100 * float(more_K.mean())
            goals.append(goal(f"{name}, points of accuracy above random search", points, 0.0))
    return document(quick, asdict(plan), rows, goals)


def main() -> None:
    """Measure, print, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="only prove that it runs")
    parser.add_argument("--json", type=Path, required=True, help="where to write the report")
    parser.add_argument("--folder", type=Path, help="of the networks (default: a temporary one)")
    arguments = parser.parse_args()
    plan = QUICK if arguments.quick else FULL
    with tempfile.TemporaryDirectory() as temporary:
        folder = (arguments.folder or Path(temporary)).resolve()
        Workbench(folder).open()
        with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
            found = best(plan, Bench(plan, folder, pool), pool)
    result = report(plan, arguments.quick, found)
    write_atomically(arguments.json, (json.dumps(result, indent=2) + "\n").encode())
    headings = ("searcher", "best accuracy", "more than random", "95 %")
    table = [
        (
            row["searcher"],
            f"{row['mean']:.4f}",
            f"{row['more_than_random']:+.4f}",
            "[{:+.4f}, {:+.4f}]".format(*row["interval"]),
        )
        for row in result["rows"]
    ]
    print(markdown_table(headings, table))


if __name__ == "__main__":
    main()
