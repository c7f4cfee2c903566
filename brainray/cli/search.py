"""``brainray search``: searchers, compared on tables of known values."""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
import yaml
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from brainray import plugins
from brainray.cli.output import Json, new_console, show
from brainray.errors import DataError, SearchError, SettingsError, StoppedError
from brainray.pipeline.pictures.curves import BAND, draw_curves
from brainray.pipeline.stopping import terminable
from brainray.search.bench import Curves, Protocol, Searched, compare, search_many, summary
from brainray.search.table import TableProblem, read_table
from brainray.shapes import Array
from brainray.wording import counted

BASELINE = "random"
DETAILS = "bench"
"""The key of the JSON beside those of the columns."""

app = typer.Typer(help="Searchers, compared on tables of known values.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Keep ``bench`` a command of its own."""


@app.command("bench")
def bench(
    table: Annotated[Path, typer.Option(metavar="F.parquet", help="A row a code.")],
    search_on: Annotated[str, typer.Option(metavar="COLUMN", help="What a search sees.")],
    report: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="Judges the best code; default: --search-on."),
    ] = None,
    minimise: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="Smaller values are better; default: larger ones."),
    ] = None,
    genes: Annotated[
        str,
        typer.Option(
            metavar="PATTERN",
            help="The gene columns; a column of NAS-Bench-201 cells is split into edges.",
        ),
    ] = "gene_*",
    algorithm: Annotated[str, typer.Option(help="A searcher.")] = "evolution",
    options: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="An option of the searcher."),
    ] = None,
    budget: Annotated[int, typer.Option(min=1, help="Distinct codes to evaluate.")] = 150,
    seeds: Annotated[int, typer.Option(min=1, help="Searches, of seeds 0, 1, …")] = 20,
    brood: Annotated[int, typer.Option(min=1, help="Codes proposed together.")] = 1,
    lag: Annotated[
        int, typer.Option(min=1, help="Broods in evaluation at once; 1 is one after the other.")
    ] = 1,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; default: one a CPU. Changes no result.")
    ] = None,
    curve: Annotated[
        Path | None, typer.Option(metavar="F.png", help="Draw the best code so far.")
    ] = None,
    json_to: Json = None,
) -> None:
    """Run a searcher and random search on a table, and compare them seed by seed."""
    plugins.load("searchers", algorithm)  # an unknown name is refused before anything is read
    if curve is not None and curve.suffix.lower() != ".png":
        raise SettingsError(f"--curve {curve}: must be the name of a PNG file, F.png")
    judges = list(dict.fromkeys(report or [search_on]))
    if DETAILS in judges:
        raise DataError(f"--report {DETAILS!r}: is a key of the JSON; rename the column")
    protocol = Protocol(algorithm, budget, brood, lag, _options(options or []))
    problem = read_table(table, genes, search_on, judges, minimise or [])
    start = time.monotonic()
    curves, diagnostics = _search(problem, protocol, range(seeds), workers or os.cpu_count() or 1)
    seconds = time.monotonic() - start
    evaluated = curves[algorithm][search_on].shape[1]
    effort = f"{counted(evaluated, 'evaluation')}, {counted(seeds, 'seed')}"
    title = f"{algorithm} on {table.stem}: {effort}"
    last = {
        name: {judge: found[judge][:, -1] for judge in judges} for name, found in curves.items()
    }
    document: dict[str, Any] = {judge: summary(last[algorithm][judge]) for judge in judges}
    document[DETAILS] = {
        "table": str(table),
        "genes": {gene.name: len(gene.alleles) for gene in problem.space.genes},
        "codes": len(problem.codes.rows),
        "search_on": search_on,
        "minimised": sorted(problem.minimised),
        "algorithm": algorithm,
        "options": dict(protocol.options),
        "budget": budget,
        "evaluated": evaluated,
        "seeds": seeds,
        "brood": brood,
        "lag": lag,
        "seconds": round(seconds, 2),
        "values": {judge: last[algorithm][judge].tolist() for judge in judges},
        "random": {judge: summary(last[BASELINE][judge]) for judge in judges},
        "against_random": {
            judge: compare(
                last[algorithm][judge], last[BASELINE][judge], judge in problem.minimised
            )
            for judge in judges
        },
        "diagnostics": {name: summary(values_K) for name, values_K in diagnostics.items()},
        "curves": {judge: _curve(curves[algorithm], judge) for judge in judges},
    }
    show(_table(title, document, judges), document, json_to, _below(document[DETAILS]))
    if curve is not None:  # last, for what was found shall be said even if a disk is full
        try:
            draw_curves(curves, title, curve, problem.minimised)
        except OSError as error:
            raise SettingsError(f"--curve {curve}: cannot be written: {error}") from error


