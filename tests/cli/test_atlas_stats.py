import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from brainray.catalog.brain import Association, AtlasRows, Relation, Roi
from brainray.testing.places import library_below, places_below

Call = Callable[..., Any]

PLACES = {"V1": (-8, -90, 0), "LOC": (-44, -70, 0), "STG": (-60, -20, 4), "IFG": (-50, 20, 10)}
TOY = AtlasRows(
    "toy",
    "for tests",
    (
        *(Roi(name, name, "L", x, y, z) for name, (x, y, z) in PLACES.items()),
        Roi("AMY", "AMY", "L", -22, -4, -18, "subcortex"),
    ),
    (
        Association("shape", "LOC", 2.0),
        Association("shape", "V1", 0.9),
        Association("visual_perception", "V1", 2.0),
        Association("listening", "STG", 2.0),
        Association("reading", "IFG", 2.0),
        Association("fear", "AMY", 1.0),
    ),
    (Relation("functional", "V1", "LOC", 0.5),),
)


@pytest.fixture(scope="module")
def home(session_folders: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog with the atlas of the tests, which these tests only read."""
    home = tmp_path_factory.mktemp("atlas")
    library_below(home).add_atlas(TOY)
    return home


@pytest.fixture
def brainray(brainray: Call, home: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    for name, place in places_below(home).items():
        monkeypatch.setenv(name, place)
    return brainray


def json_of(done: Any) -> Any:
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_every_table_names_rule_and_threshold(brainray: Call) -> None:
    done = brainray("atlas", "stats", "toy", "--rule", "relative", "--threshold", "0.4")
    assert done.code == 0, done.err
    assert done.out.count("relative degree >= 0.4") >= 6
    assert "vision.shape 2: object_recognition 0, shape 2" in done.out
    assert "vision has more than 30 ROIs" in done.out
    assert "not reproduced" in done.out
    assert "The spin test turns 4 cortical ROIs" in done.out


def test_the_json_holds_counts_distances_and_claims(brainray: Call) -> None:
    found = json_of(brainray("atlas", "stats", "toy", "--json", "-"))
    assert (found["atlas"], found["rois"]) == ("toy", 5)
    assert found["rule"] == {"name": "relative", "threshold": 0.5}
    assert found["coverage"]["region"][:2] == [["vision", 2], ["audition", 1]]
    (vision,) = (branch for branch in found["hierarchy"] if branch["name"] == "vision")
    assert {part["name"]: part["rois"] for part in vision["parts"]}["vision.shape"] == 1
    (complexity,) = (row for row in found["complexity"] if row["region"] == "vision")
    assert (complexity["rois"], complexity["networks"] > 0) == (2, True)
    emotion = next(place for place in found["regions"] if place["name"] == "emotion")
    assert emotion["spread_mm"] is None
    assert emotion["p_occipital"].keys() == {"relabel", "spin"}
    outcomes = {claim["text"]: claim["outcome"] for claim in found["claims"]}
    assert outcomes["vision has more than 30 ROIs"] == "not reproduced"
    assert outcomes["every network belongs to a sub-region"] == "reproduced"


def test_the_seed_decides_the_p_values(brainray: Call) -> None:
    def spins(seed: int) -> list[float]:
        found = json_of(brainray("atlas", "stats", "toy", "--seed", str(seed), "--json", "-"))
        return [place["p_occipital"]["spin"] for place in found["regions"]]

    assert spins(1) != spins(2)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["nowhere"], "nowhere"),
        (["toy", "--rule", "most"], "must be one of relative, raw, argmax"),
        (["toy", "--threshold", "2"], "threshold of rule relative: 2.0 must be in [0, 1]"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(brainray: Call, options: list[str], said: str) -> None:
    done = brainray("atlas", "stats", *options)
    assert done.code != 0
    assert said in done.err
    assert len(done.err.strip().splitlines()) == 1
