"""cluster.yaml as it is, over ssh: `ray up`, a run as a job, status, `ray down`.

Only places and ports are replaced, so that it meets no other cluster of this machine, and that an
account of its own is used, which is removed in the end.
"""

import contextlib
import json
import os
import pwd
import re
import secrets
import shutil
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from brainray.client import Client
from brainray.testing.ports import free_port
from brainray.testing.processes import megabytes, titled
from brainray.testing.ssh import Account, ssh_account

ROOT = Path(__file__).parents[2]
PORTS = ("dashboard-port", "dashboard-agent-listen-port", "ray-client-server-port")
SCENARIO = """
name: two-texts
goal: {target: label}
inputs:
  left: {modality: text, networks: [fasttext.text]}
  right: {modality: text, networks: [fasttext.text]}
data: {manifest: two.csv}
search: {budget: 4, brood: 2, epochs: 1, depth: 1, finalists: 1}
pretraining: {epochs: 1, optimizers: [adam], workers: 1}
training: {epochs: 1, workers: 1}
"""


@dataclass(frozen=True)
class Cluster:
    """A cluster that is up, seen from the machine that submits."""

    account: Account
    folder: Path
    environment: dict[str, str]

    def call(self, *command: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Run a command of this environment in the cluster's folder."""
        program = Path(sys.executable).parent / command[0]
        done = subprocess.run(
            [program, *command[1:]],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    """An account with an environment in which only the wheel has to be installed."""
    with ssh_account() as account:
        place = account.home / "cluster" / "venv"
        account.run(f"python3 -m venv {place}")
        (site,) = place.glob("lib/python3.*/site-packages")
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        assert site.parent.name == version, f"tests run in {version}, the account has another one"
        # What the wheel requires is there already; to install it again would take a minute.
        packages = sysconfig.get_path("purelib")
        (site / "tests.pth").write_text(f"import site; site.addsitedir({packages!r})\n")
        ray = place / "bin" / "ray"
        ray.write_text(f"#!{place}/bin/python\nfrom ray.scripts.scripts import main\nmain()\n")
        ray.chmod(0o755)
        yield account


@pytest.fixture(scope="module")
def cluster(account: Account, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", folder / "dist", ROOT],
        check=True,
        capture_output=True,
    )
    shutil.copy(ROOT / "constraints.txt", folder)
    (folder / "auth_token").write_text(secrets.token_hex(32))
    port = free_port()
    (folder / "cluster.yaml").write_text(adapted(account, folder, port))
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("RAY_", "BRAINRAY_"))
    } | {
        "PATH": f"{account.programs}:{os.environ['PATH']}",
        "RAY_TMPDIR": str(folder),  # where Ray notes which machines are up
        "RAY_ADDRESS": f"127.0.0.1:{port}",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(folder / "auth_token"),
    }
    cluster = Cluster(account, folder, environment)
    try:
        cluster.call("ray", "up", "cluster.yaml", "--yes")
        yield cluster
    finally:
        cluster.call("ray", "down", "cluster.yaml", "--yes")


