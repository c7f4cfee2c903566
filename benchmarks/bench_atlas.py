"""What the collaboration mechanism reaches on brain data, beside simpler ones and nulls.

On Schaefer's 100 parcels with 124 term maps and the functional connectome (``BRAINRAY_DATA``):
masked parcels of a map, the rest of a map from five seeds, and the sub-region of a function that
the atlas does not know. Settings are chosen on other clusters of terms, intervals are
bootstrapped over clusters, and each figure stands beside direct activation, the mirrored distance
kernel, and connectomes that were shuffled or rewired with strengths or distances preserved. On the
shipped atlas twelve stimuli, and how long an activation takes.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from atlas_on_data import masked, removed, seeds, speed, stimuli
from atlas_on_data.maps import CLUSTERS, read_term_maps
from atlas_on_data.plan import FULL, QUICK, Plan
from reporting import document

from brainray.pipeline.markdown import markdown_table
from brainray.settings import load_settings

SCORES = ("atlas", "file", "method", "strict", "own_removed", "mismatched")
HEADINGS = ("method", "value", "95 %", "gain", "95 %")


PARTS = ("masked_parcels", "five_seeds", "removed_function", "stimuli", "speed")


def report(quick: bool, plan: Plan, wanted: Sequence[str], folder: Path) -> dict[str, Any]:
    """Measure the parts that are wanted."""
    data = load_settings().data
    if data is None:
        raise SystemExit("BRAINRAY_DATA must name the folder of ready data sets")
    maps = read_term_maps(data)
    measures: dict[str, Callable[[], Any]] = {
        "masked_parcels": lambda: masked.measure(maps, plan),
        "five_seeds": lambda: seeds.measure(maps, plan),
        "removed_function": lambda: removed.measure(maps, plan, data),
        "stimuli": lambda: stimuli.measure(folder / "shipped", data),
        "speed": lambda: speed.measure(folder, plan.rois, plan.rounds),
    }
    parts = {name: measures[name]() for name in PARTS if name in wanted}
    rows = {name: found for name, (found, _) in parts.items()}
    goals = [one for _, own in parts.values() for one in own]
    return document(quick, {**asdict(plan), "clusters": CLUSTERS}, rows, goals)


def main() -> None:
    """Measure, print, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="only prove that it runs")
    parser.add_argument("--only", action="append", choices=PARTS, help="a part; may be repeated")
    parser.add_argument("--json", type=Path, required=True, help="where to write the report")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        plan = QUICK if arguments.quick else FULL
        result = report(arguments.quick, plan, arguments.only or PARTS, Path(folder))
    arguments.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    for name, rows in result["rows"].items():
        print(f"\n{name}")
        if name == "speed":
            print("\n".join("  ".join(f"{k} {v}" for k, v in row.items()) for row in rows))
            continue
        if name == "stimuli":
            print("\n".join("  ".join(f"{row[k]}" for k in SCORES) for row in rows))
            continue
        cells = ("value", "interval", "gain", "gain_interval")
        shown = [
            (" ".join((row.get("masks", ""), row["method"])).strip(), *(row[c] for c in cells))
            for row in rows
        ]
        print(markdown_table(HEADINGS, shown))
    for goal in result["goals"]:
        print(f"{goal['name']}: {goal['value']} (goal {goal['goal']}, met: {goal['met']})")


if __name__ == "__main__":
    main()
