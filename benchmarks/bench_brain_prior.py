"""Does the brain's prior help? The same search under five priors, on audio-visual digits.

Networks are pretrained and their features kept once. Then evolution and random search run with the
priors brain, uniform (none), distance (of ROIs alone), direct (without spreading) and shuffled
(connections of other ROIs, others for every seed), with the same budget and seeds. Measured is
after how many candidates a search reaches 99 % of the best validation accuracy that any of them
found; intervals are bootstrapped over seeds, and differences are paired by seed.
"""

import argparse
import json
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path

from audio_visual_digits.workbench import Workbench
from brain_prior.plan import FULL, QUICK
from brain_prior.problem import Bench
from brain_prior.searching import compare, links, searches, sentences
from reporting import document

from brainray.pipeline.markdown import markdown_table


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
            bench = Bench(plan, folder, pool)
            rows = compare(plan, searches(plan, bench, pool))
        linked = links(plan, bench)
    said = sentences(plan, rows)
    found = {"links": linked, "searches": rows, "says": said}
    report = document(arguments.quick, asdict(plan), found, goals=[])
    arguments.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    headings = ("share", "search", "prior", "evaluations", "95 %", "not reached", "best")
    shown = ("share", "algorithm", "prior", "evaluations", "interval", "not_reached", "best")
    print(markdown_table(headings, [tuple(row[key] for key in shown) for row in rows]))
    print("\n".join(["", *said]))


if __name__ == "__main__":
    main()
