"""``brainray submit``: a run as a Ray job on a standing cluster."""

import asyncio
import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TextIO

import typer

from actors.jobs import Jobs
from brainray.cli.job import REPORT_MARK
from brainray.cli.output import write_text
from brainray.cli.sending import pack_boxes
from brainray.datasets.portable import write_portable
from brainray.errors import JobError, ScenarioError, StoppedError
from brainray.files import write_atomically
from brainray.scenario import AnyScenario, Scenario, load_scenario
from brainray.scenario.load import FILE_NAME

PYTHON = '"${BRAINRAY_PYTHON:-python3}"'
"""The cluster says in its environment which of its Pythons has brainray."""


def submit(
    scenario: Annotated[
        str,
        typer.Argument(
            help="A built-in scenario's name, a folder with a scenario.yaml, or a file."
        ),
    ],
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="A.B=VALUE", help="Change a key of the scenario."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of all that is random.")] = 0,
    address: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Of the cluster's dashboard; by default that of the cluster of RAY_ADDRESS, "
            "or http://127.0.0.1:8265.",
        ),
    ] = None,
    json_to: Annotated[
        str | None,
        typer.Option("--json", metavar="FILE", help="Write the report to FILE, or - for stdout."),
    ] = None,
) -> None:
    """Run a scenario as a job on a standing cluster; Ctrl-C leaves it running."""
    # The exit code is that of the job, whose log is followed.
    wanted = load_scenario(scenario, changes or [])
    jobs = Jobs(address)
    with tempfile.TemporaryDirectory() as folder:
        pack(wanted, Path(folder))
        job = jobs.submit(f"{PYTHON} -m brainray.cli.job --seed {seed}", Path(folder))
    log = sys.stderr if json_to == "-" else sys.stdout
    print(f"job {job} on {jobs.address}", file=log, flush=True)
    report: list[str] = []
    try:
        asyncio.run(jobs.follow(job, _listener(log, report)))
        ended = jobs.ended(job)
    except KeyboardInterrupt as error:
        raise StoppedError(
            f"job {job} goes on; follow it: ray job logs --address {jobs.address} --follow {job}; "
            f"stop it: ray job stop --address {jobs.address} {job}"
        ) from error
    if ended.status != "SUCCEEDED":
        raise JobError(f"job {job}: {ended.status.lower()}: {ended.message}", ended.exit_code)
    if not report:
        raise JobError(f"job {job}: has printed no report; see: brainray runs list, on the head")
    if json_to is not None:
        document = json.dumps(json.loads("".join(report)), indent=2, ensure_ascii=False) + "\n"
        if json_to == "-":
            sys.stdout.write(document)
        else:
            write_text(json_to, document, "--json")


def pack(scenario: AnyScenario, folder: Path) -> None:
    """Write all that a run of the scenario needs of this machine into a folder.

    Raises:
        DataError: its manifest, or a file that this names, cannot be read.
        ScenarioError: its map of the brain cannot be read, or see `pack_boxes`.
    """
    document = scenario.model_dump(mode="json")
    if not isinstance(scenario, Scenario):
        if scenario.data.own:
            document["data"] = pack_boxes(scenario, folder)
    elif scenario.data.manifest is not None:
        inputs = {name: part.modality for name, part in scenario.inputs.items()}
        portable = write_portable(
            scenario.data.manifest, inputs, scenario.goal.target, scenario.data.strata, folder
        )
        document["data"]["manifest"] = portable.name
    if scenario.activation.map is not None:
        document["activation"]["map"] = _copied(scenario.activation.map, folder)
    write_atomically(folder / FILE_NAME, json.dumps(document).encode())


def _copied(file: Path, folder: Path) -> str:
    """Copy a file of the scenario into a folder; return its name there."""
    try:
        return Path(shutil.copy(file, folder)).name
    except OSError as error:
        raise ScenarioError(f"activation.map: {file}: cannot be read: {error.strerror}") from error


def _listener(log: TextIO, report: list[str]) -> Callable[[str], None]:
    """Return what prints the lines of a job's log, and keeps those of the report."""

    def take(line: str) -> None:
        if line.startswith(REPORT_MARK):
            report.append(line.removeprefix(REPORT_MARK))
        else:
            print(line, file=log, flush=True)

    return take
