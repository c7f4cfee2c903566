"""The typed scenario and report, YAML and JSON in and out."""

from brainray.scenario.load import load_scenario, parse_scenario
from brainray.scenario.model import Scenario
from brainray.scenario.report import Report
from brainray.scenario.tasks import AnyReport, AnyScenario
from brainray.scenario.tracking import TrackingScenario
from brainray.scenario.tracking_report import TrackingReport

__all__ = [
    "AnyReport",
    "AnyScenario",
    "Report",
    "Scenario",
    "TrackingReport",
    "TrackingScenario",
    "load_scenario",
    "parse_scenario",
]
