"""What Ray Serve reads when its processes start: HAProxy in front, little overhead behind it.

Measured on the digits model: without these settings a request takes three to four times as long
as the same handler in plain uvicorn.
"""

import os
import sys
from pathlib import Path

SETTINGS = {
    # HAProxy instead of a Python proxy; requests reach the replica without another hop.
    "RAY_SERVE_ENABLE_HA_PROXY": "1",
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
    "RAY_SERVE_HAPROXY_METRICS_ENABLED": "0",
    "RAY_SERVE_HAPROXY_NBTHREAD": "1",
    # Ray makes workers yield to all else; a replica is not background work.
    "RAY_worker_niceness": "0",
    "OMP_NUM_THREADS": "1",
}
"""By environment variable. On a cluster they stand before `ray start` in ``cluster.yaml``."""

HAPROXY = "brainray-haproxy"
"""The program of `serve.haproxy`, beside the Python that runs."""


def prepare_environment() -> None:
    """Set what is not set yet; to be called before Ray starts or is imported."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    program = Path(sys.executable).parent / HAPROXY
    if program.exists():
        os.environ.setdefault("RAY_SERVE_HAPROXY_BINARY_PATH", str(program))
