import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from brainray.datasets.samples import encode_image


@pytest.fixture
def png() -> Callable[[int], bytes]:
    """Return encoded 6x5 grey images that differ by their number."""
    return lambda number: encode_image(np.full((6, 5), number, dtype=np.uint8))


@pytest.fixture
def pcm() -> Callable[[int], bytes]:
    """Return 100 samples of int16 PCM that differ by their number."""
    return lambda number: np.arange(number, number + 100, dtype="<i2").tobytes()


@pytest.fixture(scope="session")
def ready_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small folder in the layout of $BRAINRAY_DATA, filled with noise."""
    folder = tmp_path_factory.mktemp("ready")
    generator = np.random.default_rng(0)

    def write(name: str, rows: list[dict[str, Any]]) -> None:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows), path)

    def sound(count: int) -> bytes:
        return generator.integers(-20000, 20000, count).astype("<i2").tobytes()

    for name, each in (("train", 30), ("test", 10)):
        images = [
            {"digit": digit, "index": i, "pixels": generator.bytes(784)}
            for digit in range(10)
            for i in range(each)
        ]
        write(f"mnist/mnist_{name}.parquet", images)
    speech = [
        {
            "filename": f"{digit}_{speaker}_{i}.wav",
            "digit": digit,
            "speaker": speaker,
            "sample_rate": 8000,
            "pcm_int16": sound(800 + 10 * i),
        }
        for digit in range(10)
        for speaker in ("ann", "bob", "cem")
        for i in range(10)
    ]
    write("fsdd/fsdd.parquet", speech)
    noise = [
        {
            "filename": f"{fold}-{i}.ogg",
            "fold": fold,
            "sample_rate": 8000,
            # Short clips are repeated, and the first second of long ones is silent.
            "pcm_int16": sound(500) if i else bytes(16000) + sound(8000),
        }
        for fold in range(1, 6)
        for i in range(2)
    ]
    write("esc10/esc10_8khz_pcm.parquet", noise)
    return folder


@dataclass
class Site:
    """A web server on this machine, whose faults a test chooses.

    Attributes:
        url: of the server, without the last slash.
        files: what it has, by path.
        ranges: whether it answers requests for ranges with ranges.
        says_length: whether it says how long a file is.
        breaks: after how many bytes of the body each of the next answers ends too early.
        statuses: what each of the next answers is instead of a file.
        asked: the path and the range of each request.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    says_length: bool = True
    breaks: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    asked: list[tuple[str, str | None]] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    """Answers as its site says."""

    protocol_version = "HTTP/1.1"
    site: Site

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        site, asked = self.site, self.headers.get("Range")
        site.asked.append((self.path, asked))
        content = site.files.get(self.path)
        if site.statuses or content is None:
            self.send_response(site.statuses.pop(0) if site.statuses else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start = 0
        if asked and site.ranges:
            found = re.fullmatch(r"bytes=(\d+)-", asked)
            assert found
            start = int(found[1])
            if start >= len(content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(content)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        body = content[start:]
        cut = site.breaks.pop(0) if site.breaks else None
        if site.says_length:
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[:cut])
        else:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(body[:cut]), body[:cut]))
            if cut is None:
                self.wfile.write(b"0\r\n\r\n")
        self.close_connection = cut is not None


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("NO_PROXY", "*")
    site = Site()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("SiteHandler", (Handler,), {"site": site}))
    site.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield site
    server.shutdown()
    thread.join()
    server.server_close()
