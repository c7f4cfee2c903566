"""The camera's motion in pictures, against motions that are known, and what follows it."""

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates
from starlette.testclient import TestClient

from brainray.catalog import Library
from brainray.cli.main import main
from brainray.datasets.samples import encode_image
from brainray.errors import DataError
from brainray.pipeline.local import local_runner
from brainray.pipeline.run import run_scenario
from brainray.pipeline.tracking.deployment import deploy_choice
from brainray.scenario import TrackingReport, parse_scenario
from brainray.seeding import numpy_generator
from brainray.shapes import Array
from brainray.testing.places import settings_below
from brainray.tracking.camera import CameraMotion, with_motion
from brainray.tracking.interface import NOTHING, Boxes
from brainray.tracking.motion import STILL, Similarity
from brainray.tracking.reading import as_mot_text
from brainray.tracking.rows import Rows, track
from brainray.tracking.scores import Scores, score
from brainray.tracking.two_stage import TwoStage
from serve.apps import predict_app

WIDTH, HEIGHT = 640, 480
CORNERS = np.array([0, WIDTH, 1j * HEIGHT, WIDTH + 1j * HEIGHT])


def noise(name: str, height: int, width: int) -> Array:
    """Spots of all sizes, as in real pictures."""
    generator, spots = numpy_generator(0, name), np.zeros((height, width))
    for size in (2, 5, 15, 40):
        smooth = gaussian_filter(generator.normal(size=(height, width)), size)
        spots += smooth / smooth.std()
    return 128 + 25 * spots


WORLD, COAT = noise("world", 1200, 1600), noise("coat", 400, 400)


def picture(camera: Similarity, boxes_M4: Boxes = NOTHING.boxes_M4) -> Array:
    """What a camera sees that takes points of its pictures to the world as said, with boxes that
    do not move with it."""
    y_HW, x_HW = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    points_HW = camera(x_HW + 1j * y_HW)
    grey_HW = map_coordinates(
        WORLD, [points_HW.imag - 0.5, points_HW.real - 0.5], order=1, mode="reflect"
    )
    image_HWC = np.repeat(grey_HW.clip(0, 255).astype(np.uint8)[:, :, None], 3, axis=2)
    for who, (left, top, width, height) in enumerate(boxes_M4.round().astype(int).tolist(), 1):
        seen_HWC = image_HWC[max(0, top) : max(0, top + height), max(0, left) : left + width]
        coat_HW = COAT[: seen_HWC.shape[0], : seen_HWC.shape[1]].clip(1, 255)
        seen_HWC[:] = np.stack([coat_HW, 0 * coat_HW, 0 * coat_HW + who], axis=-1).astype(np.uint8)
    return image_HWC


def at(left: float, top: float, zoom: float = 1.0, degrees: float = 0.0) -> Similarity:
    return Similarity(zoom * np.exp(1j * np.deg2rad(degrees)), left + 1j * top)


HERE = at(400, 300)


def inverse(motion: Similarity) -> Similarity:
    return Similarity(1 / motion.turn, -motion.shift / motion.turn)


@pytest.mark.parametrize(
    "there",
    [
        at(400, 300),
        at(400.7, 299.6),
        at(440, 275),
        at(395, 304, zoom=1.04),
        at(420, 290, degrees=3),
        at(430, 320, zoom=0.95, degrees=-4),
        at(528, 300),  # further than flow looks
    ],
)
def test_the_motion_is_that_of_the_camera_and_not_of_who_walks(there: Similarity) -> None:
    # Two boxes fill a fourth of the picture and go the same way.
    first = np.array([[100.0, 60.0, 160.0, 260.0], [380.0, 160.0, 150.0, 250.0]])
    second = first + np.array([12.0, 5.0, 0.0, 0.0])
    camera = CameraMotion()
    assert camera.update(picture(HERE, first), first) == STILL
    found = camera.update(picture(there, second), second)
    true = HERE.then(inverse(there))
    assert np.abs(found(CORNERS) - true(CORNERS)).max() < 0.3
    again = camera.update(picture(there, second), second)
    assert np.abs(again(CORNERS) - CORNERS).max() < 0.05


