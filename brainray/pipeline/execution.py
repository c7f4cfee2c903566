"""What the runs of all tasks have in common: record, catalog, lease, search, times."""

import logging
import math
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Generic, TypeAlias, TypeVar

from brainray import plugins
from brainray.catalog.library import Library
from brainray.catalog.values import Status
from brainray.errors import CatalogError, RunError
from brainray.fusion.problem import FusionProblem
from brainray.pipeline.lease import leased
from brainray.pipeline.record import Event, Record
from brainray.pipeline.runner import Runner
from brainray.pipeline.tensorboard import CandidateLog
from brainray.pipeline.versions import versions
from brainray.scenario import AnyScenario
from brainray.search.calling import made
from brainray.search.interface import Brood, Problem
from brainray.search.schedule import Evaluated, Schedule
from brainray.settings import Settings

logger = logging.getLogger(__name__)

MakeRunner: TypeAlias = Callable[[Settings, Path], AbstractContextManager[Runner]]
"""Starts the runner of a run from the settings and the run's folder, and ends it."""

Described = TypeVar("Described", bound=AnyScenario)
Result = TypeVar("Result")


@contextmanager
def placed(folder: Path) -> Iterator[None]:
    """Say where it was, if the disk refuses something that is written below a folder."""
    try:
        yield
    except OSError as error:
        where = error.filename or folder
        raise RunError(f"{where}: cannot be used: {error.strerror or error}") from error


def new_run_id(scenario: AnyScenario) -> str:
    """Return a new id that sorts by time, e.g. ``digits-20260131-120000-5f3a``."""
    return f"{scenario.name}-{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


@dataclass
class Execution(Generic[Described]):
    """One execution of a scenario.

    Attributes:
        scenario: what is wanted.
        seed: of all that is random.
        runner: where the work is done.
        library: the catalog.
        record: of the run; events of an interrupted execution are taken up.
    """

    scenario: Described
    seed: int
    runner: Runner
    library: Library
    record: Record

    @property
    def run_id(self) -> str:
        """The run's id: the name of its folder."""
        return self.record.folder.name

    def recorded(
        self,
        steps: Callable[[list[Event]], Result],
        pretraining: int | None,
        search: int | None,
        training: int,
    ) -> Result:
        """Do all steps; on an error the record and the catalog say so before it is raised.

        Args:
            steps: given the events of an interrupted execution.
            pretraining: workers that this step needs; see `Runner.require`.
            search: workers that this step needs.
            training: workers that this step needs.
        """
        done = list(self.record.events()) if self.record.path.exists() else []
        definition = self.scenario.model_dump(mode="json")
        self.record.append(
            "started",
            run_id=self.run_id,
            scenario=definition,
            seed=self.seed,
            versions=versions(),
            runner=self.runner.name,
        )
        self.library.add_run(
            self.run_id, self.scenario.name, self.seed, str(self.record.path), definition
        )
        finished = False
        try:
            self.runner.require(pretraining, search, training)
            with leased(self.runner, self.run_id), placed(self.record.folder):
                result = steps(done)
                finished = True
            return result
        except BaseException as error:
            if not finished:  # else its lease was being released; its result stays
                self._note_end(error)
            raise

    def _note_end(self, error: BaseException) -> None:
        """Have record and catalog say how the run ended; what cannot be said loses nothing."""
        stopped = isinstance(error, KeyboardInterrupt | SystemExit)
        status: Status = "stopped" if stopped else "failed"
        reason = ": ".join(filter(None, [type(error).__name__, str(error)]))
        try:
            self.record.append(status, error=reason)
        except RunError as second:
            logger.warning("%s", second)
        try:
            self.library.finish_run(self.run_id, status)
        except CatalogError as second:
            logger.warning("%s", second)

    def searched(self, problem: Problem, done: list[Event], part: str | None = None) -> Schedule:
        """Search, and go on where an interrupted execution has stopped.

        Args:
            problem: what is searched.
            done: the events of an interrupted execution.
            part: of a run that has several searches, which one this is.
        """
        search, of = self.scenario.search, {} if part is None else {"part": part}
        space = problem.space
        done = [event for event in done if event.get("part") == part]
        known = {
            event["index"]: Evaluated(
                tuple(tuple(genome) for genome in event["genomes"]),
                tuple(math.nan if value is None else value for value in event["values"]),
            )
            for event in done
            if event["event"] == "brood"
        }

        def on_asked(index: int, seen: int) -> None:
            self.record.append("asked", index=index, seen=seen, **of)

        make = plugins.load("searchers", search.algorithm)
        schedule = Schedule(
            space,
            made(search.algorithm, make, space, self.seed),
            seed=self.seed,
            budget=search.budget,
            brood_size=search.brood,
            lag=search.lag if search.mode == "synchronous" else None,
            time_limit_seconds=self._seconds_left(done),
            known=known,
            seen=[event["seen"] for event in done if event["event"] == "asked"],
            on_asked=on_asked,
            name=search.algorithm,
        )

        def on_brood(brood: Brood, values: list[float], seconds: float) -> None:
            self.record.append(
                "brood",
                index=brood.index,
                genomes=[list(genome) for genome in brood.genomes],
                values=[None if math.isnan(value) else value for value in values],
                seconds=round(seconds, 3),
                **of,
            )
            log.add(brood, values)

        start = time.monotonic()
        if isinstance(problem, FusionProblem):
            problem.measure()  # once here rather than in every trial
        before = (value for evaluated in known.values() for value in evaluated.values)
        folder = self.record.folder / "tensorboard"
        with CandidateLog(folder if part is None else folder / part, space, before) as log:
            self.runner.search(problem, schedule, search.workers, on_brood)
        seconds = round(time.monotonic() - start, 3)
        # Wrong diagnostics are refused here, before anything is trained; a resume loses nothing.
        self.record.append("searched", seconds=seconds, diagnostics=schedule.diagnostics, **of)
        return schedule

    def _seconds_left(self, done: list[Event]) -> float | None:
        """Return the search's time limit; none is left if it had ended before."""
        if any(event["event"] == "searched" for event in done):
            return 0.0
        limit = self.scenario.search.time_limit_minutes
        return None if limit is None else limit * 60


class Clock:
    """Measures the wall time of a run's steps, in seconds."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        """Measure the block as one step."""
        start = time.monotonic()
        yield
        self.seconds[step] = round(time.monotonic() - start, 3)
