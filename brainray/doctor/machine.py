"""The machine: Python, packages, threads, memory, disk, ports."""

import importlib
import importlib.metadata
import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from brainray.doctor.findings import Finding, Level

OLDEST_PYTHON = (3, 11)
MODULES = {
    "scikit-learn": "sklearn",
    "pyyaml": "yaml",
    "pillow": "PIL",
    "tensorboardx": "tensorboardX",
}
"""Packages that are imported by another name; a hyphen is an underscore there."""
GIGABYTE = 1e9
PORTS = {
    8265: "Ray's dashboard",
    8000: "serving over HTTP",
    6379: "a standing cluster's head",
    10001: "Ray's client server",
}


def python() -> Iterator[Finding]:
    """Look at the interpreter."""
    here = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST_PYTHON:
        fix = "make test PYTHON=python3.11"
        yield Finding("python", "problem", f"{here}, at least 3.11 is needed", fix)
    else:
        yield Finding("python", "ok", f"{here} ({sys.executable})")


def packages() -> Iterator[Finding]:
    """Look at every package that brainray requires: its version, and whether it can be imported."""
    from packaging.requirements import Requirement

    for text in importlib.metadata.requires("brainray") or []:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            allowed = str(requirement.specifier)
            yield package(requirement.name, allowed, requirement.specifier.contains)


def package(name: str, allowed: str, fits: Callable[..., bool]) -> Finding:
    """Look at one package.

    Args:
        name: as pip calls it.
        allowed: the versions that are required.
        fits: says of a version whether it is one of them.
    """
    check, fix = f"package {name}", f"{sys.executable} -m pip install '{name}{allowed}'"
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return Finding(check, "problem", f"is not installed, needed is {allowed}", fix)
    if not fits(version, prereleases=True):
        return Finding(check, "problem", f"{version}, needed is {allowed}", fix)
    try:
        importlib.import_module(MODULES.get(name.lower(), name.replace("-", "_")))
    except Exception as error:  # a broken package raises whatever it likes
        reason = " ".join(str(error).split())
        again = fix.replace("pip install", "pip install --force-reinstall --no-deps")
        return Finding(check, "problem", f"{version}, cannot be imported: {reason}", again)
    return Finding(check, "ok", version)


def threads() -> Iterator[Finding]:
    """Look at how many threads PyTorch takes."""
    import torch

    count, cpus = torch.get_num_threads(), len(os.sched_getaffinity(0))
    level: Level = "warning" if count > cpus else "ok"
    fix = f"export OMP_NUM_THREADS={cpus}" if count > cpus else ""
    yield Finding("threads", level, f"PyTorch takes {count}, of {cpus} CPUs", fix)


def memory() -> Iterator[Finding]:
    """Look at the memory that is free, and at the shared memory that Ray uses."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines}
    free = kilobytes["MemAvailable"] * 1024
    yield _room("memory", free, 0.5, 2, "end other programs, or --set search.workers=1")
    shared = Path("/dev/shm")
    if shared.is_dir():
        total = shutil.disk_usage(shared).total
        fix = "mount -o remount,size=2G /dev/shm (Docker: docker run --shm-size=2g)"
        yield _room(f"shared memory {shared}", total, 0.05, 1, fix)


def disks(places: Mapping[str, Path]) -> Iterator[Finding]:
    """Look at the room on the disks of some folders.

    Args:
        places: folders by what they hold; one need not be there yet.
    """
    for name, folder in places.items():
        there = folder
        while not there.exists():
            there = there.parent
        free = shutil.disk_usage(there).free
        yield _room(f"disk of {name}", free, 0.5, 5, f"free room on the disk of {folder}")


def ports(numbers: Mapping[int, str] = PORTS) -> Iterator[Finding]:
    """Look at which ports another process uses.

    Args:
        numbers: what each is for.
    """
    for number, use in numbers.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", number))
            except OSError:
                fix = f"ss -ltnp 'sport = :{number}'   # shows whose it is"
                yield Finding(f"port {number}", "warning", f"is in use ({use})", fix)
                continue
        yield Finding(f"port {number}", "ok", f"is free ({use})")


def _room(check: str, free: float, needed_gb: float, wanted_gb: float, fix: str) -> Finding:
    level: Level = "ok"
    if free < wanted_gb * GIGABYTE:
        level = "problem" if free < needed_gb * GIGABYTE else "warning"
    return Finding(check, level, f"{free / GIGABYTE:.1f} GB", "" if level == "ok" else fix)