def adapted(account: Account, folder: Path, port: int) -> str:
    """Return cluster.yaml with the account's places, and ports that are free."""
    text = (ROOT / "cluster.yaml").read_text()
    ports = " ".join(f"--{name}={free_port()}" for name in PORTS)
    changes = {
        "/home/brainray": str(account.home),
        "ssh_user: brainray": f"ssh_user: {account.name}",
        "# ssh_private_key: ~/.ssh/id_ed25519": f"ssh_private_key: {account.key}",
        "cluster_name: brainray": f"cluster_name: {account.name}",
        "~/.ray/auth_token": str(folder / "auth_token"),
        "6379": str(port),
        "--dashboard-port=8265": ports,
    }
    for before, after in changes.items():
        assert before in text, before
        text = text.replace(before, after)
    return text


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scenario on two texts, in a folder that the cluster's account cannot read."""
    folder = tmp_path_factory.mktemp("scenario")
    rows = ["left,right,label"]
    for number in range(160):
        first, second = ("low", "high")[number % 4 // 2], ("even", "odd")[number % 2]
        rows.append(f"{first} filler{number % 7},{second} filler{number % 5},{number % 4}")
    (folder / "two.csv").write_text("\n".join(rows) + "\n")
    (folder / "scenario.yaml").write_text(SCENARIO)
    folder.chmod(0o700)
    return folder


@pytest.fixture(scope="module")
def report(cluster: Cluster, scenario: Path) -> dict[str, Any]:
    """The report of a run that was submitted."""
    done = cluster.call("brainray", "submit", str(scenario), "--seed", "3", "--json", "-")
    assert re.search(r"^job raysubmit_\w+ on http://127\.0\.0\.1:\d+$", done.stderr, re.MULTILINE)
    found: dict[str, Any] = json.loads(done.stdout)
    assert f"run {found['run_id']}, seed 3, runner ray" in done.stderr
    return found


def test_a_run_is_a_job_and_ends_in_the_clusters_catalog(
    cluster: Cluster, report: dict[str, Any]
) -> None:
    assert report["search"]["evaluated"] == 4
    assert report["data"]["name"] == "two"  # the manifest has travelled
    rows = json.loads(cluster.account.run("brainray runs list --json -"))
    assert [(row["id"], row["status"]) for row in rows] == [(report["run_id"], "finished")]


def test_the_regions_hold_what_the_run_made(cluster: Cluster, report: dict[str, Any]) -> None:
    found = json.loads(cluster.account.run("brainray cluster status --json -"))
    assert found["coordinator"] == "alive"
    assert {"audition", "language", "vision"} <= set(found["regions"])
    models = [model for region in found["regions"].values() for model in region["models"]]
    assert {part["model"] for part in report["unimodal"].values()} <= set(models)
    assert [node["alive"] for node in found["nodes"]] == [True]


def test_a_job_that_fails_fails_here(cluster: Cluster, scenario: Path) -> None:
    workers = ("--set", "training.workers=100")
    done = cluster.call("brainray", "submit", str(scenario), *workers, code=1)
    assert "training.workers: needs 100 CPUs" in done.stdout
    assert re.fullmatch(r"brainray: job raysubmit_\w+: failed: .*\n", done.stderr)
    assert "Traceback" not in done.stdout + done.stderr


def test_another_token_is_refused(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(secrets.token_hex(32))
    stranger = Cluster(
        cluster.account,
        cluster.folder,
        cluster.environment
        | {
            "RAY_AUTH_TOKEN_PATH": str(tmp_path / "token"),
            "RAY_API_SERVER_ADDRESS": dashboard(cluster),
        },
    )
    done = stranger.call("brainray", "submit", "audio_visual_digits", code=1)
    assert "asks for another token; set RAY_AUTH_MODE=token" in done.stderr


def dashboard(cluster: Cluster) -> str:
    port = re.search(r"--dashboard-port=(\d+)", (cluster.folder / "cluster.yaml").read_text())
    assert port
    return f"http://127.0.0.1:{port[1]}"


@pytest.fixture(scope="module")
def service(cluster: Cluster, report: dict[str, Any]) -> Iterator[str]:
    """The address of the service, with an endpoint."""
    cluster.account.run(f"brainray deploy {report['model']['id']} --name texts")
    port = free_port()
    cluster.account.run(f"brainray serve --port {port}")
    yield f"http://127.0.0.1:{port}"
    cluster.account.run("brainray serve --stop")
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/api/health")


def test_a_deployed_model_answers_over_http(service: str, report: dict[str, Any]) -> None:
    model = report["model"]["id"]
    with Client(service) as client:
        answer = client.predict("texts", {"left": "low filler1", "right": "odd filler2"})
        assert answer.inputs == ("left", "right")
        assert (answer.model, answer.label in "0123") == (model, True)
        assert client.predict("texts", {"right": "odd filler2"}).inputs == ("right",)
        assert [endpoint.model for endpoint in client.endpoints()] == [model]
        assert client.model(model)["endpoints"] == ["texts"]
    assert httpx.get(f"{service}/api/runs").json()["runs"][-1]["id"] == report["run_id"]


def connection_to(service: str, head: str, body: bytes = b"") -> socket.socket:
    """Return a connection over which the beginning of a request to predict was sent."""
    host, _, port = service.removeprefix("http://").partition(":")
    connection = socket.create_connection((host, int(port)), timeout=30)
    start = f"POST /api/endpoints/texts/predict HTTP/1.1\r\nHost: {host}\r\n"
    lines = f"Content-Type: application/json\r\n{head}\r\n\r\n"
    connection.sendall((start + lines).encode() + body)
    return connection


def answer_of(connection: socket.socket) -> httpx.Response:
    """Read an answer as far as it is sent."""
    received = b""
    while b"\r\n\r\n" not in received and (part := connection.recv(65536)):
        received += part
    first, *lines = received.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    headers = [tuple(line.split(": ", 1)) for line in lines]
    return httpx.Response(int(first.split()[1]), headers=headers)


def predictors_megabytes(account: Account) -> float:
    """Return the memory of the process that predicts."""
    owner = pwd.getpwnam(account.name).pw_uid
    processes = titled("ray::ServeReplica:predict")
    (predictor,) = (one for one in processes if Path(f"/proc/{one}").stat().st_uid == owner)
    return megabytes(predictor)


def test_a_body_without_end_is_refused_in_bounded_memory(cluster: Cluster, service: str) -> None:
    before = predictors_megabytes(cluster.account)
    with connection_to(service, f"Content-Length: {10**10}", b"{" * 1000) as declared:
        assert answer_of(declared).status_code == 413
    sent, chunk = 0, b"100000\r\n" + b" " * 2**20 + b"\r\n"
    with connection_to(service, "Transfer-Encoding: chunked") as endless:
        endless.settimeout(10)
        # HAProxy answers, then either closes the connection or takes no more from it.
        with contextlib.suppress(ConnectionError, TimeoutError):
            while sent < 256:
                endless.sendall(chunk)
                sent += 1
        assert answer_of(endless).status_code == 413
    assert sent < 64  # megabytes; what lies between the two ends is some of it
    assert predictors_megabytes(cluster.account) < before + 100


def test_who_comes_when_it_is_full_is_told_when_to_come_again(service: str) -> None:
    with contextlib.ExitStack() as slow:
        for _ in range(256):  # twice what is in work and what may wait
            slow.enter_context(connection_to(service, "Content-Length: 100", b"{"))
        with connection_to(service, "Content-Length: 2", b"{}") as another:
            refused = answer_of(another)
        assert refused.status_code in (429, 503)
        assert int(refused.headers["Retry-After"]) >= 1
        assert httpx.get(f"{service}/api/models").status_code == 200  # browsing goes on
    with Client(service, retries=10) as client:
        assert client.predict("texts", {"right": "odd filler2"}).inputs == ("right",)


def test_haproxys_own_ports_are_closed_to_the_outside(service: str) -> None:
    tables = [Path(f"/proc/net/{name}").read_text() for name in ("tcp", "tcp6")]
    addresses = [line.split()[1] for table in tables for line in table.splitlines()[1:]]
    own = [place for place in addresses if place.endswith((f":{8404:04X}", f":{9101:04X}"))]
    assert own
    assert all(place.startswith("0100007F:") for place in own)  # 127.0.0.1


def test_the_actors_end_and_come_back(cluster: Cluster) -> None:
    cluster.account.run("brainray cluster down")
    found = json.loads(cluster.account.run("brainray cluster status --json -"))
    assert (found["coordinator"], found["regions"]) == ("absent", {})
    cluster.account.run("brainray cluster up")
    found = json.loads(cluster.account.run("brainray cluster status --json -"))
    assert found["coordinator"] == "alive"
    assert {region["state"] for region in found["regions"].values()} == {"alive"}
