"""The typed scenario and report, YAML and JSON in and out."""

from brainray.scenario.load import load_scenario, parse_scenario
from brainray.scenario.model import Scenario
from brainray.scenario.report import Report

__all__ = ["Report", "Scenario", "load_scenario", "parse_scenario"]
