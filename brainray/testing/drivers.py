"""A run in a process of its own that can be killed and interrupted."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from brainray.pipeline.record import Event, Record
from brainray.settings import load_settings
from brainray.testing.processes import alive, descendants, title

COMMAND = str(Path(sys.executable).with_name("brainray"))
PATIENCE_SECONDS = 400.0


class Driver:
    """A process ``brainray run`` and its run's record.

    Args:
        arguments: of the command.
    """

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [COMMAND, "run", *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.before = len(self.events())

    def events(self, kind: str | None = None) -> list[Event]:
        """Return the events of the only run."""
        folders = list(load_settings().runs.glob("*/record.jsonl"))
        return list(Record(folders[0].parent).events(kind)) if folders else []

    def wait_for(self, what: Callable[[list[Event]], Any]) -> Any:
        """Wait until something is true of the events that this driver has written."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (found := what(self.events()[self.before :])):
            assert self.process.poll() is None, self.error()
            assert time.monotonic() < deadline, [event["event"] for event in self.events()]
            time.sleep(0.01)
        return found

    def kill(self, title: str = "") -> None:
        """Kill the first of its processes with this title, without it the driver itself."""
        if title:
            found = self.wait_for(lambda events: descendants(self.process.pid, title))
            os.kill(found[0], signal.SIGKILL)
            return
        self.end(signal.SIGKILL)

    def end(self, number: signal.Signals) -> str:
        """Send it a signal, wait until its workers have ended, too, and return its last line."""
        workers = self.workers()
        self.process.send_signal(number)
        error = self.error()
        assert "Traceback" not in error
        deadline = time.monotonic() + PATIENCE_SECONDS
        while any(map(alive, workers)):
            assert time.monotonic() < deadline, "workers of a driver that has ended are there"
            time.sleep(0.05)
        return error.splitlines()[-1]

    def workers(self) -> list[int]:
        """Return its actors and workers; two agents of Ray's, which hold nothing, end later."""
        family = descendants(self.process.pid, "ray::")
        return [process for process in family if not title(process).endswith("Agent")]

    def error(self) -> str:
        """Return what it has written to stderr, after its end."""
        return self.process.communicate(timeout=PATIENCE_SECONDS)[1]


def count(events: list[Event], kind: str) -> int:
    """Return how many events are of a kind."""
    return sum(event["event"] == kind for event in events)
