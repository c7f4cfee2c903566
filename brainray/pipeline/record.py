"""The append-only record of a run: the truth about it, and all that a resume needs.

One JSON object a line, with ``event`` and ``at`` (UTC) and, in order::

    started     run_id, scenario, seed, versions, runner
    data        name, source, sha256, rows
    pathway     sub_regions, connections, networks, graphs
    pretrained  model, input, validation           (one a model)
    asked       index, seen                        (one a brood, in an asynchronous search)
    brood       index, genomes, values, seconds    (one a brood)
    searched    seconds, diagnostics
    training    training, begins, epochs, of, workers, rows, seconds, seconds_waited, bytes_sent
                (where a group of workers begins, and where a training has ended)
    solution    genome, validation, details
    registered  model
    finished    report
    failed      error                              (or stopped, by Ctrl-C)

A run with several searches says in ``brood``, ``searched`` and ``solution`` of which ``part`` it
speaks. Where nothing is trained, as in tracking, ``pretrained`` and ``registered`` are missing.

A resumed run appends a new ``started`` line and goes on with the networks and uploaded graphs of
its ``pathway``; the broods that are recorded already are told to the searcher again instead of
being evaluated again.

Beside it lies ``lock``, which the process that executes the run holds and names.
"""

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, TypeAlias

from brainray.errors import RunError

Event: TypeAlias = dict[str, Any]
Listener: TypeAlias = Callable[[Event], None]
"""Sees every event as it is written, and passing news (``progress``) that is not."""

FILE_NAME = "record.jsonl"
LOCK_NAME = "lock"
LOCK_SECONDS = 1.0
"""Another process may look for a moment whether the lock is free."""


class Record:
    """The record of one run, in its own folder.

    Args:
        folder: of the run; made if it is not there.
        listener: told of every event.
    """

    def __init__(self, folder: Path, listener: Listener = lambda event: None) -> None:
        self.folder = folder
        self.path = folder / FILE_NAME
        self._listener = listener
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"{folder}: the run's folder cannot be made: {error}") from error

    def append(self, kind: str, **fields: Any) -> None:
        """Write one event durably, then tell the listener.

        Raises:
            RunError: the disk refuses it.
        """
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        event = {"event": kind, "at": at, **fields}
        line = json.dumps(event, allow_nan=False, separators=(",", ":")).encode() + b"\n"
        try:
            with self.path.open("ab", buffering=0) as file:
                end = file.tell()
                try:
                    while line:
                        line = line[file.write(line) :]
                    os.fsync(file.fileno())
                except OSError:
                    file.truncate(end)  # what comes next shall not be glued to half a line
                    raise
        except OSError as error:
            raise RunError(f"{self.path}: cannot be written: {error}") from error
        self._listener(event)

    def progress(self, stage: str, done: int, total: int, **fields: Any) -> None:
        """Tell the listener how far a stage is; nothing is written."""
        news = {"event": "progress", "stage": stage, "done": done, "total": total}
        self._listener(news | fields)

    def events(self, kind: str | None = None) -> Iterator[Event]:
        """Yield the events, of one kind or all.

        A last line that a killed process left unfinished is dropped.

        Raises:
            RunError: there is no record, or a line before the last is damaged.
        """
        try:
            lines = self.path.read_bytes().split(b"\n")
        except OSError as error:
            raise RunError(f"{self.path}: cannot be read: {error}") from error
        for number, line in enumerate(lines[:-1], start=1):
            try:
                event = json.loads(line)
            except ValueError as error:
                raise RunError(f"{self.path}: line {number} is damaged: {error}") from error
            if not isinstance(event, dict) or "event" not in event:
                raise RunError(f"{self.path}: line {number} is damaged: it is no event")
            if kind is None or event["event"] == kind:
                yield event

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run for this process alone; the lock ends with the process.

        A run that has recorded nothing by then leaves no folder.

        Raises:
            RunError: another process of this machine executes the run.
        """
        try:
            file = (self.folder / LOCK_NAME).open("a+")
        except OSError as error:
            raise RunError(f"{self.folder}: the run cannot be locked: {error}") from error
        with file:
            deadline = time.monotonic() + LOCK_SECONDS
            while not _lock(file, fcntl.LOCK_EX):
                if time.monotonic() > deadline:
                    raise RunError(
                        f"run {self.folder.name}: is being executed by process {self.executor()}"
                    )
                time.sleep(0.01)
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            try:
                yield
            finally:
                if not self.path.exists():  # for example, Ray could not be started
                    (self.folder / LOCK_NAME).unlink(missing_ok=True)
                    with suppress(OSError):  # what else lies there stays
                        self.folder.rmdir()

    def executor(self) -> int | None:
        """Return the process of this machine that executes the run, None if none does."""
        try:
            file = (self.folder / LOCK_NAME).open()
        except FileNotFoundError:
            return None
        with file:
            while not _lock(file, fcntl.LOCK_SH):
                file.seek(0)
                if text := file.read():
                    return int(text)
                time.sleep(0.01)  # it has just been locked
        return None

    def cut_unfinished_line(self) -> None:
        """Remove what a killed process left after the last whole line, before going on.

        Raises:
            RunError: it cannot be read or written.
        """
        try:
            data = self.path.read_bytes()
            whole = data.rfind(b"\n") + 1
            if whole < len(data):
                with self.path.open("r+b") as file:
                    file.truncate(whole)
        except OSError as error:
            raise RunError(f"{self.path}: cannot be mended: {error}") from error


def _lock(file: IO[str], how: int) -> bool:
    """Lock a file without waiting; say whether it could be done."""
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
