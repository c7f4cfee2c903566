"""Runs of the product, each kept in a folder, so that the benchmark goes on where it stopped."""

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from functools import cache, lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

import actors
import brainray
import scenarios
from brainray.catalog.library import Library
from brainray.datasets.dataset import Dataset
from brainray.datasets.source import load_dataset
from brainray.files import write_atomically
from brainray.pipeline.answers import ANSWERS_FILE
from brainray.pipeline.local import local_runner
from brainray.pipeline.record import Record
from brainray.pipeline.run import Run
from brainray.pipeline.versions import versions
from brainray.scenario import Scenario, load_scenario
from brainray.scenario.model import Data
from brainray.settings import load_settings
from brainray.shapes import Modality
from brainray.testing.places import places_below

SCENARIO = "audio_visual_digits"
MADE_BY = "made_by.json"
MODALITIES: dict[str, Modality] = {"image": "image", "audio": "audio"}
IN_A_NAME = str.maketrans("/ ", ".-")
"""A run's name, under which its checkpoints are stored, has neither."""


@dataclass(frozen=True)
class Job:
    """One run of the product.

    Attributes:
        name: of its folder.
        seed: of the run.
        changes: of the built-in scenario, as ``--set`` takes them.
    """

    name: str
    seed: int
    changes: tuple[str, ...]


@dataclass(frozen=True)
class Result:
    """What a job left: the report, and the answers to the test rows by network."""

    report: dict[str, Any]
    answers: pa.Table


@dataclass(frozen=True)
class Workbench:
    """A folder of its own for catalog, store, cache and results.

    Attributes:
        folder: all is kept in it.
        workers: jobs at the same time.
        say: told of what is done.
    """

    folder: Path
    workers: int = 2
    say: Callable[[str], None] = field(default=print)

    def open(self) -> None:
        """Point this process and its children to the folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        os.environ |= places_below(self.folder)
        Library.open(load_settings())  # makes the catalog once, before several processes use it

    def on_ray(self, job: Job) -> Result:
        """Run a job as a user does: ``brainray run``, on Ray with all CPUs."""
        target = self.folder / "results" / job.name
        if not is_there(job, target):
            target.mkdir(parents=True, exist_ok=True)
            command = [str(Path(sys.executable).with_name("brainray")), "run", SCENARIO]
            command += ["--seed", str(job.seed), "--json", str(target / "report.json")]
            for change in job.changes:
                command += ["--set", change]
            start = time.monotonic()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            report = json.loads((target / "report.json").read_text())
            keep(job, target, report, time.monotonic() - start)
            self.say(f"{job.name}: {time.monotonic() - start:.0f} s")
        return result_of(target)

    def local(self, jobs: Sequence[Job]) -> list[Result]:
        """Run jobs in processes of one thread each; return their results in order."""
        targets = [self.folder / "results" / job.name for job in jobs]
        left = [
            (job, target)
            for job, target in zip(jobs, targets, strict=True)
            if not is_there(job, target)
        ]
        with ProcessPoolExecutor(self.workers, mp_context=get_context("spawn")) as pool:
            futures = {pool.submit(run_job, job, target): job.name for job, target in left}
            for done in as_completed(futures):
                self.say(f"{futures[done]}: {done.result()}")
        return [result_of(target) for target in targets]


def run_job(job: Job, target: Path) -> str:
    """Run a job in this process and keep its result; return what to say of it."""
    start = time.monotonic()
    settings = load_settings()
    scenario = changed_scenario(job.changes)
    dataset, source = dataset_of(scenario, job.seed)
    run_id = f"{job.name.translate(IN_A_NAME)}-{time.time_ns():x}"
    with local_runner(settings, settings.runs / run_id) as runner:
        record = Record(settings.runs / run_id)
        run = Run(scenario, job.seed, runner, Library.open(settings), record)
        report = run.execute(dataset, source).model_dump(mode="json")
    seconds = time.monotonic() - start
    keep(job, target, report, seconds)
    return f"{100 * report['best']['test']:.2f} % in {seconds:.0f} s"


def changed_scenario(changes: Sequence[str]) -> Scenario:
    """Return the built-in scenario with changes, as ``--set`` takes them."""
    scenario = load_scenario(SCENARIO, changes)
    if not isinstance(scenario, Scenario):
        raise TypeError(f"{SCENARIO}: is no scenario that fuses networks")
    return scenario


def dataset_of(scenario: Scenario, seed: int) -> tuple[Dataset, str]:
    """Return a scenario's data; a process that runs several jobs on the same builds them once."""
    return _dataset(scenario.data.model_dump_json(), scenario.goal.target, seed)


@lru_cache(maxsize=2)
def _dataset(data_json: str, target: str, seed: int) -> tuple[Dataset, str]:
    data = Data.model_validate_json(data_json)
    return load_dataset(data, MODALITIES, target, seed, load_settings())


def keep(job: Job, target: Path, report: dict[str, Any], seconds: float) -> None:
    """Keep a run's report and answers; last what it was made by, for that says that all is there.

    Beside the report's own fields there are ``wall_seconds`` and how many networks it ``trained``.
    """
    folder = load_settings().runs / report["run_id"]
    trained = len(list(Record(folder).events("pretrained")))
    found = report | {"wall_seconds": round(seconds, 1), "trained": trained}
    write_atomically(target / ANSWERS_FILE, (folder / ANSWERS_FILE).read_bytes())
    write_atomically(target / "report.json", json.dumps(found, indent=1).encode())
    write_atomically(target / MADE_BY, made_by(job).encode())


def is_there(job: Job, target: Path) -> bool:
    """Say whether a job's result was kept, by this code."""
    path = target / MADE_BY
    return path.exists() and path.read_text(encoding="utf-8") == made_by(job)


@cache
def made_by(job: Job) -> str:
    """Return what a result depends on: the job, the versions, and the sha256 of the code."""
    code = hashlib.sha256()
    for file in (actors.__file__, brainray.__file__, scenarios.__file__):
        place = Path(file).parent
        for path in sorted(place.rglob("*")):
            if path.suffix in (".py", ".yaml", ".csv"):
                code.update(path.relative_to(place).as_posix().encode() + path.read_bytes())
    return json.dumps({"job": asdict(job), "versions": versions(), "code": code.hexdigest()})


def result_of(target: Path) -> Result:
    """Read what `keep` wrote."""
    report = json.loads((target / "report.json").read_text(encoding="utf-8"))
    return Result(report, pq.read_table(target / ANSWERS_FILE))
