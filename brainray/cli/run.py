"""``brainray run``: a scenario goes in, a stored network comes out."""

from pathlib import Path
from typing import Annotated

import typer

from brainray import plugins
from brainray.cli.live import LiveView
from brainray.cli.output import new_console, show
from brainray.cli.report import report_summary, report_table
from brainray.errors import RunError, ScenarioError, StoppedError
from brainray.pipeline.publication import MARKDOWN_FILE
from brainray.pipeline.record import FILE_NAME, Record
from brainray.pipeline.resuming import report_if_finished, resumed
from brainray.pipeline.run import run_scenario
from brainray.pipeline.status import recorded_scenario
from brainray.pipeline.stopping import terminable
from brainray.scenario import load_scenario
from brainray.settings import load_settings


def run(
    scenario: Annotated[
        str | None,
        typer.Argument(
            help="A built-in scenario's name, a folder with a scenario.yaml, or a file."
        ),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="A.B=VALUE",
            help="Change a key of the scenario; of a resumed run, who works.",
        ),
    ] = None,
    local: Annotated[
        bool, typer.Option("--local", help="Everything in this process, without Ray.")
    ] = False,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Of all that is random; 0 if not given.")
    ] = None,
    resume: Annotated[
        str | None, typer.Option(metavar="RUN", help="Go on with an interrupted run.")
    ] = None,
    other_versions: Annotated[
        bool,
        typer.Option(
            "--other-versions",
            help="Resume with other versions of packages; the result may differ.",
        ),
    ] = False,
    json_to: Annotated[
        str | None,
        typer.Option("--json", metavar="FILE", help="Write the report to FILE, or - for stdout."),
    ] = None,
) -> None:
    """Build, train and store the network of a scenario."""
    settings = load_settings()
    # Ray changes the working directory while the run lasts.
    target = json_to if json_to in (None, "-") else str(Path(str(json_to)).resolve())
    if resume is None:
        if other_versions:
            raise RunError("--other-versions: is for --resume alone")
        if scenario is None:
            raise ScenarioError("SCENARIO: is missing; give a name, a folder or a file")
        wanted = load_scenario(scenario, changes or [])
    else:
        if scenario is not None or seed is not None:
            raise RunError("--resume: takes scenario and seed from the run, give none")
        if not (settings.runs / resume / FILE_NAME).is_file():
            raise RunError(f"--resume {resume}: there is no such run; see: brainray runs list")
        recorded, seed = recorded_scenario(Record(settings.runs / resume))
        wanted = resumed(recorded, changes or [], resume)
        if (stored := report_if_finished(settings, resume)) is not None:
            says = f"run {resume}: is finished, this is its report"
            new_console(stderr=True).print(says, markup=False, highlight=False, soft_wrap=True)
            document = stored.model_dump(mode="json")
            show(report_table(stored), document, target, report_summary(stored))
            return
    with LiveView(wanted, new_console(stderr=True)) as view:
        try:
            with terminable():
                runner = plugins.load("runners", "local" if local else "ray")
                report = run_scenario(
                    wanted, seed or 0, settings, runner, view.listen, resume, other_versions
                )
        except KeyboardInterrupt as error:
            again = f"; go on with: brainray run --resume {view.run_id}" if view.run_id else ""
            raise StoppedError(f"stopped{again}", getattr(error, "exit_code", 130)) from error
    below = f"{report_summary(report)}\nReport: {settings.runs / report.run_id / MARKDOWN_FILE}"
    show(report_table(report), report.model_dump(mode="json"), target, below)
