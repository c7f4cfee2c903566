"""``brainray doctor``: what is wrong with this installation, and what mends it."""

import os
import socket
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import typer
from rich.table import Table
from rich.text import Text

from brainray.cli.output import Json, show
from brainray.doctor import machine, places
from brainray.doctor.findings import Finding, examine

SESSION = "session_2026-01-31_12-00-00_123456_1234567/sockets/plasma_store"
"""The longest path that Ray puts below its folder; a socket's path has 107 bytes at most."""
SOCKET_PATH = 107
OLD_SESSIONS = 20
STYLES = {"ok": "green", "warning": "yellow", "problem": "red"}


def doctor(json_to: Json = None) -> None:
    """Look for what is wrong with this installation, and say what mends it."""
    findings = list(diagnose())
    table = Table(title="brainray doctor")
    for heading in ("check", "", "value", "fix"):
        table.add_column(heading, overflow="fold")
    sound = [one for one in findings if one.check.startswith("package ") and one.level == "ok"]
    for one in findings:
        if one not in sound:
            level = Text(one.level, STYLES[one.level])
            table.add_row(Text(one.check), level, Text(one.value), Text(one.fix))
        elif one is sound[0]:
            table.add_row("packages", Text("ok", STYLES["ok"]), f"{len(sound)} as required", "")
    show(table, [asdict(one) for one in findings], json_to)
    if any(one.level == "problem" for one in findings):
        raise typer.Exit(1)


def diagnose() -> Iterator[Finding]:
    """Yield all findings, what everything else needs first."""
    yield from examine("python", machine.python)
    yield from examine("packages", machine.packages)
    yield from examine("threads", machine.threads)
    yield from examine("ray", ray_itself)
    yield from examine("memory", machine.memory)
    yield from examine("settings", _places)
    yield from examine("ports", machine.ports)


def _places() -> Iterator[Finding]:
    from brainray.errors import SettingsError
    from brainray.settings import load_settings

    try:
        settings = load_settings()
    except SettingsError as error:
        yield Finding("settings", "problem", str(error), "mend this variable or line")
        return
    yield from examine("disk", lambda: machine.disks(places.folders(settings)))
    yield from examine("database", lambda: places.database(settings))
    yield from examine("store", lambda: places.store(settings))
    yield from examine("data", lambda: places.data(settings))
    yield from examine("runs", lambda: places.runs(settings))


def ray_itself() -> Iterator[Finding]:
    """Look whether Ray can start here, or whether the cluster of ``RAY_ADDRESS`` answers."""
    from ray._common.utils import get_default_ray_temp_dir

    folder = Path(get_default_ray_temp_dir())  # type: ignore[no-untyped-call]
    length = len(str(folder / SESSION))
    if length > SOCKET_PATH:
        value = f"{folder}: is {length - SOCKET_PATH} bytes too long for Ray's sockets"
        yield Finding("Ray's folder", "problem", value, "export RAY_TMPDIR=/tmp")
    else:
        yield Finding("Ray's folder", "ok", str(folder))
    old = [path for path in folder.glob("session_2*") if not _in_use(path)]
    value, fix = f"{len(old)} of ended processes", ""
    if len(old) > OLD_SESSIONS:
        fix = f"find {folder} -maxdepth 1 -name 'session_2*' -mtime +1 -exec rm -r {{}} +"
    yield Finding("Ray's old sessions", "warning" if fix else "ok", value, fix)
    yield cluster(os.environ.get("RAY_ADDRESS", ""))


def cluster(address: str) -> Finding:
    """Look whether a cluster answers.

    Args:
        address: the value of ``RAY_ADDRESS``.
    """
    check = "RAY_ADDRESS"
    if address in ("", "local"):
        return Finding(check, "ok", "is not set, a run starts Ray itself")
    fix = "ray start --head   # starts it; without it: unset RAY_ADDRESS"
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if not port.isdigit():
        return Finding(check, "ok", f"{address}: Ray looks for it itself")
    start = time.monotonic()
    try:
        with socket.create_connection((host, int(port)), timeout=5):
            milliseconds = 1000 * (time.monotonic() - start)
    except OSError as error:
        return Finding(check, "problem", f"{address}: does not answer: {error}", fix)
    return Finding(check, "ok", f"{address}: answers in {milliseconds:.0f} ms")


def _in_use(session: Path) -> bool:
    """Say whether the process that began a session, whose number ends its name, is there."""
    return Path("/proc", session.name.rpartition("_")[2]).exists()
