"""Audio-visual digits at full strength: Tables 7 and 8 of the paper, and the reasons behind them.

Runs the product, scenario ``audio_visual_digits``, on MNIST and FSDD under $BRAINRAY_DATA:

- all four networks an input in one run, on Ray, then each of the 16 pairs, for three seeds;
- each of the five speakers left out;
- four operators, the other forms and fine-tuning, at the same budget;
- stored networks against random weights on new voices and in louder noise;
- under-, well- and over-trained networks; a plain fusion head, mended step by step.

Every run's result is kept in a folder: called again with the same ``--json``, or the same
``--folder``, the benchmark goes on where it stopped. A result of other code or another plan is
measured again; pretrained networks of the same recipe are not trained again.
``--quick`` runs the same parts on little embedded data, except what needs several speakers.
``--only speakers operators`` reports these parts alone; it measures them and what they build on.
"""

import argparse
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from audio_visual_digits import studies, tables
from audio_visual_digits.collapse import collapse
from audio_visual_digits.markdown import page
from audio_visual_digits.plan import FULL, QUICK, Plan
from audio_visual_digits.workbench import Workbench
from reporting import document

PARTS = (
    "tables",
    "speakers",
    "operators",
    "forms",
    "fine_tuning",
    "transfer",
    "fitting",
    "collapse",
)


def report(plan: Plan, bench: Workbench, parts: Sequence[str]) -> dict[str, Any]:
    """Measure some of `PARTS`; what these build on is measured too, but not reported."""
    measured = cache(lambda: tables.measure(plan, bench))
    spoken = cache(lambda: studies.speakers(plan, bench))
    studied: dict[str, Callable[[], list[dict[str, Any]]]] = {
        "operators": lambda: studies.operators(plan, bench, measured()[1]),
        "forms": lambda: studies.forms(plan, bench, measured()[1]),
        "fine_tuning": lambda: studies.fine_tuning(plan, bench, measured()[1]),
        "transfer": lambda: studies.transfer(plan, bench, measured()[1], spoken()[1]),
        "fitting": lambda: studies.fitting(plan, bench),
        "collapse": lambda: collapse(plan, measured()[1]),
    }
    rows: dict[str, Any] = {}
    goals: list[dict[str, Any]] = []
    if "tables" in parts:
        rows |= measured()[0]
        goals += tables.goals(rows)
    if "speakers" in parts:
        rows["speakers"], results = spoken()
        if results:
            goals.append(studies.speaker_goal(rows["speakers"]))
    rows |= {name: measure() for name, measure in studied.items() if name in parts}
    setting = asdict(plan) | {"parts": [part for part in PARTS if part in parts]}
    return document(plan is QUICK, setting, rows, goals)


def main() -> None:
    """Measure, print, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="only prove that it runs")
    parser.add_argument("--json", type=Path, required=True, help="where to write the report")
    parser.add_argument(
        "--folder", type=Path, help="of catalog and results (default: beside the JSON, until done)"
    )
    parser.add_argument(
        "--only",
        nargs="+",
        choices=PARTS,
        default=PARTS,
        metavar="PART",
        help=f"parts to measure and report: {', '.join(PARTS)} (default: all)",
    )
    parser.add_argument("--jobs", type=int, default=2, help="runs at the same time (default 2)")
    arguments = parser.parse_args()
    plan = QUICK if arguments.quick else FULL
    if set(arguments.only) == {"speakers"} and not plan.speakers:
        parser.error("argument --only: with --quick there are no speakers to leave out")
    target = arguments.json.resolve()
    folder = (arguments.folder or target.with_suffix(".unfinished")).resolve()
    bench = Workbench(folder, arguments.jobs)
    bench.open()
    found = report(plan, bench, arguments.only)
    target.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    if arguments.folder is None:
        shutil.rmtree(folder)
    print(page(found))


if __name__ == "__main__":
    main()
