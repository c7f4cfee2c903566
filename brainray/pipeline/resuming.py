"""Whether an interrupted run can go on and end as it would have."""

from collections.abc import Mapping, Sequence

from brainray.catalog.library import Library
from brainray.errors import CatalogError, RunError, UnknownError
from brainray.pipeline.record import Record
from brainray.pipeline.status import finished_report
from brainray.pipeline.versions import versions
from brainray.scenario import AnyReport, AnyScenario, Scenario
from brainray.scenario.load import changed, key_of
from brainray.scenario.steps import NO_STRATEGY
from brainray.settings import Settings

ANY_VERSION = ("ray", "pyarrow")
"""They carry data around: another version of them changes no result."""


MAY_CHANGE = (
    "training.workers",
    "training.min_workers",
    "training.checkpoint_seconds",
    "search.workers",
    "pretraining.workers",
)
"""Keys that say who does the work, and not what is to be done."""


def resumed(scenario: AnyScenario, changes: Sequence[str], run_id: str) -> AnyScenario:
    """Return the scenario with which a run goes on.

    Args:
        scenario: that is recorded.
        changes: ``a.b=value`` each, of the keys of `MAY_CHANGE`.
        run_id: of the run.

    Raises:
        RunError: a key may not change.
        ScenarioError: a value is impossible.
    """
    for key in map(key_of, changes):
        if key not in MAY_CHANGE:
            raise RunError(
                f"--set {key}: cannot change when a run goes on, allowed are "
                f"{', '.join(MAY_CHANGE)}; start a new run"
            )
        together = isinstance(scenario, Scenario) and scenario.pretraining.strategy != NO_STRATEGY
        if key == "pretraining.workers" and together:
            raise RunError(
                "--set pretraining.workers: cannot change when a run goes on, for with a "
                "pretraining.strategy it is part of the recipe of the run's models; start a new run"
            )
    return changed(scenario, changes, f"run {run_id}") if changes else scenario


def known_to(settings: Settings, run_id: str) -> Library:
    """Return the catalog that knows a run.

    A new one would not know its models, and would make them anew or another run of it.

    Args:
        settings: where catalog and records are.
        run_id: of the run.

    Raises:
        RunError: the catalog is empty or another one; it says what is lost.
    """
    record = Record(settings.runs / run_id)
    try:
        library = Library.open(settings, new=False)
        if any(record.events("data")):  # before that, it may have ended without a row
            library.run(run_id)
    except CatalogError as error:
        models = sum(1 for _ in record.events("pretrained"))
        raise RunError(
            f"{error}; run {run_id} had {models} models in its database: put that back, or start "
            "a new run"
        ) from error
    return library


def report_if_finished(settings: Settings, run_id: str) -> AnyReport | None:
    """Return the report of a run that has finished, None of one that can go on.

    A run that was killed after its report and before the catalog knew its result goes on.

    Args:
        settings: where catalog and records are.
        run_id: of the run.

    Raises:
        RunError: the catalog is empty or another one, or the run's record is damaged.
    """
    library = known_to(settings, run_id)
    try:
        run = library.run(run_id)
    except UnknownError:  # it ended before the catalog had it
        return None
    return finished_report(run) if run.status == "finished" else None


def check_resumable(record: Record, sha256: str, other_versions: bool) -> None:
    """Check that a run can go on and end as it would have.

    Args:
        record: of the run.
        sha256: of its data as they are now.
        other_versions: see `run_scenario`.

    Raises:
        RunError: its data have changed, or the packages that its result depends on.
    """
    for event in record.events("data"):
        if event["sha256"] != sha256:
            raise RunError(
                f"run {record.folder.name}: its data have changed since it was recorded, from "
                f"{event['sha256'][:12]} to {sha256[:12]}; start a new run"
            )
    if not other_versions:
        for event in list(record.events("started"))[-1:]:
            check_versions(record.folder.name, event["versions"])


def check_versions(run_id: str, recorded: Mapping[str, str]) -> None:
    """Check that a run would go on with the versions that it was recorded with.

    Args:
        run_id: of the run.
        recorded: what `versions` returned then.

    Raises:
        RunError: another version may give another result; all that differ are named.
    """
    here = versions()
    other = [
        f"{name} {recorded[name]} (here {here.get(name, 'none')})"
        for name in sorted(recorded.keys() - set(ANY_VERSION))
        if _relevant(name, recorded[name]) != _relevant(name, here.get(name, ""))
    ]
    if other:
        raise RunError(
            f"run {run_id}: was recorded with {', '.join(other)}; install these versions, or add "
            "--other-versions, then its result may differ"
        )


def _relevant(name: str, number: str) -> str:
    """Return what of a version matters: of Python's, not the last number."""
    return number.rpartition(".")[0] if name == "python" else number
