"""Audio-visual digits at full strength: Tables 7 and 8 of the paper, and the reasons behind them.

Runs the product, scenario ``audio_visual_digits``, on MNIST and FSDD under $BRAINRAY_DATA:

- all four networks an input in one run, on Ray, then each of the 16 pairs, for three seeds;
- each of the five speakers left out;
- four operators, the other forms and fine-tuning, at the same budget;
- stored networks against random weights on new voices and in louder noise;
- under-, well- and over-trained networks; a plain fusion head, mended step by step.

Every run's result is kept in ``--folder``: started again, the benchmark goes on where it stopped.
``--quick`` runs the same parts on little embedded data, except what needs several speakers.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from audio_visual_digits import studies, tables
from audio_visual_digits.collapse import collapse
from audio_visual_digits.markdown import page
from audio_visual_digits.plan import FULL, QUICK, Plan
from audio_visual_digits.workbench import Workbench

from brainray.pipeline.versions import versions


def report(plan: Plan, bench: Workbench) -> dict[str, Any]:
    """Measure everything."""
    rows, pairs = tables.measure(plan, bench)
    goals = tables.goals(rows)
    rows["speakers"], spoken = studies.speakers(plan, bench)
    if spoken:
        goals.append(studies.speaker_goal(rows["speakers"]))
    rows["operators"] = studies.operators(plan, bench, pairs)
    rows["forms"] = studies.forms(plan, bench, pairs)
    rows["fine_tuning"] = studies.fine_tuning(plan, bench, pairs)
    rows["transfer"] = studies.transfer(plan, bench, pairs, spoken)
    rows["fitting"] = studies.fitting(plan, bench)
    rows["collapse"] = collapse(plan, pairs)
    return {
        "command": " ".join(["python", *sys.argv]),
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs",
        "versions": versions(),
        "date": date.today().isoformat(),
        "quick": plan is QUICK,
        "setting": asdict(plan),
        "rows": rows,
        "goals": goals,
    }


def main() -> None:
    """Measure, print, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="only prove that it runs")
    parser.add_argument("--json", type=Path, required=True, help="where to write the report")
    parser.add_argument("--folder", type=Path, help="where results are kept, and taken up again")
    parser.add_argument("--jobs", type=int, default=2, help="runs at the same time (default 2)")
    arguments = parser.parse_args()
    target = arguments.json.resolve()
    with ExitStack() as stack:
        folder = arguments.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        bench = Workbench(folder.resolve(), arguments.jobs)
        bench.open()
        document = report(QUICK if arguments.quick else FULL, bench)
    target.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print(page(document))


if __name__ == "__main__":
    main()
