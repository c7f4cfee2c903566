"""The command line as a person meets it: the installed command's function, in this process."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from brainray.cli.main import main


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


Call = Callable[..., Done]


@pytest.fixture
def brainray(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    monkeypatch.setenv("COLUMNS", "100")

    def call(*arguments: str | Path) -> Done:
        monkeypatch.setattr(sys, "argv", ["brainray", *map(str, arguments)])
        try:
            main()
            code = 0
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 0
        captured = capfd.readouterr()
        return Done(code, captured.out, captured.err)

    return call


@pytest.fixture(scope="session")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny scenario on two texts; each tells half of the label."""
    folder = tmp_path_factory.mktemp("two-texts")
    rows = ["left,right,label"]
    for number in range(160):
        first, second = ("low", "high")[number % 4 // 2], ("even", "odd")[number % 2]
        rows.append(f"{first} filler{number % 7},{second} filler{number % 5},{number % 4}")
    (folder / "data.csv").write_text("\n".join(rows) + "\n")
    (folder / "scenario.yaml").write_text(
        "name: two-texts\n"
        "goal: {target: label}\n"
        "inputs: {left: {modality: text}, right: {modality: text}}\n"
        "data: {manifest: data.csv}\n"
        "search: {budget: 8, brood: 4, epochs: 2, depth: 1, finalists: 1}\n"
        "pretraining: {epochs: 5, batch_size: 16, optimizers: [adam]}\n"
        "training: {epochs: 3, workers: 2}\n"
    )
    return folder
