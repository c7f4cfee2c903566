import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from brainray.atlas.pictures import can_draw
from brainray.pipeline.pictures.confusion import draw_confusion
from brainray.pipeline.pictures.overview import draw_overview
from brainray.pipeline.pictures.style import readable
from brainray.pipeline.publication import drawn, publish
from brainray.scenario import Report
from brainray.scenario.report import Confusion
from brainray.testing.small_atlas import small_atlas


@pytest.fixture(autouse=True)
def all_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests do without the pathway's."""
    monkeypatch.setattr("brainray.pipeline.publication.can_draw", can_draw)


def test_a_run_leaves_its_report_to_be_read(made_up: Report, tmp_path: Path) -> None:
    publish(made_up, tmp_path)
    pictures = {"report.png", "confusion.png", "accuracy_over_snr_db.png"}
    assert {path.name for path in tmp_path.iterdir()} == pictures | {"report.md", "report.json"}
    assert Report.model_validate(json.loads((tmp_path / "report.json").read_text())) == made_up
    page = (tmp_path / "report.md").read_text()
    for name in pictures:
        assert f"](<{name}>)" in page
        with Image.open(tmp_path / name) as picture:
            assert min(picture.size) > 200
            assert len(picture.convert("RGB").getcolors(1_000_000) or []) > 20
    assert set(drawn(made_up, tmp_path).values()) == {str(tmp_path / name) for name in pictures}
    (tmp_path / "confusion.png").unlink()
    assert "Confusion matrix" not in drawn(made_up, tmp_path)


@pytest.mark.parametrize(
    "labels", [["猫", "犬", "🐈 cat"], ["$a_{$", "a\nb", "$"], ["W" * 300, "x", "猫" * 50]]
)
def test_any_class_can_be_drawn_without_a_warning(labels: list[str], tmp_path: Path) -> None:
    confusion = Confusion(labels=labels, counts=[[5, 1, 0], [0, 6, 0], [2, 0, 4]])
    draw_confusion(confusion, "animals", tmp_path / "confusion.png")
    with Image.open(tmp_path / "confusion.png") as picture:
        assert max(picture.size) < 1000


def test_what_the_font_lacks_is_shown_as_its_code() -> None:
    assert readable("猫 été 🐈") == r"\u732b été \U0001f408"
    assert readable("ω: 5 $") == r"ω: 5 \$"


ATLAS = small_atlas(
    {"shape": {"LOC": 1.0}, "speech_perception": {"STG": 1.0}},
    {"shape": "vision.shape", "speech_perception": "audition.speech"},
    {("LOC", "STG"): 0.4},
)


def test_the_pathway_is_kept_and_linked(made_up: Report, tmp_path: Path) -> None:
    publish(made_up, tmp_path, ATLAS)
    page = (tmp_path / "report.md").read_text()
    for name in ("pathway.png", "pathway.html"):
        assert (tmp_path / name).stat().st_size > 10_000
        assert f"](<{name}>)" in page
        assert str(tmp_path / name) in drawn(made_up, tmp_path).values()
    assert "made-up: shape, speech_perception" in (tmp_path / "pathway.html").read_text()


@pytest.mark.parametrize("lacking", ["nilearn", "an active ROI"])
def test_a_pathway_that_cannot_be_drawn_is_said(
    lacking: str, made_up: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    atlas = ATLAS
    if lacking == "nilearn":
        monkeypatch.setattr("brainray.pipeline.publication.can_draw", lambda: False)
    else:
        atlas = small_atlas({"shape": {"LOC": 1.0}}, {"shape": "vision.shape"})
    publish(made_up, tmp_path, atlas)
    assert not list(tmp_path.glob("pathway.*"))
    assert "that needs `brainray[brain]`" in (tmp_path / "report.md").read_text()


def changed(report: Report, **parts: Any) -> Report:
    return report.model_copy(update=parts)


@pytest.mark.parametrize(
    "form",
    [
        "coordinated",
        "feedback",
        "one level",
        "absent",
        "absent, coordinated",
        "without a level",
        "old",
        "nothing found",
    ],
)
def test_every_form_of_network_is_drawn(form: str, made_up: Report, tmp_path: Path) -> None:
    best, search = made_up.best, made_up.search
    partly = [{"audio": "logits"}, {"image": "logits", "audio": "conv2"}]
    alone = [{"audio": "logits"}, {"audio": "conv2"}]
    report = {
        "absent": changed(made_up, best=changed(best, taps=partly)),
        "absent, coordinated": changed(
            made_up, best=changed(best, taps=partly, representation="coordinated")
        ),
        "without a level": changed(
            made_up, best=changed(best, taps=alone, representation="coordinated")
        ),
        "coordinated": changed(made_up, best=changed(best, representation="coordinated")),
        "feedback": changed(made_up, best=changed(best, feedback=True)),
        "one level": changed(
            made_up, best=changed(best, depth=1, taps=best.taps[:1], operators=["concat"])
        ),
        "old": changed(made_up, units=None, best=changed(best, network_taps={}, interval=None)),
        "nothing found": changed(made_up, search=changed(search, history=[])),
    }[form]
    draw_overview(made_up, tmp_path / "usual.png")
    draw_overview(report, tmp_path / "other.png")
    assert (tmp_path / "usual.png").read_bytes() != (tmp_path / "other.png").read_bytes()
