"""A run that is killed at any moment goes on as if nothing had been.

What a kill leaves is what is on disk at that moment. So one undisturbed run is watched, all that it
keeps is copied before each thing that it writes (an event of the record, a file of the store, a
transaction of the database), and the run is resumed from the copies, in this process: with
``--long`` from every one, else from every fifth and from those of the record's own events of each
kind for the first time.
"""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import Session

from brainray.catalog import Library, Store
from brainray.pipeline import run as pipeline
from brainray.pipeline.local import local_runner
from brainray.pipeline.record import Record
from brainray.pipeline.run import run_scenario
from brainray.pipeline.status import recorded_scenario, status_of
from brainray.scenario import Report, Scenario
from brainray.settings import Settings
from brainray.testing.places import settings_below

SEED = 1
APART = 5


class Watched:
    """Copies what a run keeps, before each thing that it writes.

    Args:
        home: where it keeps all.
        copies: where the copies go, numbered.
    """

    def __init__(self, home: Path, copies: Path) -> None:
        self.home = home
        self.copies = copies
        self.moments: list[str] = []

    def copy(self, what: str) -> None:
        shutil.copytree(self.home, self.copies / str(len(self.moments)))
        self.moments.append(what)


@pytest.fixture(scope="module")
def watched(
    tiny: Scenario, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Report, Watched]]:
    folder = tmp_path_factory.mktemp("watched")
    settings = settings_below(folder / "home")
    Library.open(settings)  # an empty database is the catalog's matter
    watch = Watched(folder / "home", folder / "copies")
    append, put = Record.append, Store.put

    def watched_append(self: Record, kind: str, **fields: Any) -> None:
        watch.copy(f"event {kind}")
        append(self, kind, **fields)

    def watched_put(self: Store, key: str, data: bytes) -> None:
        watch.copy(f"file {key}")
        put(self, key, data)

    def watched_commit(session: Session) -> None:
        watch.copy("transaction")

    event.listen(Session, "before_commit", watched_commit)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Record, "append", watched_append)
        patch.setattr(Store, "put", watched_put)
        report = run_scenario(tiny, SEED, settings, local_runner)
    event.remove(Session, "before_commit", watched_commit)
    yield report, watch
    shutil.rmtree(watch.copies)


def files(settings: Settings) -> set[str]:
    """Return what the store holds, by its keys: weights and data are named by their sha256."""
    store = Path(settings.store_url)
    return {str(path.relative_to(store)) for path in store.rglob("*") if path.is_file()}


def chosen(moments: list[str], all_of_them: bool) -> list[int]:
    """Return the moments from which to go on, by number."""
    if all_of_them:
        return list(range(len(moments)))
    first = {moment: n for n, moment in reversed(list(enumerate(moments))) if "event" in moment}
    return sorted({*range(0, len(moments), APART), *first.values()})


def test_a_run_goes_on_from_every_moment(
    watched: tuple[Report, Watched],
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    # The pictures come after the run, and would take longer than it.
    monkeypatch.setattr(pipeline, "publish", lambda report, folder, atlas: None)
    report, watch = watched
    models = Library.open(settings_below(watch.home)).models()
    wanted = {(model.id, model.sha256) for model in models}
    kinds = {moment.partition(" ")[0] for moment in watch.moments}
    assert kinds == {"event", "file", "transaction"}
    begun = 0
    for number in chosen(watch.moments, request.config.option.long):
        moment = watch.moments[number]
        settings = settings_below(watch.copies / str(number))
        library = Library.open(settings)
        for model in library.models():  # each that is there is whole
            library.store.local_path(model.key)
        folder = settings.runs / report.run_id
        record = Record(folder)
        if not record.path.exists():
            assert not begun, moment
            continue
        begun += 1
        ended = any(record.events("finished"))
        for run in library.runs():
            here = replace(run, record=str(record.path))  # the copy's, not the original's
            assert status_of(here) == ("finished" if ended else "killed"), moment
        with record.path.open("a") as file:
            file.write('{"event":"bro')  # what a kill in the middle of a write leaves
        scenario, seed = recorded_scenario(record)
        again = run_scenario(scenario, seed, settings, local_runner, run_id=report.run_id)
        assert again.search.history == report.search.history, moment
        assert again.best == report.best, moment
        assert again.model == report.model, moment
        assert {(model.id, model.sha256) for model in library.models()} == wanted, moment
        assert files(settings) == files(settings_below(watch.home)), moment
        assert library.run(report.run_id).status == "finished", moment
        indices = sorted(brood["index"] for brood in Record(folder).events("brood"))
        assert indices == [0, 1, 2, 3], moment  # none is evaluated twice
    assert begun > 10
