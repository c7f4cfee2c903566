"""An account of this machine that is reached over ssh: another machine, for tests of a cluster.

It needs root and Debian's packages openssh-server and rsync.
"""

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from brainray.testing.ports import free_port

PRIVILEGES = Path("/run/sshd")
"""The folder that sshd separates its privileges in; Debian makes it when it starts the service."""
START_SECONDS = 10.0


@dataclass(frozen=True)
class Account:
    """An account that lets its maker in by ssh, on a port of its own.

    Attributes:
        name: of the account.
        home: its folder.
        key: the file of the private key that it lets in.
        programs: a folder whose ``ssh`` uses the port; to be first in ``PATH``.
    """

    name: str
    home: Path
    key: Path
    programs: Path

    def run(self, command: str, timeout_seconds: float = 60.0) -> str:
        """Run a command in a login shell of the account; return what it says.

        Raises:
            RuntimeError: it fails.
        """
        done = subprocess.run(
            ["/bin/bash", "--login", "-i", "-c", command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_seconds,
            cwd=self.home,
            env={"HOME": str(self.home), "USER": self.name, "PATH": "/usr/bin:/bin"},
            user=self.name,
            group=self.name,
            extra_groups=[],
            start_new_session=True,  # an interactive shell would else take the terminal
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{self.name}: {command}: {done.stdout}{done.stderr}")
        return done.stdout


@contextmanager
def ssh_account() -> Iterator[Account]:
    """Make an account and a server of ssh for it; at the end, end its processes and remove it.

    Raises:
        PermissionError: this process is not root's.
        FileNotFoundError: sshd is not installed.
        RuntimeError: the account or the server cannot be made.
    """
    if os.geteuid() != 0:
        raise PermissionError("an account for tests can be made by root alone")
    server = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if server is None:
        raise FileNotFoundError("sshd: install Debian's package openssh-server")
    name = f"br-{secrets.token_hex(4)}"
    with tempfile.TemporaryDirectory(prefix="brainray-ssh-") as folder:
        # Not a locked account, which sshd would refuse, but one without a password.
        _call("useradd", "--create-home", "--shell=/bin/bash", "--password=*", name)
        try:
            yield from _served(Path(folder), server, name)
        finally:
            _end_processes(name)
            _call("userdel", "--remove", name)


def _served(folder: Path, server: str, name: str) -> Iterator[Account]:
    port = free_port()
    for key in ("host", "client"):
        _call("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key))
    keys = folder / "authorized_keys"
    shutil.copy(folder / "client.pub", keys)
    folder.chmod(0o755)  # sshd reads the keys as the account
    keys.chmod(0o644)
    programs = folder / "programs"
    programs.mkdir()
    (programs / "ssh").write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -p {port} "$@"\n')
    (programs / "ssh").chmod(0o755)
    PRIVILEGES.mkdir(exist_ok=True)
    options = {
        "ListenAddress": "127.0.0.1",
        "AuthorizedKeysFile": str(keys),
        "StrictModes": "no",  # the folder for temporary files is everybody's
        "PidFile": "none",
        "AllowUsers": name,
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [server, "-D", "-e", "-f", "/dev/null", "-p", str(port), "-h", str(folder / "host")]
            + [f"-o{key}={value}" for key, value in options.items()],
            stdin=subprocess.DEVNULL,
            stderr=log,
        )
    try:
        _wait(port, process, folder / "log")
        yield Account(name, Path(pwd.getpwnam(name).pw_dir), folder / "client", programs)
    finally:
        process.terminate()
        process.wait()


def _wait(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1.0).close()
            return
        except OSError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"sshd: does not start: {log.read_text().strip()}") from error
            time.sleep(0.05)


def _end_processes(name: str) -> None:
    """End all processes of an account, which is no one else's."""
    for _ in range(50):
        # 0: some were there, 1: there is none any more.
        if subprocess.run(["pkill", "-KILL", "-U", name], check=False).returncode == 1:
            return
        time.sleep(0.1)


def _call(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]}: {(done.stdout + done.stderr).strip()}")