def test_large_pictures_are_measured_in_their_own_pixels() -> None:
    large, moved = (
        np.kron(picture(at(*where)), np.ones((2, 2, 1), dtype=np.uint8))
        for where in ((400, 300), (415, 292))
    )
    camera = CameraMotion()
    camera.update(large, NOTHING.boxes_M4)
    found = camera.update(moved, NOTHING.boxes_M4)
    assert np.abs(found(2 * CORNERS) - (2 * CORNERS - 30 + 16j)).max() < 0.6


def test_a_camera_counts_as_still_where_no_motion_can_be_told() -> None:
    one, other = picture(HERE), picture(at(1000, 700))
    moved = picture(at(410, 300))
    blank = np.full_like(one, 90)
    everything = np.array([[-10.0, -10.0, 1e9, 1e9]])
    for pictures, boxes_M4 in (
        ((one, other), NOTHING.boxes_M4),  # a cut
        ((one, moved[:400]), NOTHING.boxes_M4),
        ((one, blank), NOTHING.boxes_M4),
        ((blank, one), NOTHING.boxes_M4),
        ((one, moved), everything),
    ):
        camera = CameraMotion()
        assert [camera.update(image, boxes_M4) for image in pictures] == [STILL, STILL]
    # After it, the camera is followed again.
    camera = CameraMotion()
    for image in (other, one, moved):
        found = camera.update(image, NOTHING.boxes_M4)
    assert np.abs(found(CORNERS) - (CORNERS - 10)).max() < 0.2


