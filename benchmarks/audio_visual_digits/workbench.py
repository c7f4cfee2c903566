"""Runs of the product, each kept in a folder, so that the benchmark goes on where it stopped."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from brainray.catalog.library import Library
from brainray.catalog.weights import write_atomically
from brainray.datasets.dataset import Dataset
from brainray.datasets.source import load_dataset
from brainray.pipeline.answers import ANSWERS_FILE
from brainray.pipeline.local import local_runner
from brainray.pipeline.record import Record
from brainray.pipeline.run import Run
from brainray.scenario import Scenario, load_scenario
from brainray.scenario.model import Data
from brainray.settings import load_settings
from brainray.shapes import Modality

SCENARIO = "audio_visual_digits"
MODALITIES: dict[str, Modality] = {"image": "image", "audio": "audio"}


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
        os.environ |= {
            "BRAINRAY_DATABASE_URL": f"sqlite:///{self.folder / 'catalog.sqlite'}",
            "BRAINRAY_STORE_URL": str(self.folder / "store"),
            "BRAINRAY_CACHE": str(self.folder / "cache"),
            "BRAINRAY_RUNS": str(self.folder / "runs"),
        }
        Library.open(load_settings())  # makes the catalog once, before several processes use it

    def on_ray(self, job: Job) -> Result:
        """Run a job as a user does: ``brainray run``, on Ray with all CPUs."""
        target = self.folder / "results" / job.name
        if not (target / ANSWERS_FILE).exists():
            target.mkdir(parents=True, exist_ok=True)
            command = [str(Path(sys.executable).with_name("brainray")), "run", SCENARIO]
            command += ["--seed", str(job.seed), "--json", str(target / "report.json")]
            for change in job.changes:
                command += ["--set", change]
            start = time.monotonic()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            report = json.loads((target / "report.json").read_text())
            keep(target, report, time.monotonic() - start)
            self.say(f"{job.name}: {time.monotonic() - start:.0f} s")
        return result_of(target)

    def local(self, jobs: Sequence[Job]) -> list[Result]:
        """Run jobs in processes of one thread each; return their results in order."""
        targets = [self.folder / "results" / job.name for job in jobs]
        left = [
            (job, target)
            for job, target in zip(jobs, targets, strict=True)
            if not (target / ANSWERS_FILE).exists()
        ]
        self.map(run_job, left, [job.name for job, _ in left])
        return [result_of(target) for target in targets]

    def map(self, work: Callable[[Any], Any], units: Sequence[Any], names: Sequence[str]) -> None:
        """Call a module-level function for every unit, several at the same time."""
        if not units:
            return
        with ProcessPoolExecutor(self.workers, mp_context=get_context("spawn")) as pool:
            futures = {
                pool.submit(work, unit): name for unit, name in zip(units, names, strict=True)
            }
            for done in as_completed(futures):
                self.say(f"{futures[done]}: {done.result()}")


def run_job(job_and_target: tuple[Job, Path]) -> str:
    """Run a job in this process and keep its result."""
    job, target = job_and_target
    start = time.monotonic()
    settings = load_settings()
    scenario = load_scenario(SCENARIO, job.changes)
    dataset, source = dataset_of(scenario, job.seed)
    run_id = f"{job.name.replace('/', '.')}-{time.time_ns():x}"
    with local_runner(settings, settings.runs / run_id) as runner:
        record = Record(settings.runs / run_id)
        run = Run(scenario, job.seed, runner, Library.open(settings), record)
        report = run.execute(dataset, source).model_dump(mode="json")
    seconds = time.monotonic() - start
    keep(target, report, seconds)
    return f"{100 * report['best']['test']:.2f} % in {seconds:.0f} s"


def dataset_of(scenario: Scenario, seed: int) -> tuple[Dataset, str]:
    """Return a scenario's data; a process that runs several jobs on the same builds them once."""
    return _dataset(scenario.data.model_dump_json(), scenario.goal.target, seed)


@lru_cache(maxsize=2)
def _dataset(data_json: str, target: str, seed: int) -> tuple[Dataset, str]:
    data = Data.model_validate_json(data_json)
    return load_dataset(data, MODALITIES, target, seed, load_settings())


def keep(target: Path, report: dict[str, Any], seconds: float) -> None:
    """Keep a run's report and answers; the answers last, for they say that all is there."""
    target.mkdir(parents=True, exist_ok=True)
    document = report | {"wall_seconds": round(seconds, 1)}
    write_atomically(target / "report.json", json.dumps(document, indent=1).encode())
    answers = load_settings().runs / report["run_id"] / ANSWERS_FILE
    write_atomically(target / ANSWERS_FILE, answers.read_bytes())


def result_of(target: Path) -> Result:
    """Read what `keep` wrote."""
    report = json.loads((target / "report.json").read_text(encoding="utf-8"))
    return Result(report, pq.read_table(target / ANSWERS_FILE))