def _options(settings: Sequence[str]) -> dict[str, Any]:
    """Return the options of a searcher that ``--set`` gives."""
    options = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or not name:
            raise SearchError(f"--set {setting!r}: must have the form name=value")
        try:
            options[name] = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise SearchError(f"--set {setting!r}: the value is not YAML") from error
    return options


def _search(
    problem: TableProblem, protocol: Protocol, seeds: Sequence[int], workers: int
) -> tuple[dict[str, Curves], dict[str, Array]]:
    """Return the curves of random search and of the searcher, and the latter's diagnostics.

    A diagnostic has a value a seed, without those seeds for which the searcher gives none.
    """
    baseline = Protocol(BASELINE, protocol.budget, protocol.brood_size, protocol.lag)
    console = new_console(stderr=True)
    progress = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("seeds"),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )
    protocols = {BASELINE: baseline} | {protocol.algorithm: protocol}
    searches: dict[int, Searched] = {}

    def on_done(done: Searched) -> None:
        progress.advance(tasks[done.protocol.algorithm])
        if done.protocol == protocol:
            searches[done.seed] = done

    try:
        with terminable(), progress:
            tasks = {name: progress.add_task(name, total=len(seeds)) for name in protocols}
            found = search_many(
                problem,
                list(protocols.values()),
                seeds,
                workers,
                on_done,
            )
    except KeyboardInterrupt as error:
        raise StoppedError("stopped", getattr(error, "exit_code", 130)) from error
    told = [searches[seed].diagnostics for seed in seeds]
    names = dict.fromkeys(name for one in told for name in one)
    diagnostics = {name: np.array([one[name] for one in told if name in one]) for name in names}
    return dict(zip(protocols, found, strict=True)), diagnostics


def _curve(found: Curves, judge: str) -> dict[str, list[float]]:
    """Return the mean over seeds and the ends of the band, one value an evaluation."""
    low_N, high_N = np.quantile(found[judge], BAND, axis=0)
    return {
        "mean": found[judge].mean(axis=0).tolist(),
        f"{BAND[0]:g}": low_N.tolist(),
        f"{BAND[1]:g}": high_N.tolist(),
    }


def _table(title: str, document: dict[str, Any], judges: Sequence[str]) -> Table:
    table = Table(title=Text(title))
    table.add_column("best code's", overflow="fold")
    for heading in ("mean", "sd", "5 %", "median", "95 %", "random", "difference", "p", "effect"):
        table.add_column(heading, justify="right")
    details = document[DETAILS]
    for judge in judges:
        found, other = document[judge], details["against_random"][judge]
        numbers = (
            found["mean"],
            found["sd"],
            *(found["quantiles"][quantile] for quantile in ("0.05", "0.5", "0.95")),
            details["random"][judge]["mean"],
        )
        table.add_row(
            Text(judge),
            *(f"{number:.4g}" for number in numbers),
            f"{other['mean_difference']:+.3g}",
            f"{other['p']:.2g}",
            f"{other['rank_biserial']:+.2f}",
        )
    return table


def _below(details: dict[str, Any]) -> str:
    names = ", ".join(details["minimised"])
    smaller = f" Smaller values are better: {names}." if names else ""
    diagnostics = "".join(
        f" {name.replace('_', ' ').capitalize()}: {found['mean']:.3g} (mean of the seeds)."
        for name, found in details["diagnostics"].items()
    )
    return (
        f"Searched on {details['search_on']}, brood {details['brood']}, lag {details['lag']}, "
        f"{counted(details['codes'], 'code')}, {details['seconds']:.1f} s. p: "
        "Wilcoxon's signed-rank test against random search on the same seeds; effect: "
        "rank-biserial correlation, -1 to 1." + smaller + diagnostics
    )
