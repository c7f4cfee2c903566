"""Servers for tests and benchmarks: a PostgreSQL and an S3 of their own, on the loopback address.

They need `brainray[dev]`, and PostgreSQL its Debian package. What they keep lies in a temporary
folder and goes when they end.
"""

import math
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import httpx
import psycopg
from moto.server import ThreadedMotoServer
from psycopg import sql

from brainray.testing.ports import free_port

DEBIAN = Path("/usr/lib/postgresql")
"""Debian keeps the programs of each version here and out of PATH."""

UNPRIVILEGED = "postgres"
"""Who runs the server where root starts it: it refuses to run as root. Debian's package has it."""

NOT_DURABLE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
"""Nothing is lost when the server is killed, only when the machine dies; several times faster."""


@dataclass
class PostgresServer:
    """A running PostgreSQL; `postgres_server` starts one."""

    folder: Path
    options: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    password: str = field(default_factory=lambda: secrets.token_hex(16))

    def url(self, database: str) -> str:
        """Return the SQLAlchemy URL of a database, which need not exist."""
        return f"postgresql+psycopg://brainray:{self.password}@127.0.0.1:{self.port}/{database}"

    def create(self, database: str, template: str = "template0", locale: str | None = None) -> str:
        """Make a database and return its URL.

        Args:
            database: its name.
            template: the database that it is a copy of, which nobody may use meanwhile.
            locale: how it sorts, e.g. ``en-US``; as its template if None.
        """
        make = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
            sql.Identifier(database), sql.Identifier(template)
        )
        if locale is not None:
            make += sql.SQL(" LOCALE_PROVIDER icu ICU_LOCALE {}").format(sql.Literal(locale))
        with psycopg.connect(self._dsn(), autocommit=True) as connection:
            connection.execute(make)
        return self.url(database)

    def drop(self, database: str) -> None:
        """Remove a database, though it may be in use."""
        with psycopg.connect(self._dsn(), autocommit=True) as connection:
            remove = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
            connection.execute(remove.format(sql.Identifier(database)))

    def initialize(self) -> None:
        """Make the folder of the data, for one user with a password."""
        secret = self.folder / "password"
        secret.write_text(self.password)
        if os.geteuid() == 0:
            for path in (self.folder, secret):
                shutil.chown(path, UNPRIVILEGED, UNPRIVILEGED)
        self._call("initdb", "--username=brainray", "--auth=scram-sha-256", f"--pwfile={secret}",
                   "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")  # fmt: skip

    def start(self) -> None:
        """Start the server, again on the same port, and wait until it answers."""
        settings = ("listen_addresses=127.0.0.1", "unix_socket_directories=", *self.options)
        options = " ".join(f"-c {setting}" for setting in (f"port={self.port}", *settings))
        self._call("pg_ctl", "start", "--wait", f"--log={self.folder / 'log'}", f"-o {options}")

    def stop(self, mode: str = "fast") -> None:
        """Stop the server: ``fast`` ends its clients, ``immediate`` is a crash."""
        self._call("pg_ctl", "stop", "--wait", f"--mode={mode}")

    def running(self) -> bool:
        """Say whether the server is there."""
        return (self.folder / "data" / "postmaster.pid").exists()

    def _dsn(self) -> str:
        return self.url("postgres").replace("+psycopg", "", 1)

    def _call(self, program: str, *arguments: str) -> None:
        user = UNPRIVILEGED if os.geteuid() == 0 else None
        # A file rather than a pipe, which the server would inherit and keep open.
        with (self.folder / "output").open("wb") as output:
            result = subprocess.run(
                [_program(program), "--pgdata", str(self.folder / "data"), *arguments],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
                user=user,
                group=user,
                extra_groups=None if user is None else [],
            )
        if result.returncode != 0:
            said = (self.folder / "output").read_text().strip()
            raise RuntimeError(f"PostgreSQL: {program} failed: {said}")


@contextmanager
def postgres_server(durable: bool = True) -> Iterator[PostgresServer]:
    """Start a PostgreSQL with default settings, and stop and remove it at the end.

    Args:
        durable: as by default; False survives a crash of the server but not of the machine.

    Raises:
        FileNotFoundError: PostgreSQL is not installed.
        RuntimeError: it does not start.
    """
    with tempfile.TemporaryDirectory(prefix="brainray-postgres-") as folder:
        server = PostgresServer(Path(folder), () if durable else NOT_DURABLE)
        server.initialize()
        server.start()
        try:
            yield server
        finally:
            if server.running():
                server.stop("immediate")


@dataclass(frozen=True)
class ObjectStore:
    """A running S3; `object_store` starts one.

    Attributes:
        environment: the variables by which clients find it.
    """

    environment: dict[str, str]

    def bucket(self, name: str) -> str:
        """Make a bucket and return its URL."""
        self.client("s3").create_bucket(Bucket=name)
        return f"s3://{name}"

    @contextmanager
    def checked(self) -> Iterator[None]:
        """Have it check credentials and rights from here to the end of the block."""
        self._check_after(0)
        try:
            yield
        finally:
            self._check_after(math.inf)

    def _check_after(self, requests: float) -> None:
        url = f"{self.environment['AWS_ENDPOINT_URL']}/moto-api/reset-auth"
        headers = {"Content-Type": "application/octet-stream"}
        httpx.post(url, content=str(requests), headers=headers).raise_for_status()

    def client(self, service: str) -> Any:
        """Return boto3's client of a service, e.g. ``s3`` or ``iam``, with all rights."""
        values = self.environment
        return boto3.client(
            service,
            endpoint_url=values["AWS_ENDPOINT_URL"],
            region_name=values["AWS_DEFAULT_REGION"],
            aws_access_key_id=values["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=values["AWS_SECRET_ACCESS_KEY"],
        )


@contextmanager
def object_store() -> Iterator[ObjectStore]:
    """Start an S3 in a thread of this process (moto), and stop it at the end.

    It keeps everything in memory and checks no credentials.
    """
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield ObjectStore(
            {
                "AWS_ENDPOINT_URL": f"http://{host}:{port}",
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_ACCESS_KEY_ID": "tests",
                "AWS_SECRET_ACCESS_KEY": secrets.token_hex(16),
            }
        )
    finally:
        server.stop()


def _program(name: str) -> str:
    """Return the path of one of PostgreSQL's programs, of the newest version."""
    versions = sorted(DEBIAN.glob(f"*/bin/{name}"), key=lambda path: float(path.parts[-3]))
    found = str(versions[-1]) if versions else shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"PostgreSQL: no {name}; install Debian's package postgresql")
    return found
