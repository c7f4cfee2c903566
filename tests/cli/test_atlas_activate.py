import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from PIL import Image

from brainray.catalog.brain import Association, AtlasRows, Relation, Roi
from brainray.pipeline.record import Record
from brainray.scenario.brain import PathwayPart
from brainray.testing.places import library_below, places_below
from brainray.testing.reports import made_up_report

Call = Callable[..., Any]

ROIS = {"LOC": -40.0, "V1": -8.0, "STG": -60.0, "IFG": -50.0, "AMY": -22.0}
ASSOCIATIONS = {
    "shape": {"LOC": 4.0, "V1": 1.0},
    "visual_perception": {"V1": 3.0},
    "speech_perception": {"STG": 5.0},
    "listening": {"STG": 2.0},
    "reading": {"IFG": 2.0},
    "fear": {"AMY": 1.0},
}
RELATIONS = {("LOC", "V1"): 0.6, ("V1", "STG"): 0.1, ("STG", "IFG"): 0.4, ("IFG", "AMY"): 0.2}
TOY = AtlasRows(
    "toy",
    "for tests",
    tuple(Roi(name, f"area {name}", "L", x, 0.0, 0.0) for name, x in ROIS.items()),
    tuple(Association(f, roi, d) for f, found in ASSOCIATIONS.items() for roi, d in found.items()),
    tuple(Relation("functional", a, b, weight) for (a, b), weight in RELATIONS.items()),
)

MADE_UP = made_up_report()
FINISHED = MADE_UP.model_copy(
    update={"pathway": MADE_UP.pathway.model_copy(update={"atlas": "toy"})}
)
OLD = MADE_UP.model_copy(
    update={
        "run_id": "old-1",
        "explanation": {},
        "pathway": PathwayPart(sub_regions={"vision.shape": 1.0}, connections=[]),
    }
)


