"""Tracking as a task of a scenario's goal; what it needs is imported when it runs."""

from typing import Any

from brainray.scenario import TrackingReport, TrackingScenario


class Tracking:
    """The plug-in ``tracking`` of ``brainray.problems``."""

    scenario = TrackingScenario
    report = TrackingReport

    def run(self, scenario: TrackingScenario, *arguments: Any) -> TrackingReport:
        """Run a scenario; see `brainray.pipeline.tracking.run.run_tracking`."""
        from brainray.pipeline.tracking.run import run_tracking

        return run_tracking(scenario, *arguments)


TRACKING = Tracking()
