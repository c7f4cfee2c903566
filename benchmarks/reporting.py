"""What every benchmark's JSON has (see README.md)."""

import os
import platform
import sys
from datetime import date
from pathlib import Path
from typing import Any

from brainray.pipeline.versions import versions


def goal(name: str, value: float, wanted: float, better: str = "higher") -> dict[str, Any]:
    """Return one goal with what was measured; it is met at the wanted value itself."""
    met = value >= wanted if better == "higher" else value <= wanted
    return {"name": name, "value": round(value, 2), "goal": wanted, "better": better, "met": met}


def document(
    quick: bool, setting: dict[str, Any], rows: Any, goals: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return a report with the command, the machine, the versions and the day.

    Args:
        quick: whether it only proves that the benchmark runs.
        setting: the sizes.
        rows: what was measured.
        goals: made by `goal`.
    """
    return {
        "command": " ".join(["python", *map(_without_folder, sys.argv)]),
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs",
        "versions": versions(),
        "date": date.today().isoformat(),
        "quick": quick,
        "setting": setting,
        "rows": rows,
        "goals": goals,
    }


def _without_folder(argument: str) -> str:
    """Return an argument as it would be given from the project's folder: others lie elsewhere."""
    return Path(argument).name if Path(argument).is_absolute() else argument
