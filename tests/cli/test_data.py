import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from brainray.cli import data
from brainray.datasets import pack_manifest
from brainray.datasets.homes import HOMES
from brainray.datasets.homes.interface import Download, Home, Table, digest_of

Call = Callable[..., Any]

TABLE = pa.table({"word": ["one", "two"]})


def items(table: pa.Table) -> list[tuple[str, bytes]]:
    return [(word, b"") for word in table["word"].to_pylist()]


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Home:
    """A small home, in place of MNIST's, on a server that is not there."""
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr("brainray.datasets.download.TRIES", 1)
    small = replace(
        HOMES["mnist"],
        downloads=(Download("words.txt", ("http://127.0.0.1:1/words.txt",)),),
        tables={"words.parquet": Table(items, digest_of(items(TABLE)))},
        unpack=lambda paths: {
            "words.parquet": pa.table({"word": paths["words.txt"].read_text().split()})
        },
    )
    monkeypatch.setitem(HOMES, "mnist", small)
    return small


@pytest.fixture
def downloaded(home: Home, tmp_path: Path) -> Path:
    """Where a person saves the file by hand."""
    path = tmp_path / "user/cache/downloads/mnist/words.txt"
    path.parent.mkdir(parents=True)
    path.write_text("one two")
    return path


@pytest.mark.parametrize("command", ["", "list", "get", "build"])
def test_every_command_has_help(brainray: Call, command: str) -> None:
    done = brainray("data", *command.split(), "--help")
    assert done.code == 0
    assert "Usage:" in done.out


def test_what_is_there_is_listed(
    brainray: Call, downloaded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BRAINRAY_DATA", raising=False)
    done = brainray("data", "list", "--json", "-")
    before = {row["name"]: row for row in json.loads(done.out)}
    assert set(before) >= {"audio_visual_digits", *HOMES}
    assert before["mnist"]["missing"] == before["mnist"]["files"] == ["mnist/words.parquet"]
    assert before["fsdd"]["license"] == "CC BY-SA 4.0"
    assert before["audio_visual_digits"]["made_of"] == ["mnist", "fsdd", "esc10"]
    brainray("data", "get", "mnist", "--to", tmp_path / "data")
    monkeypatch.setenv("BRAINRAY_DATA", str(tmp_path / "data"))
    done = brainray("data", "list", "--json", "-")
    after = {row["name"]: row for row in json.loads(done.out)}
    assert after["mnist"]["missing"] == []
    missing = ["fsdd/fsdd.parquet", "esc10/esc10_8khz_pcm.parquet"]
    assert after["audio_visual_digits"]["missing"] == missing
    assert "lacks 2" in brainray("data", "list").out


def test_a_data_set_is_laid_where_it_is_looked_for(
    brainray: Call, downloaded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BRAINRAY_DATA", raising=False)
    folder = tmp_path / "data"
    done = brainray("data", "get", "mnist", "--to", folder, "--json", tmp_path / "got.json")
    assert done.code == 0
    assert f"Now set BRAINRAY_DATA={folder}" in done.out
    path = folder / "mnist/words.parquet"
    assert pq.read_table(path).equals(TABLE)
    (document,) = json.loads((tmp_path / "got.json").read_text())
    assert document["fetched"]
    assert document["folder"] == str(folder / "mnist")
    assert document["files"] == {path.name: hashlib.sha256(path.read_bytes()).hexdigest()}
    assert not downloaded.exists()
    monkeypatch.setenv("BRAINRAY_DATA", str(folder))
    again = brainray("data", "get", "mnist")
    assert again.code == 0
    assert "was there" in again.out
    assert "Now set" not in again.out


def test_without_network_there_is_one_line(brainray: Call, home: Home, tmp_path: Path) -> None:
    done = brainray("data", "get", "audio_visual_digits", "--to", tmp_path / "data")
    assert done.code == 1
    (line,) = done.err.splitlines()
    assert line.startswith("brainray: mnist: http://127.0.0.1:1/words.txt: cannot be reached: ")
    place = tmp_path / "user/cache/downloads/mnist/words.txt"
    assert line.endswith(f"by hand: save that file as {place} and run this again")
    assert done.out == ""
    assert not (tmp_path / "data").exists()


def test_a_table_is_built_that_is_a_manifest(brainray: Call, tmp_path: Path) -> None:
    out = tmp_path / "made/pairs.parquet"
    command = ("data", "build", "audio_visual_digits", "--source", "embedded", "--out", out)
    options = ("--set", "train=100", "--set", "validation=20", "--set", "test=30")
    done = brainray(*command, *options, "--set", "snr_db=[-5, -5]", "--json", "-")
    document = json.loads(done.out)
    assert document["path"] == str(out)
    assert document["source"] == "embedded"
    assert document["rows"] == {"train": 100, "validation": 20, "test": 30}
    assert document["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
    assert len(document["sources"]) == 2
    assert set(pq.read_table(out)["snr_db"].to_pylist()) == {-5.0}
    inputs = {"image": "image", "audio": "audio"}
    packed = pack_manifest(out, inputs, "digit", 0, tmp_path / "packed", ("snr_db",))
    assert packed.row_counts == document["rows"]
    assert packed.sources == document["sources"]
    first = out.read_bytes()
    shown = brainray(*command, *options, "--set", "snr_db=[-5, -5]")
    assert document["sha256"] in shown.out
    assert out.read_bytes() == first
    other = brainray(*command, *options, "--seed", "1", "--json", "-")
    assert json.loads(other.out)["sha256"] != document["sha256"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["get", "nosuch"], "cannot be fetched, allowed are mnist, fsdd, esc10, audio_visual"),
        (["build", "nosuch", "--out", "x.parquet"], "'nosuch': cannot be built, allowed are audio"),
        (["build", "audio_visual_digits", "--out", "x.csv"], "--out x.csv: must end in .parquet"),
        (
            ["build", "audio_visual_digits", "--out", "x.parquet", "--source", "web"],
            "--source 'web': allowed are auto, files, embedded",
        ),
        (
            ["build", "audio_visual_digits", "--out", "x.parquet", "--set", "trian=100"],
            "data.options.trian: unknown option",
        ),
        (
            ["build", "audio_visual_digits", "--out", "x.parquet", "--set", "train"],
            "--set 'train': must have the form option=value",
        ),
        (
            ["build", "audio_visual_digits", "--out", "x.parquet", "--set", "train=[1"],
            "--set 'train=[1': the value is not YAML",
        ),
    ],
)
def test_bad_input_gives_one_line(
    brainray: Call,
    arguments: list[str],
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    done = brainray("data", *arguments)
    assert done.code == 1
    (line,) = done.err.splitlines()
    assert says in line
    assert not list(tmp_path.glob("x*"))


def test_a_bar_is_shown_on_a_terminal_alone(monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    with data._bars() as on_progress:
        on_progress("file.zip", 10, None)
    assert capfd.readouterr().err == ""
    monkeypatch.setenv("FORCE_COLOR", "1")
    with data._bars() as on_progress:
        on_progress("file.zip", 10, None)
        on_progress("file.zip", 50, 100)
    assert "file.zip" in capfd.readouterr().err
