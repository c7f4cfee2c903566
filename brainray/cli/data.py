"""``brainray data``: the ready data sets: which are there, fetch them, write their tables."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, cast

import platformdirs
import typer
import yaml
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table
from rich.text import Text

from brainray import plugins
from brainray.cli.output import Json, new_console, show
from brainray.datasets.dataset import SPLITS
from brainray.datasets.files import sha256_of, write_parquet
from brainray.datasets.homes import HOMES, PARTS
from brainray.datasets.interface import sources_of
from brainray.datasets.obtain import Progress as OnProgress
from brainray.datasets.obtain import missing, obtain
from brainray.datasets.source import build_table
from brainray.errors import DataError
from brainray.scenario.model import Data
from brainray.settings import load_settings

app = typer.Typer(help="The ready data sets.", no_args_is_help=True)

SOURCES = ("auto", "files", "embedded")


@app.command("list")
def list_data(json_to: Json = None) -> None:
    """List the ready data sets, what they are made of, and whether that is in $BRAINRAY_DATA."""
    settings = load_settings()
    table = Table(title=f"BRAINRAY_DATA: {settings.data or 'not set'}")
    table.add_column("name")
    table.add_column("files", overflow="fold")
    for heading in ("there", "license", "source"):
        table.add_column(heading, overflow="fold")
    documents = []
    for name in sorted({*plugins.names("datasets"), *HOMES}):
        parts = _parts(name)
        files = [f"{part}/{file}" for part in parts for file in HOMES[part].tables]
        lacking = [file for part in parts for file in missing(HOMES[part], settings.data)]
        documents.append(
            {
                "name": name,
                "made_of": list(parts) if name in PARTS else [],
                "files": files,
                "missing": lacking,
                "license": HOMES[name].license if name in HOMES else None,
                "source": HOMES[name].page if name in HOMES else None,
            }
        )
        made_of = ", ".join(parts) if name in PARTS else "its package"
        table.add_row(
            *(Text(name), Text("\n".join(files) if name in HOMES else made_of)),
            "" if not files else f"lacks {len(lacking)}" if lacking else "yes",
            *(Text(str(documents[-1][key] or "")) for key in ("license", "source")),
        )
    show(table, documents, json_to)


@app.command("get")
def get(
    name: Annotated[str, typer.Argument(help="mnist, fsdd, esc10, or a set made of them.")],
    to: Annotated[
        Path | None, typer.Option(help="A folder of ready data sets; by default $BRAINRAY_DATA.")
    ] = None,
    json_to: Json = None,
) -> None:
    """Fetch a data set from its public home, check it, and lay it where runs look for it."""
    settings = load_settings()
    parts = _parts(name)
    if not parts:
        allowed = ", ".join([*HOMES, *PARTS])
        raise DataError(f"data set {name!r}: cannot be fetched, allowed are {allowed}")
    data = Path(platformdirs.user_data_dir("brainray")) / "data"
    folder = (to or settings.data or data).expanduser().resolve()
    table = Table(title=Text(str(folder)))
    for heading in ("name", "files", "status", "license"):
        table.add_column(heading, overflow="fold")
    documents = []
    with _bars() as on_progress:
        for home in (HOMES[part] for part in parts):
            fetched = obtain(home, folder, settings.cache, on_progress)
            files = {file: sha256_of(folder / home.name / file) for file in home.tables}
            documents.append(
                {
                    "name": home.name,
                    "folder": str(folder / home.name),
                    "files": files,
                    "fetched": fetched,
                    "license": home.license,
                    "source": home.page,
                }
            )
            done = "fetched" if fetched else "was there"
            table.add_row(home.name, "\n".join(files), done, Text(home.license))
    hint = "" if settings.data == folder else f"Now set BRAINRAY_DATA={folder}"
    show(table, documents, json_to, hint)


@app.command("build")
def build(
    name: Annotated[str, typer.Argument(help="A ready data set.")],
    out: Annotated[Path, typer.Option(help="The Parquet file to write: a manifest.")],
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="OPTION=VALUE", help="An option of the data set."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of all that is drawn.")] = 0,
    source: Annotated[str, typer.Option(help="auto, files or embedded.")] = "auto",
    json_to: Json = None,
) -> None:
    """Write the manifest table of a ready data set, as a run with these options would make it."""
    if out.suffix != ".parquet":
        raise DataError(f"--out {out}: must end in .parquet")
    if source not in SOURCES:
        raise DataError(f"--source {source!r}: allowed are {', '.join(SOURCES)}")
    if name not in plugins.names("datasets"):
        allowed = ", ".join(plugins.names("datasets"))
        raise DataError(f"data set {name!r}: cannot be built, allowed are {allowed}")
    data = Data(name=name, source=cast(Any, source), options=_options(changes or []))
    built, used = build_table(data, seed, load_settings())
    try:
        write_parquet(built, out)
    except OSError as error:
        raise DataError(f"--out {out}: cannot be written: {error}") from error
    counts = Counter(built["split"].to_pylist()) if "split" in built.column_names else Counter()
    document: dict[str, Any] = {
        "path": str(out),
        "sha256": sha256_of(out),
        "source": used,
        "rows": {split: counts[split] for split in SPLITS} if counts else {"all": len(built)},
        "sources": sources_of(built),
    }
    table = Table(title=Text(f"{name} ({used}), seed {seed}"), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("file", Text(str(out)))
    table.add_row("sha256", document["sha256"])
    table.add_row("rows", ", ".join(f"{count} {key}" for key, count in document["rows"].items()))
    for file, sha256 in document["sources"].items():
        table.add_row(Text(file), sha256)
    show(table, document, json_to)


def _parts(name: str) -> tuple[str, ...]:
    return (name,) if name in HOMES else PARTS.get(name, ())


def _options(changes: list[str]) -> dict[str, Any]:
    options = {}
    for change in changes:
        key, equals, text = change.partition("=")
        if not equals or not key.strip():
            raise DataError(f"--set {change!r}: must have the form option=value")
        try:
            options[key.strip()] = yaml.safe_load(text)
        except (yaml.YAMLError, ValueError) as error:
            raise DataError(f"--set {change!r}: the value is not YAML") from error
    return options


@contextmanager
def _bars() -> Iterator[OnProgress]:
    """Show a bar for each download, on a terminal alone."""
    console = new_console(stderr=True)
    progress = Progress(
        TextColumn("{task.description:<28}", markup=False),
        BarColumn(bar_width=24),
        DownloadColumn(),
        TransferSpeedColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    tasks: dict[str, Any] = {}

    def on_progress(file: str, done: int, total: int | None) -> None:
        if file not in tasks:
            tasks[file] = progress.add_task(file)
        progress.update(tasks[file], completed=done, total=total)

    with progress:
        yield on_progress
