"""Which detector and tracker a search chooses on first halves, judged on second ones."""

import tempfile
from pathlib import Path
from typing import Any
from unittest.mock import patch

from reporting import goal

from brainray.pipeline.local import local_runner
from brainray.pipeline.run import run_scenario
from brainray.pipeline.tracking import publication
from brainray.scenario import TrackingReport, load_scenario
from brainray.scenario.tracking_report import Regret
from brainray.settings import load_settings
from brainray.tracking.sequences import read_mot17

PAPER = {
    "MOT17-02": (0.28, 0.21),
    "MOT17-04": (0.40, 0.31),
    "MOT17-05": (0.40, 0.44),
    "MOT17-09": (0.48, 0.54),
    "MOT17-10": (0.40, 0.36),
}
"""The better idf1 and mota of the paper's Tables 3 and 4, of the whole sequences of MOT16, whose
videos these are."""
PAPER_OVERALL = (0.35, 0.30)
OBJECTIVES = ("idf1", "mota")
TRAINED_HERE = "YOLOX-x"
"""The detector whose network was trained on the first halves."""


def search(
    data: Path | None, seed: int, quick: bool, objective: str, without: bool
) -> tuple[list[Any], list[dict[str, Any]]]:
    """Return rows and goals of the scenario `multi_object_tracking`.

    Args:
        data: the folder of ready data sets; without it people are made up, and there is no goal.
        seed: of the run.
        quick: whether to try a few candidates alone.
        objective: by which it chooses.
        without: whether YOLOX-x cannot be chosen.
    """
    changes = [f"goal.objective={objective}"]
    if data is None or quick:
        changes += ["data.source=embedded", "data.sequences=[walk-1]", "search.budget=6"]
        return rows_of("search, made-up people", _run(changes, None, seed)), []
    changes += ["data.source=files"]
    work = f"search by {objective}"
    if without:
        there = {name for one in read_mot17(data / "mot17") for name in one.boxes}
        changes += [f"search.detectors=[{', '.join(sorted(there - {TRAINED_HERE}))}]"]
        work += f", without {TRAINED_HERE}"
    report = _run(changes, data, seed)
    return rows_of(work, report), goals_of(work, report)


def goals_of(work: str, report: TrackingReport) -> list[dict[str, Any]]:
    """Return what is asked of a search: to be ahead of the paper, and to choose well."""
    goals = []
    for number, name in enumerate(OBJECTIVES):
        leads = [
            100 * (getattr(report.results[sequence], name) - figures[number])
            for sequence, figures in PAPER.items()
        ]
        goals.append(
            goal(f"{work}: least lead over the paper in a sequence, {name}", min(leads), 0.0)
        )
        lead = 100 * (getattr(report.overall, name) - PAPER_OVERALL[number])
        goals.append(goal(f"{work}: lead over the paper overall, {name}", lead, 0.0))
    return goals


def rows_of(work: str, report: TrackingReport) -> list[dict[str, Any]]:
    """Return a row a sequence: what was chosen, its scores on the second half, regret."""
    rows: list[dict[str, Any]] = []
    for name, scores in report.results.items():
        choice = report.choices[name]
        rows.append(
            {
                "work": work,
                "sequence": name,
                "detectors": len(choice.sources),
                "detector": choice.detector,
                "tracker": choice.tracker,
                "min_score": choice.min_score,
                "options": choice.options,
                "regret": _rounded(choice.regret),
                "without the chosen": None if choice.without is None else _rounded(choice.without),
            }
            | {key: round(value, 4) for key, value in scores.model_dump().items()}
        )
    overall = {key: round(value, 4) for key, value in report.overall.model_dump().items()}
    return [*rows, {"work": work, "sequence": "OVERALL"} | overall]


def _rounded(regret: Regret) -> dict[str, Any]:
    return {
        key: value if isinstance(value, str) else round(value, 4)
        for key, value in regret.model_dump().items()
    }


def _run(changes: list[str], data: Path | None, seed: int) -> TrackingReport:
    with tempfile.TemporaryDirectory() as folder:
        places = {
            "BRAINRAY_DATABASE_URL": f"sqlite:///{folder}/catalog.sqlite",
            "BRAINRAY_STORE_URL": f"{folder}/store",
            "BRAINRAY_CACHE": f"{folder}/cache",
            "BRAINRAY_RUNS": f"{folder}/runs",
        }
        if data is not None:
            places["BRAINRAY_DATA"] = str(data)
        scenario = load_scenario("multi_object_tracking", changes)
        # A film of each sequence takes minutes and measures nothing.
        with patch.object(publication, "can_film", return_value=False):
            report = run_scenario(scenario, seed, load_settings(places), local_runner)
        assert isinstance(report, TrackingReport)
        return report
