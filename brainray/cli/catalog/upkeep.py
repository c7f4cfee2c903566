"""``brainray catalog``: what is damaged, what can go, and a model as two files."""

from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from brainray.catalog.dictionaries import DICTIONARIES
from brainray.catalog.upkeep import GRACE, Removed
from brainray.cli.catalog.common import open_library, plural
from brainray.cli.output import Json, show
from brainray.errors import SettingsError


def verify(
    repair: Annotated[bool, typer.Option("--repair", help="Make whole what can be.")] = False,
    json_to: Json = None,
) -> None:
    """Check every row and every byte; exit with 0 only when nothing is damaged."""
    library = open_library()
    found = library.repair() if repair else library.verify()
    table = Table(
        title="Nothing is damaged" if found.whole else "The catalog is damaged",
        caption=f"{found.models:,} models, {found.files:,} files of {found.size_bytes:,} bytes",
    )
    for heading in ("finding", "what", "where", "fix"):
        table.add_column(heading, overflow="fold")
    for finding in found.repaired:
        table.add_row(*map(Text, (finding.kind, finding.what, finding.where, "repaired")))
    for finding in found.findings:
        table.add_row(*map(Text, (finding.kind, finding.what, finding.where, finding.fix)))
    show(table, {"whole": found.whole} | asdict(found), json_to)
    if not found.whole:
        raise typer.Exit(1)


def gc(
    grace_hours: Annotated[
        float, typer.Option(min=0, help="How old an unfinished write must be.")
    ] = GRACE / timedelta(hours=1),
    quarantine: Annotated[
        bool, typer.Option("--quarantine", help="Remove what --repair has put aside, too.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be removed.")
    ] = False,
    json_to: Json = None,
) -> None:
    """Remove the files that nothing needs."""
    removed = open_library().collect(timedelta(hours=grace_hours), quarantine, dry_run)
    _show_removed(removed, "would be removed" if dry_run else "removed", json_to)


def remove(
    what: Annotated[
        str, typer.Argument(help=f"model, or one of {', '.join(DICTIONARIES)}.", metavar="WHAT")
    ],
    name: Annotated[str, typer.Argument(help="Of the row; a model's id or its beginning, too.")],
    force: Annotated[
        bool, typer.Option("--force", help="A model that a run ended in or others began with.")
    ] = False,
    json_to: Json = None,
) -> None:
    """Remove what is not in use: a model with its weights and banks, or a row of a dictionary."""
    library = open_library()
    if plural(what) == "models":
        removed = library.remove(name, force)
    elif force:
        raise SettingsError("--force: is for a model; a row of a dictionary in use stays")
    else:
        library.remove_entry(plural(what), name)
        removed = Removed({})
    _show_removed(removed, "removed", json_to)


def download(
    model: Annotated[str, typer.Argument(help="Its id, the id's beginning, or its name.")],
    to: Annotated[Path, typer.Option(help="A folder.")] = Path(),
    json_to: Json = None,
) -> None:
    """Write a model's weights and its card."""
    weights, card = open_library().download(model, to)
    table = Table(show_header=False)
    table.add_row("weights", Text(str(weights)))
    table.add_row("card", Text(str(card)))
    show(table, {"weights": str(weights), "card": str(card)}, json_to)


def _show_removed(removed: Removed, done: str, json_to: str | None) -> None:
    table = Table(title=f"{len(removed.files)} files, {removed.size_bytes:,} bytes {done}")
    table.add_column("file", overflow="fold")
    table.add_column("bytes", justify="right")
    for key, size_bytes in removed.files.items():
        table.add_row(Text(key), f"{size_bytes:,}")
    show(table, {"files": removed.files, "size_bytes": removed.size_bytes}, json_to)