@pytest.fixture(scope="module")
def home(session_folders: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog with the atlas of the tests and two runs, which these tests only read."""
    home = tmp_path_factory.mktemp("atlas")
    library = library_below(home)
    library.add_atlas(TOY)
    for report in (FINISHED, OLD):
        record = Record(library.settings.runs / report.run_id)
        record.append("finished", report=report.model_dump(mode="json"))
        library.add_run(report.run_id, report.scenario, report.seed, str(record.path))
    return home


@pytest.fixture
def brainray(brainray: Call, home: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    for name, place in places_below(home).items():
        monkeypatch.setenv(name, place)
    return brainray


@pytest.fixture
def atlas(brainray: Call) -> Call:
    """Calls a command of ``brainray atlas`` on the atlas of the tests."""
    return lambda command, *options: brainray("atlas", command, *options, "--atlas", "toy")


def json_of(done: Any) -> Any:
    assert done.code == 0, done.err
    return json.loads(done.out)


class TestActivate:
    def test_functions_are_one_input(self, atlas: Call) -> None:
        document = json_of(
            atlas("activate", "--function", "shape", "--function", "fear", "--json", "-")
        )
        assert document["functions"] == {"input": ["shape", "fear"]}
        weights = document["pathway"]["sub_regions"]
        assert {"vision.shape", "emotion.fear"} <= set(weights)
        assert max(weights.values()) == 1
        assert document["inputs"] == {"input": list(weights)}
        assert document["rois"]["LOC"] == max(document["rois"].values())
        for a, b, weight in document["pathway"]["connections"]:
            assert {a, b} <= set(weights)
            assert 0 < weight <= 1

    def test_a_scenario_has_its_own_functions(self, atlas: Call) -> None:
        document = json_of(atlas("activate", "audio_visual_digits", "--json", "-"))
        assert set(document["inputs"]) == {"image", "audio"}
        assert "audition.speech" in document["inputs"]["audio"]
        assert "audition.speech" not in document["inputs"]["image"]

    def test_observed_rois_activate_their_sub_regions_alone(self, atlas: Call) -> None:
        document = json_of(atlas("activate", "--roi", "STG=2", "--roi", "AMY=.5", "--json", "-"))
        assert document["functions"] == {}
        assert document["rois"].keys() == {"STG", "AMY"}
        assert "emotion.fear" in document["pathway"]["sub_regions"]
        assert "vision.shape" not in document["pathway"]["sub_regions"]
        named = ("--function", "shape", "--roi", "STG=2", "--roi", "AMY=.5")
        beside = json_of(atlas("activate", *named, "--json", "-"))
        assert beside["pathway"] == document["pathway"]  # functions do not count beside ROIs
        completed = atlas("activate", "--roi", "STG=2", "--complete", "--json", "-")
        assert len(json_of(completed)["rois"]) > 1

    def test_a_map_of_the_brain_is_observed(self, atlas: Call, tmp_path: Path) -> None:
        affine = np.diag([-4.0, 4.0, 4.0, 1.0])
        affine[:3, 3] = (90.0, -126.0, -72.0)
        volume = np.zeros((46, 55, 46), dtype=np.float32)
        x, y, z = np.linalg.solve(affine, [ROIS["AMY"], 0, 0, 1])[:3].round().astype(int)
        volume[x, y, z] = 3.0
        image = nibabel.Nifti1Image(volume, affine)
        image.set_sform(affine, code=4)
        image.to_filename(tmp_path / "map.nii")
        document = json_of(atlas("activate", "--map", tmp_path / "map.nii", "--json", "-"))
        assert document["rois"].keys() == {"AMY"}
        assert "emotion.fear" in document["pathway"]["sub_regions"]

    def test_a_table_for_people(self, atlas: Call) -> None:
        done = atlas("activate", "--function", "shape")
        assert done.code == 0, done.err
        assert "vision.shape" in done.out
        assert "asked for" in done.out
        assert "area LOC" in done.out
        assert "-40 0 0" in done.out


class TestExplain:
    def test_what_a_scenario_is_offered(self, atlas: Call) -> None:
        explained = json_of(atlas("explain", "audio_visual_digits", "--json", "-"))["explanation"]
        image, audio = ({p["model"]: p for p in explained[name]} for name in ("image", "audio"))
        assert "lenet3.image" in image
        assert audio["lenet3.audio"]["sub_region"].startswith("audition.")
        assert audio["lenet3.audio"]["asked"]
        assert sum(audio["lenet3.audio"]["functions"].values()) == pytest.approx(1)
        done = atlas("explain", "audio_visual_digits")
        assert "lenet3.image, mediumnet.image" in done.out
        assert "which audio asked for" in done.out.replace("\n", " ")
        assert max(map(len, done.out.splitlines())) <= 120

    def test_only_the_networks_that_a_scenario_allows(self, atlas: Call, scenario: Path) -> None:
        path = scenario / "scenario.yaml"
        text = path.read_text().replace("left: {modality: text}", "left: {modality: text, %s}")
        own = path.with_name("own.yaml")
        own.write_text(text % "networks: [textcnn.text]")
        explained = json_of(atlas("explain", own, "--json", "-"))["explanation"]
        assert [part["model"] for part in explained["left"]] == ["textcnn.text"]
        assert len(explained["right"]) > 1

    def test_why_a_run_chose_its_networks(self, brainray: Call) -> None:
        document = json_of(brainray("atlas", "explain", "made-up", "--json", "-"))
        assert document["name"] == FINISHED.run_id
        assert document["explanation"]["image"] == [
            FINISHED.explanation["image"].model_dump(mode="json")
        ]
        done = brainray("atlas", "explain", "made-up")
        assert "lenet.image-1" in done.out
        assert "audition.speech 0.34 (through language.reading)" in done.out


class TestPicture:
    def test_of_functions(self, atlas: Call, tmp_path: Path) -> None:
        png, html = tmp_path / "a.png", tmp_path / "a.html"
        done = atlas("picture", "--function", "shape", "--png", png, "--html", html)
        assert (done.code, done.out, done.err) == (0, "", "")
        with Image.open(png) as image:
            assert min(image.size) > 200
        assert "area LOC" in html.read_text()

    def test_of_a_run(self, brainray: Call, tmp_path: Path) -> None:
        html = tmp_path / "run.html"
        done = brainray("atlas", "picture", FINISHED.run_id, "--html", html)
        assert (done.code, done.err) == (0, "")
        assert "<title>made-up: shape, speech_perception</title>" in html.read_text()


REFUSED = [
    (["activate"], "nothing is given; give one of SCENARIO, --function, --roi, --map"),
    (
        ["activate", "audio_visual_digits", "--function", "shape"],
        "SCENARIO and --function exclude each other",
    ),
    (["activate", "--function", "shap", "--roi", "LOC=1"], "--function: unknown function 'shap'"),
    (["activate", "--function", "shape", "--complete"], "--complete: is for --roi and --map"),
    (["activate", "--function", "shap"], "--function: unknown function 'shap', did you mean"),
    (["activate", "--roi", "LOK=1"], "--roi: unknown ROI 'LOK', did you mean 'LOC'"),
    (["activate", "--roi", "LOC=-1"], "--roi.LOC: strength -1.0 must be"),
    (["activate", "--roi", "LOC"], "--roi 'LOC': must be R=STRENGTH"),
    (["activate", "--map", "none.nii"], "--map: none.nii: must be a NIfTI file"),
    (["activate", "--roi", "LOC=1", "--map", "a.nii"], "--roi and --map exclude each other"),
    (["activate", "--roi", "=1"], "--roi '=1': must be R=STRENGTH"),
    (["activate", "--roi", "LOC=1", "--roi", "LOC=2"], "--roi 'LOC=2': LOC is given twice"),
    (["explain", "nobody"], "scenario 'nobody': is no file, no folder with a scenario.yaml"),
    (["explain", "nobody"], "and no run; see: brainray runs list"),
    (["explain", "old-1"], "run old-1: is older than explanations, its report has none"),
    (["picture", "--function", "shape"], "nowhere to draw: give --png FILE, --html FILE or both"),
    (["picture", "old-1", "--png", "a.png"], "run old-1: is older than brain atlases"),
    (
        ["picture", "made-up", "--function", "shape", "--png", "a.png"],
        "run made-up-1: has its own activation; give no --function, --roi or --map",
    ),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSED)
def test_what_is_refused_in_one_line(atlas: Call, arguments: list[str], message: str) -> None:
    done = atlas(*arguments)
    assert done.code == 1
    assert message in done.err
    assert done.err.count("\n") == 1
