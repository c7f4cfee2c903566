"""``brainray doctor``: what it looks at, and that it runs where packages are broken."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from brainray import load_settings
from brainray.cli import doctor
from brainray.doctor import machine

Call = Callable[..., Any]


def found(brainray: Call) -> dict[str, dict[str, str]]:
    done = brainray("doctor", "--json", "-")
    document = {one["check"]: one for one in json.loads(done.out)}
    assert done.code == int(any(one["level"] == "problem" for one in document.values()))
    assert all(one["fix"] for one in document.values() if one["level"] != "ok")
    return document


def test_a_sound_installation_has_no_problem(brainray: Call) -> None:
    document = found(brainray)
    assert [one for one in document.values() if one["level"] == "problem"] == []
    for check in ("python", "package torch", "package ray", "threads", "memory", "store"):
        assert document[check]["level"] == "ok" or document[check]["fix"]
    for check in ("disk of store", "database", "RAY_ADDRESS", "Ray's folder", "port 8265"):
        assert check in document
    assert any(check.startswith("data") and check != "database" for check in document)
    assert "is not there yet" in document["database"]["value"]
    assert not Path(load_settings().database_url.partition(":///")[2]).exists()
    assert list(Path(load_settings().store_url).iterdir()) == []
    brainray("catalog", "stats")
    assert "can be written" in found(brainray)["database"]["value"]


def test_broken_packages_are_findings_and_no_traceback(tmp_path: Path) -> None:
    for name in ("torch", "ray", "pyarrow"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise ImportError('lib.so is missing')\n")
    done = subprocess.run(
        [str(Path(sys.executable).with_name("brainray")), "doctor", "--json", "-"],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    document = {one["check"]: one for one in json.loads(done.stdout)}
    for name in ("torch", "ray", "pyarrow"):
        assert document[f"package {name}"]["level"] == "problem"
        assert "lib.so is missing" in document[f"package {name}"]["value"]
        assert "pip install --force-reinstall" in document[f"package {name}"]["fix"]
    assert document["package numpy"]["level"] == "ok"
    assert document["store"]["level"] == "ok"


def test_places_that_cannot_be_used(
    brainray: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no database")
    monkeypatch.setenv("BRAINRAY_STORE_URL", str(tmp_path / "file" / "store"))
    monkeypatch.setenv("BRAINRAY_DATABASE_URL", f"sqlite:///{tmp_path / 'file'}")
    monkeypatch.setenv("BRAINRAY_DATA", str(tmp_path))
    document = found(brainray)
    assert document["store"]["level"] == "problem"
    assert "BRAINRAY_STORE_URL" in document["store"]["fix"]
    assert document["database"]["level"] == "problem"
    assert "not a database" in document["database"]["value"]
    assert document["data mnist"]["fix"] == "brainray data get mnist"
    monkeypatch.setenv("BRAINRAY_DATA", str(tmp_path / "nosuch"))
    assert "BRAINRAY_DATA" in found(brainray)["settings"]["value"]


def test_a_cluster_that_does_not_answer_and_a_port_in_use() -> None:
    assert doctor.cluster("").level == "ok"
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        refused = doctor.cluster(f"127.0.0.1:{port}")
        assert (refused.level, refused.fix.split()[0]) == ("problem", "ray")
        server.listen()
        assert doctor.cluster(f"ray://127.0.0.1:{port}").level == "ok"
        (finding,) = machine.ports({port: "a test"})
        assert finding.level == "warning"
        assert f":{port}" in finding.fix
    (finding,) = machine.ports({port: "a test"})
    assert finding.level == "ok"


def test_a_folder_too_deep_for_sockets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path / ("deep" * 20)))
    finding = next(iter(doctor.ray_itself()))
    assert finding.level == "problem"
    assert finding.fix == "export RAY_TMPDIR=/tmp"


def test_a_package_of_the_wrong_version() -> None:
    finding = machine.package("rich", ">=999", lambda version, prereleases: False)
    assert finding.level == "problem"
    assert finding.fix.endswith("-m pip install 'rich>=999'")
    finding = machine.package("no-such-package", ">=1", lambda version, prereleases: True)
    assert finding.value == "is not installed, needed is >=1"


def test_a_disk_without_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "GIGABYTE", 1e15)
    (finding,) = machine.disks({"store": tmp_path / "not" / "there"})
    assert finding.level == "problem"
    assert str(tmp_path) in finding.fix
