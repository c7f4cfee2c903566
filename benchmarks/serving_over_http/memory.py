"""How much memory processes take: what is theirs alone, and their part of what they share."""

from pathlib import Path


def megabytes(process: int) -> float:
    """Return the proportional set size of a process (Linux)."""
    for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise SystemExit(f"process {process}: has no Pss")


def replicas() -> list[int]:
    """Return the processes that predict."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_text()
            except OSError:
                continue  # it has just ended
            if command.startswith("ray::ServeReplica:predict"):
                found.append(int(entry.name))
    return found


def replica_megabytes() -> float:
    """Return the memory of the processes that predict, together."""
    return sum(map(megabytes, replicas()))
