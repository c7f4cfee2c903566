import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from brainray import cli
from brainray.cli.main import COMMANDS, Deferred

Call = Callable[..., Any]


@pytest.mark.parametrize(
    "command",
    [
        "",
        "run",
        "runs",
        "runs list",
        "runs show",
        "runs stop",
        "doctor",
        "scenarios",
        "scenarios list",
        "scenarios show",
        "catalog",
        "catalog list",
        "catalog show",
        "catalog stats",
        "db",
        "db upgrade",
    ],
)
def test_every_command_has_help(brainray: Call, command: str) -> None:
    done = brainray(*command.split(), "--help")
    assert done.code == 0
    assert "Usage:" in done.out


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_each_says_itself(name: str) -> None:
    assert Deferred(name, *COMMANDS[name]).load().help == COMMANDS[name][1]


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "from brainray.cli.main import app\n"
        "app(['--help'], standalone_mode=False)\n"
        "assert not {'torch', 'ray', 'pyarrow', 'scipy', 'sqlmodel'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "scenarios" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run", "nosuch"], "scenario 'nosuch': is no file"),
        (["run"], "SCENARIO: is missing"),
        (["run", "audio_visual_digits", "--set", "search.budget=0"], "search.budget"),
        (["run", "audio_visual_digits", "--set", "search.bugdet=3"], "search.bugdet: unknown key"),
        (["run", "--resume", "nosuch"], "--resume nosuch: there is no such run"),
        (["run", "audio_visual_digits", "--resume", "x"], "give none"),
        (["runs", "show", "nosuch"], "nosuch"),
        (["catalog", "show", "nosuch"], "nosuch"),
        (["catalog", "list", "--kind", "nosuch"], "nosuch"),
        (["scenarios", "show", "nosuch"], "nosuch"),
    ],
)
def test_bad_input_gives_one_line_and_an_exit_code(
    brainray: Call, arguments: list[str], says: str
) -> None:
    done = brainray(*arguments)
    assert done.code != 0
    (line,) = done.err.splitlines()
    assert line.startswith("brainray: ")
    assert says in line
    assert done.out == ""


@pytest.mark.parametrize("arguments", [["nosuch"], ["run", "--nosuch"], ["run", "--seed", "-1"]])
def test_bad_usage_gives_the_usage_and_an_exit_code(brainray: Call, arguments: list[str]) -> None:
    done = brainray(*arguments)
    assert done.code == 2
    assert "Usage:" in done.err
    assert "Traceback" not in done.err


def test_a_broken_configuration_is_named(
    brainray: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRAINRAY_DATA", str(tmp_path / "nosuch"))
    done = brainray("catalog", "stats")
    assert done.code == 1
    assert "BRAINRAY_DATA" in done.err


def test_an_error_is_printed_as_it_is(brainray: Call) -> None:
    done = brainray("catalog", "show", ":x:[bold]:warning:")
    assert done.code == 1
    assert ":x:[bold]:warning:" in done.err


def test_all_consoles_print_text_as_it_is() -> None:
    """Rich makes pictures of words such as ``:x:``, but for the consoles of one function."""
    folder = Path(cli.__file__).parent
    making = [path.name for path in folder.rglob("*.py") if "Console(" in path.read_text()]
    assert making == ["output.py"]
