"""What Ray Serve reads when its processes start: HAProxy in front, little overhead behind it.

``benchmarks/bench_serving.py`` measures what is left of it beside plain uvicorn.
"""

import os
import stat
import sys
import tempfile
from pathlib import Path

from brainray.errors import SettingsError

SETTINGS = {
    # HAProxy instead of a Python proxy; requests reach the replica without another hop.
    "RAY_SERVE_ENABLE_HA_PROXY": "1",
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
    "RAY_SERVE_HAPROXY_METRICS_ENABLED": "0",
    "RAY_SERVE_HAPROXY_NBTHREAD": "1",
    # A client that neither sends nor reads is let go (Ray: after an hour). More than `serve.limits`
    # grant for a body or a line, so that those refuse first, with a reason.
    "RAY_SERVE_HAPROXY_TIMEOUT_CLIENT_S": "150",
    # Ray makes workers yield to all else; a replica is not background work.
    "RAY_worker_niceness": "0",
    "OMP_NUM_THREADS": "1",
}
"""By environment variable. On a cluster they stand before `ray start` in ``cluster.yaml``."""

HAPROXY = "brainray-haproxy"
"""The program of `serve.haproxy`, beside the Python that runs."""


HAPROXY_FILES = {
    "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": "haproxy.cfg",
    "RAY_SERVE_HAPROXY_SOCKET_PATH": "admin.sock",
    "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": "metrics.sock",
    "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": "",
    "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": "server-state",
}
"""What HAProxy keeps, each in a folder of the user's: Ray's default is one for all users."""


def require_private(folder: Path) -> None:
    """Make a folder that only its owner may enter: who reaches HAProxy's socket commands it.

    Raises:
        SettingsError: somebody else has made it.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise SettingsError(f"{folder}: is not your own folder; remove it or set XDG_RUNTIME_DIR")
    folder.chmod(0o700)  # earlier versions made it for all


def prepare_environment() -> None:
    """Set what is not set yet; to be called before Ray starts or is imported.

    Raises:
        SettingsError: HAProxy's folder is somebody else's.
    """
    # A short path: that of a socket, with 68 characters of Ray's in it, may have 97.
    home = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    folder = Path(home) / f"brainray-{os.getuid()}"
    require_private(folder)
    files = {name: str(folder / file) for name, file in HAPROXY_FILES.items()}
    for name, value in (SETTINGS | files).items():
        os.environ.setdefault(name, value)
    program = Path(sys.executable).parent / HAPROXY
    if program.exists():
        os.environ.setdefault("RAY_SERVE_HAPROXY_BINARY_PATH", str(program))
