"""Every installed searcher on tables of known values, against random search on the same seeds.

- NAS-Bench-201 after 12 epochs ($BRAINRAY_DATA/nas): searched on CIFAR-10's validation accuracy,
  reported by the test accuracy of the best code, with the goals of published searchers;
- made-up tables of other numbers of genes and choices, to see that defaults hold elsewhere.

Searchers run with their defaults, one code after the other (brood size 1, lag 1). One search of
the largest budget gives the figures of the smaller ones: a searcher does not know its budget.
Called again with the same ``--json``, the benchmark goes on where it stopped; results of other
code are measured again. ``--quick`` runs few searches, without NAS-Bench-201 where it is missing.
"""

import argparse
import hashlib
import itertools
import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from reporting import document, goal

import brainray.search
from brainray import plugins
from brainray.files import write_atomically
from brainray.search.bench import Protocol, Searched, compare, search_many, summary
from brainray.search.table import TableProblem, problem_of, read_table
from brainray.testing import epistatic_table

NAS = "NAS-Bench-201"
MADE_UP = {
    "7 genes of 3": (3,) * 7,
    "12 genes of 2": (2,) * 12,
    "5 genes of 2 to 8": (2, 8, 3, 5, 4),
    "4 genes of 10": (10,) * 4,
}
VARIANTS = {
    "random": Protocol("random", 0),  # what the others are compared with
    "evolution": Protocol("evolution", 0),
    "evolution, aging": Protocol("evolution", 0, options={"selection": "aging"}),
    "progressive": Protocol("progressive", 0),
    "progressive, reinforce": Protocol("progressive", 0, options={"predictor": "reinforce"}),
}
GOALS = {
    "evolution": {50: 88.0, 150: 88.65, 300: 88.85},
    "reinforcement": {50: 87.9, 150: 88.45, 300: 88.6},
    "nao": {150: 88.6, 300: 88.8},
}
BEST_GOALS = {150: 88.75, 300: 88.9}
LONGEST_MINUTES, TIMED_SEEDS = 20.0, 60
CHUNK = 10
"""Seeds that are kept together: what is lost when the benchmark is stopped."""


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Attributes:
        budgets: numbers of evaluations; the largest is run.
        seeds: of each searcher.
    """

    budgets: tuple[int, ...]
    seeds: int


FULL = {NAS: Plan((50, 150, 300), 100), "variants": Plan((50, 150), 20)}
FULL |= dict.fromkeys(MADE_UP, Plan((50, 150), 20))
QUICK = dict.fromkeys(FULL, Plan((10, 20), 4))
WORKERS = 2


@dataclass(frozen=True)
class Measured:
    """The searches of one searcher on one table.

    Attributes:
        reached_KN: what the best code is worth by seed and evaluation.
        seconds: of all searches.
        diagnostics: of the searcher after the last evaluation, means over the seeds that have one.
    """

    reached_KN: np.ndarray
    seconds: float
    diagnostics: dict[str, float]


def tables(quick: bool) -> Iterator[tuple[str, TableProblem, str]]:
    """Yield each table with its name and the column that is reported."""
    folder = os.environ.get("BRAINRAY_DATA")
    path = Path(folder or "", "nas", "mini_nasbench201.parquet")
    if path.is_file():
        yield NAS, read_table(path, "cellstr", "cifar10-val", ["cifar10-test"]), "cifar10-test"
    elif not quick:
        raise SystemExit(f"bench_search: {path}: is missing; set BRAINRAY_DATA")
    for name, sizes in MADE_UP.items():
        yield name, problem_of(epistatic_table(sizes), "gene_*", "validation", ["test"]), "test"


def code() -> str:
    """Return a hash of the search package: results of other code do not count."""
    folder = Path(brainray.search.__file__).parent
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        found.update(path.read_bytes())
    return found.hexdigest()


def measure(
    plan: Plan, folder: Path, table: str, problem: TableProblem, column: str, protocol: Protocol
) -> Measured:
    """Run a searcher for all seeds, chunk by chunk; a chunk that is kept is not run again."""
    reached, told, seconds = [], [], 0.0
    for first in range(0, plan.seeds, CHUNK):
        seeds = range(first, min(first + CHUNK, plan.seeds))
        key = [table, asdict(protocol), list(seeds), code()]
        path = folder / f"{hashlib.sha256(json.dumps(key).encode()).hexdigest()}.json"
        if not path.is_file():
            start = time.monotonic()
            done: list[Searched] = []
            (found,) = search_many(problem, [protocol], seeds, WORKERS, done.append)
            kept = {
                "seconds": time.monotonic() - start,
                "reached": found[column].tolist(),
                "diagnostics": [one.diagnostics for one in sorted(done, key=lambda one: one.seed)],
            }
            write_atomically(path, json.dumps(kept).encode())
        kept = json.loads(path.read_text())
        reached += kept["reached"]
        told += kept["diagnostics"]
        seconds += kept["seconds"]
    # A search that soon finds the best code may know nothing of how good its model was.
    names = dict.fromkeys(name for one in told for name in one)
    means = {name: float(np.mean([one[name] for one in told if name in one])) for name in names}
    return Measured(np.array(reached), seconds, means)


def report(plans: dict[str, Plan], wanted: Sequence[str], folder: Path) -> dict[str, Any]:
    """Measure every searcher on the tables that are wanted."""
    rows: list[dict[str, Any]] = []
    goals: list[dict[str, Any]] = []
    for name, problem, column in tables(plans is QUICK):
        if name in wanted:
            plan = plans[name]
            defaults = {one: Protocol(one, max(plan.budgets)) for one in plugins.names("searchers")}
            found = measure_all(plan, folder, name, problem, column, defaults)
            here = list(_rows(plan, name, found))
            rows += here
            goals += _goals(here, name)
            if name == NAS:
                goals += _time_goals(plan, found)
        if name == NAS and "variants" in wanted:
            plan = plans["variants"]
            variants = {
                one: replace(protocol, budget=max(plan.budgets))
                for one, protocol in VARIANTS.items()
            }
            found = measure_all(plan, folder, name, problem, column, variants)
            rows += _rows(plan, name, found)
    setting = {name: asdict(plans[name]) for name in wanted}
    return document(plans is QUICK, setting, rows, goals)


def measure_all(
    plan: Plan,
    folder: Path,
    table: str,
    problem: TableProblem,
    column: str,
    protocols: dict[str, Protocol],
) -> dict[str, Measured]:
    """Run several searchers on one table."""
    found = {}
    for name, protocol in protocols.items():
        found[name] = measure(plan, folder, table, problem, column, protocol)
        print(f"{table}: {name}, {found[name].seconds:.0f} s", flush=True)
    return found


def _time_goals(plan: Plan, found: dict[str, Measured]) -> Iterator[dict[str, Any]]:
    """Yield how long each searcher takes; the goal is one for half as many evaluations."""
    for name, one in found.items():
        minutes = one.seconds / 60 * TIMED_SEEDS / plan.seeds
        what = f"{name}, minutes of {TIMED_SEEDS} seeds at {max(plan.budgets)} evaluations"
        yield goal(f"{NAS}: {what}", minutes, LONGEST_MINUTES, "lower")


def _rows(plan: Plan, table: str, found: dict[str, Measured]) -> Iterator[dict[str, Any]]:
    for (name, one), budget in itertools.product(found.items(), plan.budgets):
        last_K, random_K = (
            each.reached_KN[:, min(budget, each.reached_KN.shape[1]) - 1]
            for each in (one, found["random"])
        )
        yield {
            "table": table,
            "searcher": name,
            "evaluations": budget,
            "seeds": plan.seeds,
            **summary(last_K),
            "against_random": compare(last_K, random_K),
            "diagnostics": one.diagnostics,
        }


def _goals(rows: list[dict[str, Any]], table: str) -> Iterator[dict[str, Any]]:
    """Yield what a searcher with its defaults should reach."""
    for row in rows:
        if row["searcher"] == "random":
            continue
        what = f"{table}: {row['searcher']}, {row['evaluations']} evaluations"
        wanted = GOALS.get(row["searcher"], {}).get(row["evaluations"])
        if table == NAS and wanted is not None:
            yield goal(f"{what}, test %", row["mean"], wanted)
        else:
            gain = row["against_random"]["mean_difference"]
            yield goal(f"{what}, above random search", gain, 0.0)
    if table == NAS:
        for budget, wanted in BEST_GOALS.items():
            means = [row["mean"] for row in rows if row["evaluations"] == budget]
            if means:
                yield goal(f"{table}: the best searcher, {budget} evaluations", max(means), wanted)


def main() -> None:
    """Measure, print, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="only prove that it runs")
    parser.add_argument("--only", action="append", choices=FULL, help="a part; may be repeated")
    parser.add_argument("--json", type=Path, required=True, help="where to write the report")
    arguments = parser.parse_args()
    folder = arguments.json.resolve().with_suffix(".unfinished")
    plans = QUICK if arguments.quick else FULL
    result = report(plans, arguments.only or list(plans), folder)
    write_atomically(arguments.json, (json.dumps(result, indent=2) + "\n").encode())
    shutil.rmtree(folder)
    for row in result["rows"]:
        other = row["against_random"]
        print(
            f"{row['table']:18} {row['searcher']:24} {row['evaluations']:4}  {row['mean']:6.2f} "
            f"(sd {row['sd']:.2f})  {other['mean_difference']:+.2f}, p {other['p']:.1g}"
        )
    for one in result["goals"]:
        print(f"{one['name']}: {one['value']} (goal {one['goal']}, met: {one['met']})")


if __name__ == "__main__":
    main()
