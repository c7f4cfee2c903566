"""What breaks around a run is said in one line, and the run goes on when it is mended."""

import errno
import math
import re
import resource
import shutil
from pathlib import Path
from typing import Any

import pytest

from brainray.catalog import Library
from brainray.errors import BrainrayError, CatalogError, RunError, SearchError
from brainray.pipeline import resuming
from brainray.pipeline import run as pipeline
from brainray.pipeline.columns import ColumnUnit, prepare
from brainray.pipeline.local import local_runner
from brainray.pipeline.record import Event, Record
from brainray.pipeline.run import run_scenario
from brainray.pipeline.status import status_of
from brainray.scenario import Report, Scenario
from brainray.search.evolution import Evolution
from brainray.settings import Settings
from brainray.testing.disk import largest_file

SEED = 1
MOMENTS = ("started", "data", "pathway", "pretrained", "brood", "searched", "solution")


@pytest.fixture(scope="module")
def undisturbed(tiny: Scenario, tmp_path_factory: pytest.TempPathFactory) -> Report:
    home = tmp_path_factory.mktemp("undisturbed")
    settings = Settings(
        database_url=f"sqlite:///{home / 'catalog.sqlite'}",
        store_url=str(home / "store"),
        data=None,
        cache=home / "cache",
        runs=home / "runs",
    )
    return run_scenario(tiny, SEED, settings, local_runner)


@pytest.fixture(autouse=True)
def without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "publish", lambda report, folder, atlas: None)


def resumed(scenario: Scenario, settings: Settings, report: Report) -> None:
    """Go on with the only run, and compare it with an undisturbed one."""
    (folder,) = settings.runs.iterdir()
    again = run_scenario(scenario, SEED, settings, local_runner, run_id=folder.name)
    assert again.search.history == report.search.history
    assert again.best == report.best
    assert again.model == report.model
    assert Library.open(settings).run(folder.name).status == "finished"


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_full_disk(moment: str, tiny: Scenario, empty: Settings, undisturbed: Report) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(event: Event) -> None:
        if event["event"] == moment:
            resource.setrlimit(resource.RLIMIT_FSIZE, (16, limits[1]))

    try:
        with pytest.raises(BrainrayError) as error:
            run_scenario(tiny, SEED, empty, local_runner, fill)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "\n" not in str(error.value)
    assert str(empty.runs.parent) in str(error.value)
    for run in Library.open(empty).runs():
        assert status_of(run) == "killed"  # it could not say its end
    resumed(tiny, empty, undisturbed)


