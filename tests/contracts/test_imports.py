"""What takes long to import is imported by those alone who use it."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("module", "spared"),
    [
        (
            "brainray.catalog.library",
            {"alembic", "brainray.catalog.seeding", "onnx", "onnxruntime", "torch"},
        ),
        ("brainray.cli.catalog", {"matplotlib", "scipy", "torch"}),
        ("brainray.cli.runs", {"matplotlib", "scipy", "torch"}),
        ("brainray.cli.scenarios", {"matplotlib", "scipy", "torch"}),
        ("brainray.cli.atlas", {"matplotlib", "onnx", "torch"}),
        ("brainray.cli.deploy", {"onnx", "torch"}),
        ("brainray.fusion.problem", {"brainray.catalog.library", "sqlalchemy", "scipy.optimize"}),
        ("actors.search", {"brainray.catalog.library", "brainray.pipeline", "sqlalchemy"}),
        ("actors.cluster", {"torch", "ray.train", "ray.tune"}),
    ],
)
def test_who_does_without_what(module: str, spared: set[str]) -> None:
    program = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    modules = set(done.stdout.split())
    assert module in modules
    assert not spared & modules
