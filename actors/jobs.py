"""Jobs on a standing cluster: to submit one, to follow its log, to learn how it ended."""

import logging
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
from ray.exceptions import AuthenticationError
from ray.job_submission import JobStatus, JobSubmissionClient
from requests import RequestException

from brainray.errors import ClusterError

DEFAULT_ADDRESS = "http://127.0.0.1:8265"
RAY_ADDRESS, API_ADDRESS = "RAY_ADDRESS", "RAY_API_SERVER_ADDRESS"
CHATTY = (
    "ray.dashboard.modules.dashboard_sdk",
    "ray.dashboard.modules.job.sdk",
    "ray._private.runtime_env.packaging",
)
"""Loggers that tell of what is no news here."""
CONNECT_SECONDS = 5.0
END_SECONDS = 30.0
"""A job whose log has ended is soon said to have ended."""


@dataclass(frozen=True)
class Ended:
    """How a job ended.

    Attributes:
        status: ``SUCCEEDED``, ``FAILED`` or ``STOPPED``.
        exit_code: of its process; 1 where Ray does not know it.
        message: what Ray says of it.
    """

    status: str
    exit_code: int
    message: str


class Jobs:
    """The jobs of one cluster.

    Args:
        address: ``http://host:port`` of its dashboard; by default that of the cluster of
            ``RAY_ADDRESS``, or `DEFAULT_ADDRESS`.

    Attributes:
        address: of the dashboard.

    Raises:
        ClusterError: nothing answers there, or it asks for a token that this process has not.
    """

    def __init__(self, address: str | None) -> None:
        for name in CHATTY:
            logging.getLogger(name).setLevel(logging.WARNING)
        wanted = address or os.environ.get(API_ADDRESS) or os.environ.get(RAY_ADDRESS)
        self.address = wanted or DEFAULT_ADDRESS
        _probe(self.address)
        try:
            with _unset(API_ADDRESS, RAY_ADDRESS):  # Ray prefers them to what it is given
                self._client = JobSubmissionClient(self.address)
            self.address = str(self._client.get_address())
        except AuthenticationError as error:
            raise ClusterError(
                f"{self.address}: asks for another token; set RAY_AUTH_MODE=token, and "
                "RAY_AUTH_TOKEN_PATH to the file of the cluster's token"
            ) from error
        except (ConnectionError, RuntimeError, ValueError, RequestException) as error:
            raise ClusterError(f"{self.address}: {_line(error)}") from error

    def submit(self, command: str, folder: Path) -> str:
        """Start a command on the cluster in a copy of a folder; return the job's id.

        Raises:
            ClusterError: the folder is too large for Ray to send, or the job is refused.
        """
        try:
            environment = {"working_dir": str(folder)}
            return str(self._client.submit_job(entrypoint=command, runtime_env=environment))
        except (RuntimeError, ValueError, RequestException) as error:
            raise ClusterError(f"{self.address}: {_line(error)}") from error

    async def follow(self, job: str, take: Callable[[str], None]) -> None:
        """Pass on each line of a job's log, without its end, until the job ends.

        Raises:
            ClusterError: the connection is lost; the job may go on.
        """
        rest = ""
        try:
            async for chunk in self._client.tail_job_logs(job):
                *lines, rest = (rest + chunk).split("\n")
                for line in lines:
                    take(line)
        except (RuntimeError, aiohttp.ClientError) as error:
            raise ClusterError(f"job {job}: its log is lost: {_line(error)}") from error
        if rest:
            take(rest)

    def ended(self, job: str) -> Ended:
        """Return how a job ended whose log has ended.

        Raises:
            ClusterError: it goes on, or the cluster does not answer any more.
        """
        deadline = time.monotonic() + END_SECONDS
        while True:
            try:
                info = self._client.get_job_info(job)
            except (RuntimeError, RequestException) as error:
                raise ClusterError(f"job {job}: {_line(error)}") from error
            if info.status.is_terminal():
                code = 0 if info.status == JobStatus.SUCCEEDED else info.driver_exit_code or 1
                return Ended(info.status.value, code, _line(info.message or ""))
            if time.monotonic() > deadline:
                raise ClusterError(f"job {job}: its log has ended, but it is {info.status.value}")
            time.sleep(0.2)


def _probe(address: str) -> None:
    """Raise `ClusterError` if nothing listens there; Ray itself would try for a minute."""
    parts = urlsplit(address if "://" in address else f"//{address}")
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        socket.create_connection((parts.hostname or "", port), CONNECT_SECONDS).close()
    except (OSError, ValueError) as error:
        raise ClusterError(
            f"address {address!r}: must be http://host:port of a dashboard or host:port of a "
            f"cluster: {_line(error)}"
        ) from error


@contextmanager
def _unset(*names: str) -> Iterator[None]:
    """Take variables out of the environment for the block."""
    before = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(before)


def _line(error: object) -> str:
    return " ".join(str(error).split())