def test_a_full_disk_after_the_run_costs_its_pictures_alone(
    tiny: Scenario, empty: Settings, undisturbed: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(report: Report, folder: Path, atlas: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pipeline, "publish", refuse)
    with pytest.raises(RunError, match=r"runs/two-texts-.*: cannot be used: No space left"):
        run_scenario(tiny, SEED, empty, local_runner)
    (run,) = Library.open(empty).runs()
    assert run.status == "finished"
    assert run.model_id == undisturbed.model.id


def test_a_full_disk_while_a_column_is_prepared_ends_no_process(
    tiny: Scenario, empty: Settings, undisturbed: Report
) -> None:
    report = run_scenario(tiny, SEED, empty, local_runner)
    library = Library.open(empty)
    spec = library.network("fasttext.text")
    shutil.rmtree(empty.cache)
    unit = ColumnUnit(library.store, report.data["sha256"], "left", "train", spec.preparation)
    with largest_file(1024), pytest.raises(BrainrayError, match=r"prepared/.*: cannot be written"):
        prepare(unit)
    assert list((empty.cache / "prepared").iterdir()) == []
    assert prepare(unit) > 0


def test_a_store_that_cannot_be_written(
    tiny: Scenario, empty: Settings, undisturbed: Report
) -> None:
    store = Path(empty.store_url)
    store.parent.mkdir()
    store.write_text("a file in the place of the folder")
    with pytest.raises(BrainrayError, match=r"store/.*: cannot be written: ") as error:
        run_scenario(tiny, SEED, empty, local_runner)
    assert "\n" not in str(error.value)
    (run,) = Library.open(empty).runs()
    assert run.status == "failed"
    (event,) = Record(Path(run.record).parent).events("failed")
    assert str(error.value) in event["error"]
    store.unlink()
    resumed(tiny, empty, undisturbed)


@pytest.mark.parametrize("moment", ["pathway", "pretrained", "solution"])
def test_a_database_that_goes_away(
    moment: str, tiny: Scenario, empty: Settings, undisturbed: Report
) -> None:
    database = empty.runs.parent / "catalog.sqlite"

    def take_away(event: Event) -> None:
        if event["event"] == moment:
            for path in database.parent.glob("catalog.sqlite*"):
                path.rename(path.with_name(f"away-{path.name}"))
            database.mkdir()  # as where a disk is no longer mounted

    with pytest.raises(BrainrayError, match=r"database sqlite:.*catalog\.sqlite: ") as error:
        run_scenario(tiny, SEED, empty, local_runner, take_away)
    assert "\n" not in str(error.value)
    (folder,) = empty.runs.iterdir()
    (event,) = Record(folder).events("failed")  # the record is elsewhere, and knows
    assert str(error.value) in event["error"]
    database.rmdir()
    for path in database.parent.glob("away-*"):
        path.rename(path.with_name(path.name.removeprefix("away-")))
    (run,) = Library.open(empty).runs()
    assert (run.status, status_of(run)) == ("running", "failed")
    resumed(tiny, empty, undisturbed)


@pytest.mark.parametrize("moment", ["pathway", "pretrained", "solution"])
def test_a_database_that_is_deleted_is_missed_and_not_made_anew(
    moment: str, tiny: Scenario, empty: Settings, undisturbed: Report
) -> None:
    database = empty.runs.parent / "catalog.sqlite"

    def delete(event: Event) -> None:
        if event["event"] == moment:
            for path in database.parent.glob("catalog.sqlite*"):
                path.rename(path.with_name(f"away-{path.name}"))

    with pytest.raises(CatalogError, match=r"^database sqlite:///.*catalog\.sqlite: is gone$"):
        run_scenario(tiny, SEED, empty, local_runner, delete)
    assert not database.exists()
    (folder,) = empty.runs.iterdir()
    models = sum(1 for _ in Record(folder).events("pretrained"))
    lost = rf"run {folder.name} had {models} models in its database: put that back, or start a new"
    record = (folder / "record.jsonl").read_bytes()
    with pytest.raises(RunError, match=rf"catalog\.sqlite: is gone; {lost}"):
        run_scenario(tiny, SEED, empty, local_runner, run_id=folder.name)
    assert not database.exists()
    Library.open(empty)  # another one in its place does not know the run
    with pytest.raises(RunError, match=rf"run '{folder.name}': not in the catalog.*; {lost}"):
        run_scenario(tiny, SEED, empty, local_runner, run_id=folder.name)
    assert (folder / "record.jsonl").read_bytes() == record
    for path in database.parent.glob("catalog.sqlite*"):
        path.unlink()
    for path in database.parent.glob("away-*"):
        path.rename(path.with_name(path.name.removeprefix("away-")))
    resumed(tiny, empty, undisturbed)


def test_a_run_goes_on_with_the_versions_it_was_recorded_with(
    tiny: Scenario, empty: Settings, undisturbed: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(event: Event) -> Any:
        if event["event"] == "searched":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_scenario(tiny, SEED, empty, local_runner, stop)
    (folder,) = empty.runs.iterdir()
    here = resuming.versions()
    patch = here["python"].rpartition(".")[0] + ".99"
    other = here | {"ray": "0.1", "pyarrow": "0.1", "python": patch, "torch": "0.1"}
    monkeypatch.setattr(resuming, "versions", lambda: other)
    before = (folder / "record.jsonl").read_bytes()
    with pytest.raises(
        RunError, match=rf"recorded with torch {re.escape(here['torch'])} \(here 0\.1\); install"
    ) as error:
        run_scenario(tiny, SEED, empty, local_runner, run_id=folder.name)
    assert not {"ray", "pyarrow", "python"} & set(str(error.value).split())
    assert (folder / "record.jsonl").read_bytes() == before
    run_scenario(tiny, SEED, empty, local_runner, run_id=folder.name, other_versions=True)
    assert Library.open(empty).run(folder.name).status == "finished"


@pytest.mark.parametrize("known", [True, False])
def test_a_wrong_diagnostic_is_said_before_training_and_loses_nothing(
    known: bool,
    tiny: Scenario,
    empty: Settings,
    undisturbed: Report,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def report(searcher: Evolution) -> Any:
        return {"fit": "good"} if searcher._population or known else {"fit": math.nan}

    monkeypatch.setattr(Evolution, "report", report, raising=False)
    with pytest.raises(SearchError, match="the searcher's diagnostic 'fit' is 'good'"):
        run_scenario(tiny, SEED, empty, local_runner)
    (folder,) = empty.runs.iterdir()
    kinds = [event["event"] for event in Record(folder).events()]
    assert ("brood" in kinds) is not known
    assert not {"training", "solution"} & set(kinds)
    monkeypatch.setattr(Evolution, "report", lambda searcher: {"fit": 0.5, "other": math.nan})
    resumed(tiny, empty, undisturbed)
    (searched,) = Record(folder).events("searched")
    assert searched["diagnostics"] == {"fit": 0.5}
    indices = [event["index"] for event in Record(folder).events("brood")]
    assert indices == list(range(len(indices)))  # nothing was evaluated twice
