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
"""

import argparse
import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from audio_visual_digits import studies, tables
from audio_visual_digits.collapse import collapse
from audio_visual_digits.markdown import page
from audio_visual_digits.plan import FULL, QUICK, Plan
from audio_visual_digits.workbench import Workbench
from reporting import document


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
    return document(plan is QUICK, asdict(plan), rows, goals)


def main() -> None:
    """Measure, print, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="only prove that it runs")
    parser.add_argument("--json", type=Path, required=True, help="where to write the report")
    parser.add_argument(
        "--folder", type=Path, help="of catalog and results (default: beside the JSON, until done)"
    )
    parser.add_argument("--jobs", type=int, default=2, help="runs at the same time (default 2)")
    arguments = parser.parse_args()
    target = arguments.json.resolve()
    folder = (arguments.folder or target.with_suffix(".unfinished")).resolve()
    bench = Workbench(folder, arguments.jobs)
    bench.open()
    found = report(QUICK if arguments.quick else FULL, bench)
    target.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    if arguments.folder is None:
        shutil.rmtree(folder)
    print(page(found))


if __name__ == "__main__":
    main()
