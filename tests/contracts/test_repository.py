"""The house is tidy: sizes, notes left behind, Ray at the edge, errors, what installs it."""

import ast
import inspect
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from brainray import errors

LARGEST_BYTES = 3_500_000
TEXT = {".py", ".md", ".toml", ".yaml", ".yml", ".txt", ".csv", ".mako", ".html", ".css", ".js", ""}
RAY_LIVES_IN = ("actors", "serve", "brainray/cli", "tests", "benchmarks")


def imports(path: Path) -> set[str]:
    """Return the top-level packages that a module imports anywhere, in functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def test_no_file_is_too_large(files: list[Path]) -> None:
    assert not [path for path in files if path.stat().st_size > LARGEST_BYTES]


def test_no_work_is_noted_instead_of_done(files: list[Path]) -> None:
    note = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b")
    texts = [path for path in files if path.suffix in TEXT]
    assert len(texts) > 100
    assert not [path for path in texts if note.search(path.read_text(encoding="utf-8"))]


def test_ray_is_imported_at_the_edge_alone(root: Path, files: list[Path]) -> None:
    importing = {
        path.relative_to(root).as_posix()
        for path in files
        if path.suffix == ".py" and "ray" in imports(path)
    }
    assert "actors/region.py" in importing
    assert not [name for name in importing if not name.startswith(RAY_LIVES_IN)]


def test_the_tree_of_errors_is_drawn_whole() -> None:
    bases, drawn = ["BrainrayError"], {}
    for indent, name in re.findall(
        r"^((?:│   )*)[├└]── (\w+) ", errors.__doc__ or "", re.MULTILINE
    ):
        depth = len(indent) // 4
        drawn[name] = bases[depth]
        bases[depth + 1 :] = [name]
    defined = {
        name: found.__base__.__name__
        for name, found in inspect.getmembers(errors, inspect.isclass)
        if found is not errors.BrainrayError
    }
    assert drawn == defined


@pytest.mark.parametrize(
    "name",
    [
        "Makefile",
        "pyproject.toml",
        "constraints.txt",
        "constraints-zoo.txt",
        ".ci/run",
        ".pre-commit-config.yaml",
    ],
)
def test_what_installs_names_no_host(root: Path, name: str) -> None:
    assert not re.search(r"\w+://\w|index-url|find-links", (root / name).read_text())


def test_the_constraints_pin_one_version_a_package(root: Path) -> None:
    lines = [line for line in (root / "constraints.txt").read_text().splitlines() if line[0] != "#"]
    pattern = re.compile(r"([A-Za-z0-9._-]+)(==[A-Za-z0-9.]+|<5)")
    matches = [pattern.fullmatch(line) for line in lines]
    assert all(matches), "no editable installs, paths or local versions"
    names = [match[1].lower().replace("_", "-") for match in matches if match]
    assert len(names) == len(set(names))
    assert {"torch", "ray", "numpy", "opencv-python", "pre-commit"} <= set(names)


def test_make_refuses_an_old_python_by_name(root: Path, tmp_path: Path) -> None:
    old = tmp_path / "python"
    # A stand-in that takes the version for 3.10, as an old interpreter would have it.
    old.write_text(
        '#!/bin/sh\nexec python3 -c "import sys; sys.version_info = (3, 10, 1); '
        'sys.version = \'3.10.1 (old)\'; exec(sys.argv[1])" "$2"\n'
    )
    old.chmod(0o755)
    command = ["make", f"PYTHON={old}", f"VENV={tmp_path / 'venv'}", str(tmp_path / "venv/bin/pip")]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert result.returncode != 0
    assert f"brainray needs Python 3.11 or newer, {old} is 3.10.1" in result.stderr
    assert not (tmp_path / "venv").exists()


def test_hooks_use_the_tools_of_the_environment(root: Path) -> None:
    config = yaml.safe_load((root / ".pre-commit-config.yaml").read_text())
    (repo,) = config["repos"]
    assert repo["repo"] == "local"
    for hook in repo["hooks"]:
        assert hook["language"] == "system"
        assert hook["entry"].startswith(".venv/bin/")
