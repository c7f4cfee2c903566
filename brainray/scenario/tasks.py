"""The tasks that a goal may have: what their scenarios and reports say, and how they are run.

Classification is the one that is built in; others are found by name through the entry points
``brainray.problems``.
"""

from typing import Any, Protocol, TypeAlias

from brainray import plugins
from brainray.scenario.model import Scenario
from brainray.scenario.report import Report
from brainray.scenario.tracking import TrackingScenario
from brainray.scenario.tracking_report import TrackingReport

AnyScenario: TypeAlias = Scenario | TrackingScenario
AnyReport: TypeAlias = Report | TrackingReport

CLASSIFICATION = "classification"


class Task(Protocol):
    """What a plug-in of ``brainray.problems`` offers.

    Attributes:
        scenario: what a scenario with this ``goal.task`` may say.
        report: what a run of it says at its end; its field ``task`` is the task's name.
    """

    scenario: Any
    report: Any

    def run(self, scenario: Any, *arguments: Any) -> Any:
        """Run a scenario; the arguments are those of `brainray.pipeline.run.run_scenario`."""


class Classification:
    """The task that is built in; `brainray.pipeline.run` runs it itself."""

    scenario = Scenario
    report = Report

    def run(self, scenario: Scenario, *arguments: Any) -> Report:
        """Run a scenario of one's own problem as this one does."""
        from brainray.pipeline.run import run_scenario

        report: Report = run_scenario(scenario, *arguments)
        return report


def task_names() -> list[str]:
    """Return the names of all tasks."""
    return sorted({CLASSIFICATION, *plugins.names("problems")})


def task_of(name: str) -> Task:
    """Return a task by its name.

    Raises:
        PluginError: there is no such task.
    """
    task: Task = Classification() if name == CLASSIFICATION else plugins.load("problems", name)
    return task


def parse_report(document: dict[str, Any]) -> AnyReport:
    """Return a report from JSON values, of whatever task.

    Raises:
        PluginError: its task is not installed.
        ValidationError: it is no such report.
    """
    report: AnyReport = task_of(document.get("task", CLASSIFICATION)).report.model_validate(
        document
    )
    return report
