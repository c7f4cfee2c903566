"""Own networks by the commands and cards of docs/networks.md, with the output shown there."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from brainray.testing.graphs import picture_graph
from brainray.testing.places import places_below

Call = Callable[..., Any]
PAGE = (Path(__file__).parents[2] / "docs" / "networks.md").read_text(encoding="utf-8")
SECTION = PAGE.split("## Your own ONNX network\n")[1].split("\n## ")[0]
BLOCKS = re.findall(r"```(?:yaml)?\n(.*?)```", SECTION, re.DOTALL)
MODEL = "shapes.image-none-"


@pytest.fixture(autouse=True)
def own_catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, place in places_below(tmp_path).items():
        monkeypatch.setenv(name, place)
    monkeypatch.chdir(tmp_path)
    for name, text in zip(("network.yaml", "model.yaml"), BLOCKS[:2], strict=True):
        assert text.startswith(f"# {name}\n")
        (tmp_path / name).write_text(text)
    (tmp_path / "shapes.onnx").write_bytes(picture_graph())


def test_the_example_of_the_page_runs_and_shows_what_it_says(brainray: Call) -> None:
    outputs = [brainray(*command.split()[1:]) for command in BLOCKS[2].splitlines()]
    assert [done.code for done in outputs] == [0] * 4, outputs
    assert outputs[-1].out.split() == BLOCKS[3].split()


def test_drafts_are_listed_until_their_weights_come(brainray: Call) -> None:
    brainray("catalog", "add", "data-set", "Shapes3D")
    brainray("catalog", "add", "network", "network.yaml")
    draft = json.loads(brainray("catalog", "add", "model", "model.yaml", "--json", "-").out)
    listed = json.loads(brainray("catalog", "list", "drafts", "--json", "-").out)
    assert [one["id"] for one in listed] == [draft["draft"]]
    assert draft["draft"] in brainray("catalog", "list", "drafts").out
    done = brainray("catalog", "upload", draft["draft"], "shapes.onnx", "--json", "-")
    assert json.loads(done.out)["id"].startswith(MODEL)
    assert json.loads(brainray("catalog", "list", "drafts", "--json", "-").out) == []


def test_a_model_and_its_weights_come_in_one_step(brainray: Call) -> None:
    brainray("catalog", "add", "data-set", "Shapes3D")
    brainray("catalog", "add", "network", "network.yaml")
    done = brainray("catalog", "add", "model", "model.yaml", "--weights", "shapes.onnx")
    assert done.code == 0
    assert MODEL in done.out


def test_what_is_refused_is_one_line(brainray: Call, tmp_path: Path) -> None:
    (tmp_path / "trap.onnx").write_bytes(b"\x80\x04K\x01.")
    for command, reason in [
        ("add model model.yaml", "network 'shapes.image': not in the catalog"),
        ("upload shapes.image shapes.onnx", "draft 'shapes.image': not in the catalog"),
        ("add network model.yaml", "model.yaml: name: is missing|unknown key"),
    ]:
        done = brainray("catalog", *command.split())
        assert done.code != 0
        assert re.search(reason, " ".join(done.err.split()))
        assert "Traceback" not in done.err
    brainray("catalog", "add", "data-set", "Shapes3D")
    brainray("catalog", "add", "network", "network.yaml")
    done = brainray("catalog", "add", "model", "model.yaml", "--weights", "trap.onnx")
    assert done.code != 0
    assert "trap.onnx: is a pickle" in " ".join(done.err.split())
