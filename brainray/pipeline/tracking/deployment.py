"""An endpoint that tracks as a run of tracking has chosen to."""

from pathlib import Path

from brainray.catalog import Library, Model
from brainray.catalog.tracking_endpoints import TrackingEndpoint
from brainray.catalog.values import Run
from brainray.errors import RunError, ScenarioError, UnknownError
from brainray.pipeline.record import Record
from brainray.pipeline.status import finished_report, recorded_scenario
from brainray.scenario import TrackingReport, TrackingScenario
from brainray.tracking.definition import TrackingDefinition, deploy


def meant(library: Library, what: str) -> Model | Run:
    """Return a model, also as what a run has returned, or a run that has returned none.

    Args:
        library: that has it.
        what: id, the id's beginning or name of a model; or a run's id or the id's beginning.

    Raises:
        CatalogError: there is neither.
    """
    try:
        return library.model(what)
    except UnknownError as unknown:
        try:
            run = library.run(what)
        except UnknownError:
            raise unknown from None
    return run if run.model_id is None else library.model(run.model_id)


def deploy_choice(
    library: Library, run: Run, sequence: str | None = None, name: str | None = None
) -> TrackingEndpoint:
    """Make an endpoint that tracks as a run has chosen, or change it.

    Args:
        library: that keeps it.
        run: whose record is on this machine.
        sequence: see `chosen_for`.
        name: of the endpoint; by default see `endpoint_name`.

    Raises:
        RunError: it has not finished, or has chosen nothing.
        BrainrayError: see `chosen_for` and `brainray.tracking.definition.deploy`.
    """
    report = finished_report(run)
    scenario, _ = recorded_scenario(Record(Path(run.record).parent))
    if not isinstance(report, TrackingReport) or not isinstance(scenario, TrackingScenario):
        raise RunError(f"run {run.id}: has returned nothing that can be deployed")
    definition = definition_of(report, scenario, sequence)
    return deploy(library, name or endpoint_name(report, sequence), definition)


def chosen_for(report: TrackingReport, sequence: str | None) -> str:
    """Return the key in a report's ``choices`` that is meant.

    Args:
        report: of a finished run.
        sequence: whose choice is wanted; None where there is one alone.

    Raises:
        ScenarioError: nothing was chosen for this sequence, or several choices are there.
    """
    choices = report.choices
    if sequence is None and len(choices) == 1:
        return next(iter(choices))
    if sequence in choices:
        return str(sequence)
    # A choice for all is under the name of the input.
    for key, choice in choices.items():
        if sequence in choice.sequences:
            return key
    given = "is missing" if sequence is None else f"{sequence!r}"
    raise ScenarioError(
        f"sequence: {given}; run {report.run_id} has chosen for each of {', '.join(choices)}"
    )


def endpoint_name(report: TrackingReport, sequence: str | None) -> str:
    """Return the scenario's name, with that of the sequence if the choice is for it alone."""
    name = report.scenario
    key = chosen_for(report, sequence)
    return (f"{name}-{key}" if len(report.choices) > 1 else name).lower()


def definition_of(
    report: TrackingReport, scenario: TrackingScenario, sequence: str | None = None
) -> TrackingDefinition:
    """Return what a run has chosen, as an endpoint has it.

    A detector of the scenario's section ``detectors`` looks at the pictures that come with a
    request. One whose boxes were recorded is no model: detections come with the requests.

    Args:
        report: of the run.
        scenario: of the run.
        sequence: see `chosen_for`.

    Raises:
        ScenarioError: see `chosen_for`; or recorded boxes are to be known by their looks.
    """
    choice = report.choices[chosen_for(report, sequence)]
    live = scenario.detectors.get(choice.detector)
    if choice.looks and live is None:
        raise ScenarioError(
            f"data.appearance: was chosen to look at boxes of {choice.detector}, which were "
            "recorded; at an endpoint they come without pictures"
        )
    return TrackingDefinition(
        None if live is None else live.detector,
        {} if live is None else live.arguments(),
        choice.tracker,
        choice.options,
        choice.min_score,
        scenario.data.appearance if choice.looks else None,
    )
