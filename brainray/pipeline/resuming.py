"""Whether an interrupted run can go on and end as it would have."""

from collections.abc import Mapping

from brainray.datasets.dataset import Dataset
from brainray.errors import RunError
from brainray.pipeline.record import Record
from brainray.pipeline.versions import versions

ANY_VERSION = ("ray", "pyarrow")
"""They carry data around: another version of them changes no result."""


def check_resumable(record: Record, dataset: Dataset, other_versions: bool) -> None:
    """Check that a run can go on and end as it would have.

    Args:
        record: of the run.
        dataset: what `load_dataset` makes of its data now.
        other_versions: see `run_scenario`.

    Raises:
        RunError: its data have changed, or the packages that its result depends on.
    """
    for event in record.events("data"):
        if event["sha256"] != dataset.sha256:
            raise RunError(
                f"run {record.folder.name}: its data have changed since it was recorded, from "
                f"{event['sha256'][:12]} to {dataset.sha256[:12]}; start a new run"
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
