"""The documentation says what is there: commands, links, make targets, settings, scenario keys."""

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import click
import pytest
import typer.main

from brainray import plugins
from brainray.cli.main import Deferred, app
from brainray.settings import Settings

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)


def commands(command: click.Command, name: str) -> Iterator[str]:
    if isinstance(command, Deferred):
        command = command.load()
    members = getattr(command, "commands", None)
    if members is None:
        yield name
        return
    for key, member in members.items():
        yield from commands(member, f"{name} {key}")


def anchor(heading: str) -> str:
    words = re.sub(r"[^\w\- ]", "", heading.strip().lower().replace("`", ""))
    return words.replace(" ", "-")


def anchors(page: Path) -> set[str]:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    return {anchor(heading) for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}


def everything() -> str:
    return "\n".join(page.read_text(encoding="utf-8") for page in PAGES)


@pytest.fixture(scope="module")
def scenario_docs() -> ModuleType:
    path = ROOT / "scripts" / "make_scenario_docs.py"
    spec = importlib.util.spec_from_file_location("make_scenario_docs", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("command", list(commands(typer.main.get_command(app), "brainray")))
def test_every_command_is_documented(command: str) -> None:
    assert re.search(rf"\b{command}\b", everything())


@pytest.mark.parametrize("field", Settings.model_fields)
def test_every_setting_is_documented(field: str) -> None:
    assert f"`BRAINRAY_{field.upper()}`" in everything()


def test_every_link_is_alive(files: list[Path]) -> None:
    dead = []
    for page in (path for path in files if path.suffix == ".md"):
        for link in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
            if re.match(r"[a-z]+:", link):
                continue
            target, _, part = link.partition("#")
            path = page.parent / target if target else page
            if not path.exists() or (part and part not in anchors(path)):
                dead.append(f"{page.relative_to(ROOT)}: {link}")
    assert not dead


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_every_make_target_that_is_named_exists(page: str) -> None:
    makefile = (ROOT / "Makefile").read_text()
    there = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z][a-z-]*)\b", code(ROOT / page)))
    assert {"demo", "test"} <= named
    assert named <= there


def code(page: Path) -> str:
    """Return what stands in code blocks and between backticks."""
    text = page.read_text(encoding="utf-8")
    blocks = FENCE.findall(text)
    return "\n".join([*blocks, *re.findall(r"`[^`\n]+`", FENCE.sub("", text))])


def test_contributing_names_every_kind_of_plugin() -> None:
    groups = set(re.findall(r"``brainray\.(\w+)``", plugins.__doc__ or ""))
    assert "searchers" in groups
    named = set(re.findall(r"`brainray\.(\w+)`", (ROOT / "CONTRIBUTING.md").read_text()))
    assert groups <= named


def test_the_scenario_page_says_what_the_models_say(scenario_docs: ModuleType) -> None:
    written = (ROOT / "docs" / "scenario.md").read_text(encoding="utf-8")
    assert written == scenario_docs.page(), "run: python scripts/make_scenario_docs.py"


def test_the_scenario_page_has_a_row_for_every_key(scenario_docs: ModuleType) -> None:
    rows = re.findall(r"^\| `(\w+)` \|", scenario_docs.page(), re.MULTILINE)
    parts = scenario_docs.DEFINITIONS.values()
    keys = [key for part in parts for key in part.get("properties", {})]
    assert set(keys) <= set(rows)
    assert len(keys) > 20


def test_the_changelog_has_the_version(root: Path) -> None:
    version = re.search(r'^version = "(.+)"', (root / "pyproject.toml").read_text(), re.MULTILINE)
    assert version
    assert f"## [{version[1]}]" in (root / "CHANGELOG.md").read_text()
