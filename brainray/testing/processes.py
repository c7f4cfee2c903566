"""Finding processes by what they do, to end them as an accident would or to weigh them."""

import contextlib
from pathlib import Path


def descendants(ancestor: int, title: str = "") -> list[int]:
    """Return the living processes below a process whose command line contains ``title``."""
    parents, found = {}, []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):  # a process may end meanwhile
            status, command = (entry / "status").read_text(), (entry / "cmdline").read_bytes()
            parents[int(entry.name)] = int(status.partition("PPid:")[2].split()[0])
            if title.encode() in command and "State:\tZ" not in status:
                found.append(int(entry.name))

    def below(process: int) -> bool:
        while process not in (0, ancestor):
            process = parents.get(process, 0)
        return process == ancestor

    return [process for process in found if process != ancestor and below(process)]


def alive(process: int) -> bool:
    """Say whether a process is there and no zombie."""
    try:
        return "State:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except OSError:
        return False


def title(process: int) -> str:
    """Return the command line of a process, empty if it has ended."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    return ""


def titled(beginning: str) -> list[int]:
    """Return the living processes whose command line begins like this."""
    numbers = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [process for process in numbers if title(process).startswith(beginning)]


def megabytes(process: int) -> float:
    """Return the proportional set size of a process (Linux): what is its own, and its part of
    what it shares.
    """
    text = Path(f"/proc/{process}/smaps_rollup").read_text()
    return int(text.partition("\nPss:")[2].split()[0]) / 1024
