import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from brainray.catalog import Library
from brainray.catalog.brain import Association, Relation, Roi
from brainray.settings import Settings

Call = Callable[..., Any]
ROIS = "name,x,y,z,hemisphere,label\nV5_L,-44,-67,3,L,left [V5]\nV5_R,44,-67,3,R,right V5\n"


@pytest.fixture
def library(
    tmp_path: Path, settings_in: Callable[[Path], Settings], monkeypatch: pytest.MonkeyPatch
) -> Library:
    settings = settings_in(tmp_path / "home")
    monkeypatch.setenv("BRAINRAY_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("BRAINRAY_STORE_URL", settings.store_url)
    return Library.open(settings)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files of an atlas of two ROIs, one of which has a function."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "rois.csv").write_text(ROIS)
    (folder / "associations.csv").write_text("function,roi,degree\nmotion,V5_L,2.5\n")
    (folder / "functional.csv").write_text("1,0.5\n0.5,1\n")
    return folder


def test_an_atlas_comes_is_shown_and_goes(brainray: Call, library: Library, folder: Path) -> None:
    done = brainray("atlas", "import", "table", folder)
    assert done.code == 0
    assert done.err == "brainray: warning: atlas 'mine': 1 of 2 ROIs have no function: V5_R\n"
    assert "mine" in done.out
    listed = json.loads(brainray("atlas", "list", "--json", "-").out)
    assert [one["name"] for one in listed] == ["brainray", "mine"]
    assert listed[1]["relations"] == {"structural": 0, "functional": 1, "anatomical": 0}
    assert "mine" in brainray("atlas", "list").out
    shown = brainray("atlas", "show", "mine")
    assert "left [V5]" in shown.out
    assert "visual_motion" in shown.out
    rows = json.loads(brainray("atlas", "show", "mine", "--json", "-").out)
    atlas = library.atlas("mine")
    assert tuple(Roi(**row) for row in rows["rois"]) == atlas.rois
    assert tuple(Association(**row) for row in rows["associations"]) == atlas.associations
    assert tuple(Relation(**row) for row in rows["relations"]) == atlas.relations
    assert brainray("atlas", "remove", "mine").code == 0
    assert [one.name for one in library.atlases()] == ["brainray"]


def test_the_result_of_an_import_is_json_alone(
    brainray: Call, library: Library, folder: Path
) -> None:
    done = brainray("atlas", "import", "table", folder, "--name", "other", "--json", "-")
    document = json.loads(done.out)
    assert (document["name"], document["rois"], document["functions"]) == ("other", 2, 1)
    assert document["warnings"] == ["1 of 2 ROIs have no function: V5_R"]


def test_an_atlas_grows_by_single_rows(brainray: Call, library: Library, folder: Path) -> None:
    brainray("atlas", "import", "table", folder)
    place = ("--x", "-8", "--y", "-90.5", "--z", "0")
    done = brainray("atlas", "add", "roi", "mine", "V1_L", *place, "--source", "me")
    assert "1 of 3 ROIs have no function: V1_L" in done.err
    ends = ("V1_L", "V5_L")
    done = brainray("atlas", "add", "association", "mine", "light_intensity", "V1_L", "--json", "-")
    assert json.loads(done.out)["degree"] == 1.0
    weight = ("--weight", "2", "--directed", "--length-mm", "60")
    assert brainray("atlas", "add", "relation", "mine", "structural", *ends, *weight).code == 0
    assert (
        brainray("atlas", "add", "relation", "mine", "functional", *ends, "--weight", "-0.5").code
        == 0
    )
    atlas = library.atlas("mine")
    assert atlas.rois[-1] == Roi("V1_L", "V1_L", "L", -8.0, -90.5, 0.0, source="me")
    assert Association("light_intensity", "V1_L", 1.0) in atlas.associations
    assert Relation("structural", *ends, 2.0, True, 60.0) in atlas.relations
    assert Relation("functional", *ends, -0.5) in atlas.relations


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("import table nowhere", "nowhere: must be rois.csv, or a folder in which it is"),
        ("import mni nowhere", "atlases: unknown name 'mni', allowed are aal2, brodmann"),
        ("import table mine --name a=b", "atlas 'a=b': the name must be"),
        ("show brainrai", "atlas 'brainrai': not in the catalog, did you mean brainray"),
        ("remove nothing", "atlas 'nothing': not in the catalog"),
        ("add roi mine V5_L --x -44 --y 0 --z 0", "roi 'V5_L': is there already"),
        ("add roi mine V1_L --x 8 --y 0 --z 0 --hemisphere L", "left and right may be swapped"),
        ("add roi mine V1_L --x -80 --y 0 --z 0", "x -80.0: outside the head, allowed are -78"),
        ("add association mine motoin V5_R", "function 'motoin': not in the catalog's dictionary"),
        ("add association mine motion V5_R --degree -1", "degree -1.0: must be a finite number"),
        ("add relation mine functional V5_L V5_R --weight 1", "is there already"),
        ("add relation mine structural V5_L V5_R --weight nan", "weight nan: must be a finite"),
    ],
)
def test_what_cannot_be_is_one_line(
    brainray: Call,
    library: Library,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: str,
    says: str,
) -> None:
    brainray("atlas", "import", "table", folder)
    before = library.atlas("mine")
    monkeypatch.chdir(folder.parent)
    done = brainray("atlas", *arguments.split())
    assert done.code == 1
    assert done.err.startswith("brainray: ")
    assert done.err.count("\n") == 1
    assert says in done.err
    assert not done.out
    assert library.atlas("mine") == before


def test_a_bad_atlas_is_refused_with_its_row_and_leaves_nothing(
    brainray: Call, library: Library, folder: Path
) -> None:
    (folder / "rois.csv").write_text(ROIS.replace("44,-67,3,R", "nan,-67,3,R"))
    done = brainray("atlas", "import", "table", folder)
    assert done.code == 1
    assert "atlas 'mine': roi 'V5_R' (row 2): x nan: outside the head" in done.err
    assert [one.name for one in library.atlases()] == ["brainray"]
