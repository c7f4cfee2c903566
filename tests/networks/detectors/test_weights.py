"""Where the weights of a detector come from."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import safetensors.torch
import torch

from brainray.errors import NetworkError
from brainray.networks.detectors.interface import make_detector
from brainray.networks.detectors.tensors import read_tensors
from brainray.networks.detectors.weights import cached_path, local_file, one_source

CONTENT = bytes(range(256)) * 5000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
OTHER = "0" * 64


class Home(BaseHTTPRequestHandler):
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path.startswith("/none"):
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(Home, "asked", [], raising=False)
    server = HTTPServer(("127.0.0.1", 0), Home)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_what_a_url_names_is_fetched_once(home: str) -> None:
    url = f"{home}/models/ssd.pth?download=true"
    path = local_file(url, SHA256)
    assert (path, path.name) == (cached_path(url), "ssd.pth")
    assert path.read_bytes() == CONTENT
    assert local_file(url) == local_file(url, SHA256) == path
    assert len(Home.asked) == 1
    with pytest.raises(NetworkError, match=f"has the sha256 {SHA256}, .* remove .*ssd.pth to have"):
        local_file(url, OTHER)
    assert list(path.parent.iterdir()) == [path]


def test_what_is_not_what_it_should_be_is_thrown_away(home: str) -> None:
    url = f"{home}/ssd.pth"
    with pytest.raises(NetworkError, match=f"{url}: has the sha256 {SHA256}, it must have {OTHER}"):
        local_file(url, OTHER)
    assert list(cached_path(url).parent.iterdir()) == []


def test_without_a_network_it_says_where_to_put_the_file(home: str, tmp_path: Path) -> None:
    gone = (tmp_path / "none.weights").as_uri()
    for url in (f"{home}/none.pth", "http://127.0.0.1:1/ssd.pth", gone, "moon://ssd.pth"):
        with pytest.raises(NetworkError) as refused:
            local_file(url)
        said = str(refused.value)
        assert said.startswith(f"weights {url}: cannot be fetched: ")
        assert said.endswith(f"; by hand: save that file as {cached_path(url)}")
        assert "\n" not in said
    cached_path(url).parent.mkdir(parents=True, exist_ok=True)
    cached_path(url).write_bytes(CONTENT)  # as one is told
    assert local_file(url, SHA256).read_bytes() == CONTENT


def test_a_detector_takes_a_url(tmp_path: Path) -> None:
    (tmp_path / "no.onnx").write_bytes(b"no graph")
    url = (tmp_path / "no.onnx").as_uri()
    with pytest.raises(NetworkError, match=r"weights .*no.onnx: cannot be opened"):
        make_detector("nanodet", {"weights": url})
    with pytest.raises(
        NetworkError, match=f"weights {url}: has the sha256 .*, it must have {OTHER}"
    ):
        make_detector("nanodet", {"weights": url, "sha256": OTHER})
    with pytest.raises(NetworkError, match=r"nanodet: sha256 is 'abc': String should match"):
        make_detector("nanodet", {"weights": url, "sha256": "abc"})


def test_tensors_are_read_and_nothing_else(tmp_path: Path) -> None:
    state = {"layer.weight": torch.arange(6.0).reshape(2, 3)}
    safetensors.torch.save_file(state, tmp_path / "a.safetensors")
    torch.save(state, tmp_path / "a.pth")
    torch.save({"model": state, "epoch": 3}, tmp_path / "trainer.pth")
    for name in ("a.safetensors", "a.pth", "trainer.pth"):
        torch.testing.assert_close(read_tensors(tmp_path / name), state)
    torch.save({"epoch": 3}, tmp_path / "numbers.pth")
    torch.save(Path("code"), tmp_path / "object.pth")
    (tmp_path / "bad.safetensors").write_bytes(b"bad")
    for name, message in (
        ("none.pth", "cannot be read: No such file"),
        ("none.safetensors", "cannot be read: No such file"),
        ("numbers.pth", "is no state dictionary"),
        ("object.pth", "holds no tensors that can be read"),
        ("bad.safetensors", "holds no tensors that can be read"),
    ):
        with pytest.raises(NetworkError, match=f"weights .*{name}: {message}") as refused:
            read_tensors(tmp_path / name)
        assert "\n" not in str(refused.value)


def test_nothing_is_drawn_unless_it_is_asked_for() -> None:
    one_source("a.pth", None, "ssd")
    one_source(None, 0, "ssd")
    with pytest.raises(NetworkError, match=r"ssd: weights: give a file .* given are neither"):
        one_source(None, None, "ssd")
    with pytest.raises(NetworkError, match="given are both"):
        one_source("a.pth", 0, "ssd")
