"""How commands show a result: a table for people, JSON for programs."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console, RenderableType

from brainray.errors import SettingsError
from brainray.files import write_atomically

Json = Annotated[
    str | None, typer.Option("--json", metavar="FILE", help="Write JSON to FILE, or - for stdout.")
]
"""The option of every command that has a result."""

ANY_WIDTH = 1_000_000


def new_console(
    stderr: bool = False,
    width: int | None = None,
    soft_wrap: bool = False,
    highlight: bool = True,
) -> Console:
    """Return a console that prints text such as ``:x:`` as it is, not as a picture.

    Args:
        stderr: whether it prints there; if not, on stdout.
        width: in characters; None is the terminal's.
        soft_wrap: whether long lines are left to the terminal.
        highlight: whether numbers, paths and the like are coloured.
    """
    return Console(
        stderr=stderr, width=width, soft_wrap=soft_wrap, highlight=highlight, emoji=False
    )


def show(table: RenderableType, document: Any, json_to: str | None, below: str = "") -> None:
    """Print the table, and write the JSON where ``--json`` says.

    With ``-`` the JSON stands alone on stdout, without the table.

    Args:
        table: for people; several as a `rich.console.Group`.
        document: the same as JSON values.
        json_to: a file, ``-`` for stdout, or None.
        below: a line of text under the table.

    Raises:
        SettingsError: the file cannot be written.
    """
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    if json_to == "-":
        sys.stdout.write(text)
        return
    print_table(table)
    if below:
        new_console().print(below, markup=False, highlight=False, soft_wrap=True)
    if json_to is not None:
        write_text(json_to, text, "--json")


def write_text(path: str, text: str, option: str) -> None:
    """Write a result to the file that an option names.

    Raises:
        SettingsError: the file cannot be written.
    """
    write_bytes(path, text.encode(), option)


def write_bytes(path: str, data: bytes, option: str) -> None:
    """Write a result to the file that an option names.

    Raises:
        SettingsError: the file cannot be written.
    """
    try:
        write_atomically(Path(path), data)
    except OSError as error:
        raise SettingsError(f"{option} {path}: cannot be written: {error}") from error


def print_table(table: RenderableType) -> None:
    """Print a table, as wide as its content when it is piped, so that no id is broken."""
    shown = new_console()
    if not shown.is_terminal:
        shown = new_console(width=new_console(width=ANY_WIDTH).measure(table).maximum)
    shown.print(table)
