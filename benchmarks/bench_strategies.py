"""The strategies of training on worker processes of this machine, and in simulated time.

Two or four processes in a gloo group, each capped at 0.4 core, the slow one at less; a slow network
is a latency that is added to each merge. What is compared is timed in turn, and ratios are medians
over the rounds.

- ``ddp``: all-reduce on two workers against torch's DistributedDataParallel on the same two;
- ``dbs``: dynamic batch sizes with one of four workers 1, 2 and 3 times slower, against all-reduce;
- ``hpsgd``: HPSGD under a latency as long as a step's computation, against all-reduce;
- ``calibration``: what the simulator says of two and four workers beside what they take;
- ``pso``: PSO-PS beside plain averaging at the same periods;
- ``accuracy``: every rule on MNIST beside one process;
- ``fusion``: every rule on the fusion network of audio-visual digits beside one process.

The last three train threads of one process, and are marked as simulated. Called again with the same
``--json``, it goes on where it stopped.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from reporting import document, goal
from synchronisation.crew import crew
from synchronisation.fusing import compare_fusions
from synchronisation.learning import compare_rules, compare_swarm
from synchronisation.measuring import (
    beside_ddp,
    predicted,
    warm_up,
    with_a_slow_worker,
    with_latency,
)
from synchronisation.plan import FULL, QUICK, Plan

from brainray.files import write_atomically
from brainray.pipeline.markdown import markdown_table

Found: TypeAlias = tuple[list[dict[str, Any]], list[dict[str, Any]]]
"""Rows and goals."""


def ddp(plan: Plan) -> Found:
    """All-reduce against torch's DistributedDataParallel."""
    with crew(2) as two:
        warm_up(two, plan)
        rows, ratios = beside_ddp(two, plan)
    return rows, [
        goal(f"ddp: time of all-reduce to torch's, 2 workers, {name}", ratio, 1.15, "lower")
        for name, ratio in ratios.items()
    ]


def dbs(plan: Plan) -> Found:
    """Dynamic batch sizes with a slow worker."""
    with crew(4) as four:
        warm_up(four, plan)
        rows, reached = with_a_slow_worker(four, plan)
    more = 100 * reached.pop(1)
    return rows, [
        goal("dbs: % more time than all-reduce, all equal", more, 3, "lower"),
        *(
            goal(f"dbs: % of the ideal saving, a worker {times}x slower", 100 * share, 90)
            for times, share in reached.items()
        ),
    ]


def hpsgd(plan: Plan) -> Found:
    """HPSGD under a latency."""
    with crew(4) as four:
        warm_up(four, plan)
        rows, hidden = with_latency(four, plan)
    return rows, [goal("hpsgd: % of the communication hidden", 100 * hidden, 80)]


def calibration(plan: Plan) -> Found:
    """The simulator against two and four workers; its error is reported and has no goal."""
    rows: list[dict[str, Any]] = []
    errors: list[float] = []
    for size in (2, 4):
        with crew(size) as workers:
            warm_up(workers, plan)
            found, off = predicted(workers, plan)
        rows, errors = rows + found, errors + off
    summary = {
        "part": "calibration",
        "mean_error_percent": round(100 * statistics.mean(map(abs, errors)), 1),
        "largest_error_percent": round(100 * max(map(abs, errors)), 1),
    }
    return [*rows, summary], []


def pso(plan: Plan) -> Found:
    """PSO-PS beside plain averaging; what comes out is reported and has no goal."""
    return compare_swarm(plan), []


def accuracy(plan: Plan) -> Found:
    """Every rule beside one process."""
    rows = compare_rules(plan)
    mean = {row["rule"]: row["mean"] for row in rows}
    behind = mean["hpsgd"] - mean["all_reduce"]
    return rows, [
        *near_one_process(rows),
        goal("accuracy: points of HPSGD to all-reduce", behind, -0.3),
    ]


def fusion(plan: Plan, folder: Path | None = None) -> Found:
    """Every rule on the fusion of two modalities beside one process."""
    with tempfile.TemporaryDirectory() as temporary:
        rows = compare_fusions(plan, (folder or Path(temporary)).resolve())
    return rows, near_one_process(rows)


def near_one_process(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return each rule's distance to one process, with the most that it may lose."""
    return [
        goal(
            f"{row['part']}: points to one process, {row['rule']}",
            row["points_to_one_process"],
            -0.5,
        )
        for row in rows
        if row["workers"] > 1
    ]


PARTS: dict[str, Callable[[Plan], Found]] = {
    part.__name__: part for part in (ddp, dbs, hpsgd, calibration, pso, accuracy, fusion)
}


def before(path: Path, plan: Plan) -> dict[str, Any]:
    """Return the report that is there, if it is of the same plan; else an empty one."""
    if path.exists():
        report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if report["setting"]["plan"] == json.loads(json.dumps(asdict(plan))):
            return report
    return {"rows": [], "goals": [], "setting": {"load": {}}}


def main() -> None:
    """Measure, print, and write the JSON after each part."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="only prove that it runs")
    parser.add_argument("--only", action="append", choices=PARTS, help="a part; may be repeated")
    parser.add_argument("--share", type=float, help="of a core, for each worker (default: 0.4)")
    parser.add_argument("--rounds", type=int, help="of everything that is timed (default: 5)")
    parser.add_argument("--seeds", type=int, help="of the comparison of all rules (default: 3)")
    parser.add_argument(
        "--slept",
        action="store_true",
        help="workers sleep instead of computing, on a machine that is too busy: dbs and hpsgd",
    )
    parser.add_argument(
        "--folder", type=Path, help="of the networks of fusion (default: a temporary one)"
    )
    parser.add_argument("--json", type=Path, required=True, help="where to write the report")
    arguments = parser.parse_args()
    plan = QUICK if arguments.quick else FULL
    given = {name: getattr(arguments, name) for name in ("share", "rounds")}
    given["learn_seeds"] = arguments.seeds
    plan = replace(plan, **{name: value for name, value in given.items() if value is not None})
    parts = arguments.only or list(PARTS)
    if arguments.slept:
        plan = replace(plan, row_seconds=2e-3, rows=min(plan.rows, 2_048), share=1.0)
        parts = [part for part in parts if part in ("dbs", "hpsgd")]
    if plan.source == "mnist" and "BRAINRAY_DATA" not in os.environ:
        sys.exit("bench_strategies: BRAINRAY_DATA: must name the folder of MNIST")
    measure = PARTS | {"fusion": partial(fusion, folder=arguments.folder)}
    known = before(arguments.json, plan)
    rows, goals, load = known["rows"], known["goals"], known["setting"]["load"]
    for part in parts:
        if part in load:
            continue  # measured before
        print(f"{part} ...", file=sys.stderr)
        load_average = round(os.getloadavg()[0], 1)
        new_rows, new_goals = measure[part](plan)
        rows, goals, load[part] = rows + new_rows, goals + new_goals, load_average
        setting = {"plan": asdict(plan), "load": load}
        report = document(arguments.quick, setting, rows, goals)
        write_atomically(arguments.json, (json.dumps(report, indent=2) + "\n").encode())
    table = [(g["name"], g["value"], g["goal"], "yes" if g["met"] else "no") for g in goals]
    print(markdown_table(("measured", "value", "goal", "met"), table))


if __name__ == "__main__":
    main()
