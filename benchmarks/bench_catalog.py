"""A catalog of 100,000 pretrained models, in SQLite and in PostgreSQL: how long answers take.

Everything goes through the product's own `Library`, on a catalog made up by
``catalog_at_scale/zoo.py``: several hundred networks of skewed use in many regions, data sets,
optimizers and platforms. Wall-clock milliseconds, 95th percentiles over all calls of a kind:

- pages of 20 for 26 filters with their sorts, the first page and a deep one, with the total;
- facets without a filter and with nine;
- registering models into the full catalog, the copy of the weights apart;
- rows without a goal: free text, statistics, opening the catalog.

The limit of a page is the same SQL, replayed without the product on one connection in turn. The
PostgreSQL server is started from the installed programs with default settings, so durable.
"""

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from catalog_at_scale.filling import fill
from catalog_at_scale.measuring import measure
from reporting import document

from brainray.catalog import Library
from brainray.settings import Settings
from brainray.testing.servers import postgres_server

MODELS, QUICK_MODELS = 100_000, 2_000


def report(quick: bool, folder: Path) -> dict[str, Any]:
    """Measure on both databases."""
    models, rounds = (QUICK_MODELS, 1) if quick else (MODELS, 10)
    rows, goals = [], []
    with postgres_server() as server:
        urls = {
            "SQLite": f"sqlite:///{folder / 'catalog.sqlite'}",
            "PostgreSQL": server.create("catalog"),
        }
        for name, url in urls.items():
            settings = Settings(
                database_url=url,
                store_url=str(folder / name),
                data=None,
                cache=folder / "cache",
                runs=folder / "runs",
            )
            fill(url, models)
            measured, wanted = measure(name, Library.open(settings), rounds)
            rows += measured
            goals += wanted
    load = {"load_1_5_15_minutes": [round(value, 1) for value in os.getloadavg()]}
    return document(quick, {"models": models, "rounds": rounds, **load}, rows, goals)


def main() -> None:
    """Measure, print, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="only prove that it runs")
    parser.add_argument("--json", type=Path, required=True, help="where to write the report")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = report(arguments.quick, Path(folder))
    arguments.json.write_text(json.dumps(result, indent=2) + "\n")
    for row in result["rows"]:
        print("  ".join(f"{value}" for value in row.values()))
    for goal in result["goals"]:
        print(f"{goal['name']}: {goal['value']} (goal {goal['goal']}, met: {goal['met']})")


if __name__ == "__main__":
    main()
