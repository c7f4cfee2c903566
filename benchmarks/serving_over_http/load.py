"""Load on a server by wrk, with one multipart request again and again."""

import json
import shutil
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path

_SCRIPT = """
local file = io.open("{body}", "rb")
wrk.method = "POST"
wrk.body = file:read("*a")
wrk.headers["Content-Type"] = "multipart/form-data; boundary={boundary}"
file:close()
done = function(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format('{{"requests": %d, "microseconds": %d, "failed": %d, ' ..
    '"p50": %.3f, "p99": %.3f}}\\n', summary.requests, summary.duration,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
"""


@dataclass(frozen=True)
class Measured:
    """What wrk saw.

    Attributes:
        per_second: requests.
        p50: milliseconds of a request, median.
        p99: milliseconds, 99th percentile.
        failed: requests without a good answer.
    """

    per_second: float
    p50: float
    p99: float
    failed: int


def require_wrk() -> str:
    """Return the program, or end with its name."""
    program = shutil.which("wrk")
    if program is None:
        raise SystemExit("wrk is missing: apt-get install wrk")
    return program


def script(folder: Path, image: bytes, audio: bytes) -> Path:
    """Write what wrk sends: a form with a picture and a sound."""
    boundary = uuid.uuid4().hex
    parts = []
    for name, content in (("image", image), ("audio", audio)):
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"'
        parts.append(f"{head}\r\nContent-Type: application/octet-stream\r\n\r\n".encode() + content)
    body = folder / "body"
    body.write_bytes(b"\r\n".join(parts) + f"\r\n--{boundary}--\r\n".encode())
    path = folder / "post.lua"
    path.write_text(_SCRIPT.format(body=body, boundary=boundary))
    return path


def load(url: str, lua: Path, connections: int, seconds: int) -> Measured:
    """Ask for some seconds over some connections."""
    command = [
        require_wrk(), "--threads", "1", "--connections", str(connections),
        "--duration", f"{seconds}s", "--timeout", "30s", "--script", str(lua), url,
    ]  # fmt: skip
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = json.loads(out.strip().splitlines()[-1])
    return Measured(
        per_second=found["requests"] / found["microseconds"] * 1e6,
        p50=found["p50"],
        p99=found["p99"],
        failed=found["failed"],
    )
