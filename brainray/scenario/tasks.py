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


class Models(Protocol):
    """What people and programs read of a task.

    Attributes:
        scenario: what a scenario with this ``goal.task`` may say.
        report: what a run of it says at its end; its field ``task`` is the task's name.
    """

    scenario: Any
    report: Any


class Task(Models, Protocol):
    """What a plug-in of ``brainray.problems`` offers."""

    def run(self, scenario: Any, *arguments: Any) -> Any:
        """Run a scenario; the arguments are those of `brainray.pipeline.run.run_scenario`."""


class Classification:
    """The task that is built in; `brainray.pipeline.run` runs it itself."""

    scenario = Scenario
    report = Report


def task_names() -> list[str]:
    """Return the names of all tasks."""
    return sorted({CLASSIFICATION, *plugins.names("problems")})


def task_of(name: str) -> Task:
    """Return the task that a plug-in offers.

    Raises:
        PluginError: there is no such task.
    """
    task: Task = plugins.load("problems", name)
    return task


def models_of(name: str) -> Models:
    """Return what scenarios and reports of a task say, the built-in one included.

    Raises:
        PluginError: there is no such task.
    """
    return Classification() if name == CLASSIFICATION else task_of(name)


def parse_report(document: dict[str, Any]) -> AnyReport:
    """Return a report from JSON values, of whatever task.

    Raises:
        PluginError: its task is not installed.
        ValidationError: it is no such report.
    """
    model = models_of(document.get("task", CLASSIFICATION)).report
    report: AnyReport = model.model_validate(document)
    return report