@cache
def jerked() -> tuple[Rows, list[tuple[int, Array]]]:
    """Four people who stand or walk side by side, and a camera that jumps by more than one of them
    is wide, in one frame in which nobody is detected, too."""
    jumps = {6: 45 + 10j, 9: -60 + 0j, 10: 20 - 15j, 14: 70 + 5j, 15: -50 + 10j}
    position, frames, boxes, ids, pictures = 400 + 300j, [], [], [], []
    for number in range(1, 19):
        position += jumps.get(number, 0j)
        shift = position - (400 + 300j)
        here = np.array(
            [
                [200 + 42 * who + who * number // 9 - shift.real, 200 - shift.imag, 34.0, 90.0]
                for who in range(4)
            ]
        )
        pictures.append((number, picture(at(position.real, position.imag), here)))
        if number == 9:
            continue
        frames += [number] * 4
        boxes.append(here)
        ids += [1, 2, 3, 4]
    truth = Rows.of(np.array(frames), np.concatenate(boxes), ids_N=np.array(ids))
    return truth, pictures


def test_few_people_keep_their_identities_where_pictures_tell_of_the_camera() -> None:
    truth, pictures = jerked()
    seen = with_motion(truth, pictures)

    def scores(camera: bool | str) -> Scores:
        return score(truth, track(TwoStage(camera=camera), seen))  # type: ignore[arg-type]

    assert (scores("pictures").switches, scores("pictures").idf1) == (0, 1.0)
    assert scores(True).switches + scores(False).switches > 0
    assert scores(True).idf1 < 0.9
    unseen = score(truth, track(TwoStage(), truth))  # who does not look is told nothing
    assert scores(True).figures() == unseen.figures()


def test_a_frame_with_boxes_needs_a_picture() -> None:
    truth, pictures = jerked()
    with pytest.raises(DataError, match=r"^frame 3: has boxes, but no picture"):
        with_motion(truth, [*pictures[:2], *pictures[3:]])


COATS = """
import numpy as np
from brainray.testing.detectors import Colors

class Coats(Colors):
    def __init__(self, weights: str, min_score: float = 0.5, classes: list = ()):
        super().__init__(weights, min_score)

    def _detect(self, image_HWC):
        coat_HW1 = image_HWC[:, :, :1] != image_HWC[:, :, 1:2]
        return super()._detect(np.where(coat_HW1, image_HWC * np.array([0, 0, 1]), 0))
"""
"""Finds who has a coat of a color of its own, on grey."""


@pytest.fixture
def coats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Options of the detector ``coats``, which a package offers, as pip would install it."""
    info = tmp_path / "package" / "coats-1.0.dist-info"
    info.mkdir(parents=True)
    (tmp_path / "package" / "coats.py").write_text(COATS)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: coats\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[brainray.detectors]\ncoats = coats:Coats\n")
    monkeypatch.syspath_prepend(tmp_path / "package")
    (tmp_path / "coats.bin").write_bytes(b"coats")
    return {"weights": str(tmp_path / "coats.bin")}


@pytest.fixture
def sequence(tmp_path: Path) -> Path:
    """The pictures, boxes and truth of `jerked` as a MOT sequence."""
    truth, pictures = jerked()
    folder = tmp_path / "street"
    for name in ("img1", "gt", "det"):
        (folder / name).mkdir(parents=True)
    (folder / "seqinfo.ini").write_text("[Sequence]\nname=street\n")
    (folder / "gt" / "gt.txt").write_bytes(as_mot_text(truth))
    (folder / "det" / "det.txt").write_bytes(as_mot_text(truth))
    for number, image_HWC in pictures:
        (folder / "img1" / f"{number:06}.png").write_bytes(encode_image(image_HWC))
    return folder


def test_brainray_track_looks_at_the_pictures_of_its_input(
    sequence: Path,
    coats: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    video, boxes = sequence / "img1", sequence / "det" / "det.txt"
    camera = ("--set", "camera=pictures", "--json", "-")
    found = []
    for given in (
        (sequence,),
        (video, "--detections", boxes),
        (video, "--detector", "coats", "--weights", coats["weights"]),
        (sequence, "--set", "camera=true"),
    ):
        arguments = ("track", *given, *(camera if "camera=true" not in given else camera[2:]))
        if given[0] == video:
            arguments = (*arguments, "--truth", sequence / "gt" / "gt.txt")
        monkeypatch.setattr(sys, "argv", ["brainray", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        written = capfd.readouterr()
        assert not ended.value.code, written.err
        found.append(next(iter(json.loads(written.out)["sequences"].values())))
    assert [one["tracks"] for one in found[:3]] == [4, 4, 4]
    assert found[3]["tracks"] > 4
    assert (found[0]["idf1"], found[0]["switches"]) == (1.0, 0)


def test_a_search_may_choose_that_pictures_tell_and_its_choice_is_deployed(
    sequence: Path, coats: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_below(tmp_path / "home")
    scenario = parse_scenario(
        {
            "name": "jerks",
            "goal": {"task": "tracking"},
            "data": {"input": str(sequence)},
            "detectors": {"live": {"detector": "coats", **coats}},
            "search": {
                "budget": 3,
                "brood": 1,
                "min_scores": [0],
                "detectors": ["live"],
                "trackers": {"two_stage": {"camera": [True, False, "pictures"]}},
            },
        },
        origin="test",
    )
    report = run_scenario(scenario, 0, settings, local_runner)
    assert isinstance(report, TrackingReport)
    assert report.choices["street"].options == {"camera": "pictures"}
    assert report.overall.switches == 0
    folder = settings.runs / report.run_id
    numbers_F, turns_F, _ = np.load(folder / "motions" / "live,street.npy").T
    assert numbers_F.real.tolist() == list(range(1, 19))
    np.testing.assert_allclose(turns_F, 1, atol=0.01)
    # A run that goes on reads what was seen.
    monkeypatch.setattr("brainray.pipeline.tracking.camera.follow_camera", None)
    again = run_scenario(scenario, 0, settings, local_runner, run_id=report.run_id)
    assert isinstance(again, TrackingReport)
    assert again.choices["street"].genome == report.choices["street"].genome
    library = Library.open(settings)
    deploy_choice(library, library.run(report.run_id), name="street")
    _, pictures = jerked()
    files = [("frames", ("x.png", encode_image(image))) for _, image in pictures]
    with TestClient(predict_app(library)) as app:
        url = "/api/endpoints/street/track"
        answer = app.post(url, files=files)
        lines = [json.loads(line) for line in answer.text.splitlines()]
        assert [len(line["boxes"]) for line in lines] == [4] * 18, answer.text
        assert {box["id"] for line in lines for box in line["boxes"]} == {1, 2, 3, 4}
        boxes = {"content": b"", "headers": {"content-type": "application/x-ndjson"}}
        for refused in (app.post(url, **boxes), app.post(url, files={"detections": ("a", b"")})):
            assert refused.status_code == 422
            assert "fields: 'detections': give video or frames; its tracker" in refused.text
