"""Tracking over HTTP: what streams back, what is refused; streams leave each other alone."""

import asyncio
import io
import json
import threading
import time
from codecs import BOM_UTF8
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from starlette.requests import ClientDisconnect
from starlette.testclient import TestClient

from brainray.catalog import Library
from brainray.client import Client
from brainray.datasets.samples import encode_image
from brainray.errors import PluginError, ServiceError
from brainray.networks.appearance import Appearance
from brainray.networks.detectors.interface import make_detector
from brainray.pipeline.local import local_runner
from brainray.pipeline.run import run_scenario
from brainray.scenario import parse_scenario
from brainray.shapes import Array
from brainray.testing.detectors import HEIGHT, WIDTH, Colors, colors_offered, walk
from brainray.testing.graphs import color_graph, model_bytes
from brainray.testing.places import library_below, settings_below
from brainray.testing.web import listening
from brainray.tracking.appearance import with_appearance
from brainray.tracking.definition import TrackingDefinition, deploy
from brainray.tracking.detecting import as_rows, detections_in
from brainray.tracking.interface import Detections, Tracks, make_tracker
from brainray.tracking.rows import Rows
from brainray.tracking.rows import track as follow
from brainray.tracking.sort import Sort
from serve.apps import predict_app
from serve.detection import Setup
from serve.limits import TrackLimits
from serve.tracking import Lines

TRACK = "/api/endpoints/street/track"
LINES = {"content-type": "application/x-ndjson"}
PARQUET = {"content-type": "application/vnd.apache.parquet"}
NOBODY = b'{"frame": 1, "boxes": []}\n'


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "colors.bin"
    path.write_bytes(b"colors")
    return path


@pytest.fixture(scope="module")
def cameras(tmp_path_factory: pytest.TempPathFactory, weights: Path) -> Iterator[Library]:
    """A catalog with the endpoints ``street`` and ``yard``, which share a detector, and others."""
    library = library_below(tmp_path_factory.mktemp("cameras"))
    with colors_offered():
        for name in ("street", "yard"):
            options = {"weights": weights}
            deploy(library, name, TrackingDefinition("colors", options, "sort", {"min_hits": 1}))
        deploy(library, "boxes", TrackingDefinition(tracker="sort"))
        yield library


@pytest.fixture
def app(cameras: Library) -> Iterator[TestClient]:
    with TestClient(predict_app(cameras), raise_server_exceptions=True) as client:
        yield client


def files(pictures: list[Array]) -> list[tuple[str, tuple[str, bytes]]]:
    return [("frames", (f"{n}.png", encode_image(one))) for n, one in enumerate(pictures)]


def lines(response: Any) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in response.text.splitlines()]


def detected(weights: Path, pictures: list[Array]) -> Rows:
    detector = make_detector("colors", {"weights": weights})
    return as_rows(detections_in(detector, enumerate(pictures, start=1)))


def expected(rows: Rows, tracker: str = "sort", **options: Any) -> list[tuple[Any, ...]]:
    """What the tracker itself says: frame, id and box of each row."""
    tracks = follow(make_tracker(tracker, options), rows)
    return sorted(
        (frame, identity, *box)
        for frame, identity, box in zip(
            tracks.frames_N.tolist(),
            tracks.ids_N.tolist(),
            tracks.boxes_N4.round(2).tolist(),
            strict=True,
        )
    )


def boxes(answer: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return sorted(
        (line["frame"], box["id"], box["left"], box["top"], box["width"], box["height"])
        for line in answer
        for box in line["boxes"]
    )


def as_lines(rows: Rows) -> bytes:
    names = ("left", "top", "width", "height", "conf")
    given = [
        {
            "frame": frame,
            "boxes": [
                dict(zip(names, (*box, conf), strict=True))
                for box, conf in zip(found.boxes_M4.tolist(), found.scores_M.tolist(), strict=True)
            ],
        }
        for frame, found in rows.by_frame()
    ]
    return b"".join(json.dumps(one).encode() + b"\n" for one in given)


def as_parquet(rows: Rows, **more: Any) -> bytes:
    left, top, width, height = rows.boxes_N4.T
    columns = {"frame": rows.frames_N, "left": left, "top": top, "width": width, "height": height}
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns | {"conf": rows.scores_N} | more), buffer)
    return buffer.getvalue()


def test_frames_come_back_as_the_tracker_sees_them(app: TestClient, weights: Path) -> None:
    pictures = walk(6)
    pictures[3][:] = 0  # nobody is there
    answer = lines(app.post(TRACK, files=files(pictures)))
    assert [line["frame"] for line in answer] == [1, 2, 3, 4, 5, 6]
    assert {(line["width"], line["height"]) for line in answer} == {(WIDTH, HEIGHT)}
    assert answer[3]["boxes"] == []
    assert boxes(answer) == expected(detected(weights, pictures), min_hits=1)
    assert len({row[1] for row in boxes(answer)}) >= 2
    assert {box["conf"] for line in answer for box in line["boxes"]} == {0.9}


def test_detections_come_back_with_identities(app: TestClient, weights: Path) -> None:
    rows = detected(weights, walk(6))
    wanted = expected(rows)
    parquet, text = as_parquet(rows), as_lines(rows)
    named = as_parquet(rows, seq=["walk"] * len(rows), note=["x"] * len(rows))
    url = "/api/endpoints/boxes/track"
    for asked in (
        {"files": {"detections": ("a.parquet", parquet)}},
        {"files": {"detections": ("a.jsonl", text)}},
        {"content": parquet, "headers": PARQUET},
        {"content": named, "headers": {"content-type": "application/octet-stream"}},
        {"content": text, "headers": LINES},
        {"content": BOM_UTF8 + text, "headers": LINES},
    ):
        answer = lines(app.post(url, **asked))
        assert boxes(answer) == wanted
        assert set(answer[0]) == {"frame", "boxes"}
    assert boxes(lines(app.post(TRACK, content=text, headers=LINES))) == expected(rows, min_hits=1)


def test_who_is_lost_is_known_again_by_looks(
    cameras: Library, weights: Path, tmp_path: Path
) -> None:
    graph = tmp_path / "looks.onnx"
    graph.write_bytes(model_bytes(color_graph()))
    options = {"min_score": 0.4}
    deploy(
        cameras,
        "looks",
        TrackingDefinition(
            "colors", {"weights": weights}, "deep_sort", options, 0.5, appearance=str(graph)
        ),
    )
    pictures = [np.zeros((48, 64, 3), dtype=np.uint8) for _ in range(8)]
    for number, picture in enumerate(pictures):  # red and green change places
        red, green = (8, 14) if number < 5 else (14, 8)
        picture[10:40, red : red + 6, 0] = 255
        picture[10:40, green : green + 6, 1] = 255
    frames = list(enumerate(pictures, start=1))
    seen = with_appearance(detected(weights, pictures), frames, Appearance.of_file(graph))
    url = "/api/endpoints/looks/track"
    with TestClient(predict_app(cameras)) as app:
        answer = lines(app.post(url, files=files(pictures)))
        refused = app.post(url, content=b"", headers=LINES)
        assert refused.status_code == 422
        assert "'detections': give video or frames; its tracker needs pictures" in refused.text
        state = app.get("/api/endpoints/looks").json()
        assert set(state["tracking"]["files"]) == {"weights", "appearance"}
    cameras.undeploy("looks")
    wanted = expected(seen, "deep_sort", **options)
    assert (
        boxes(answer) == wanted != expected(replace(seen, features_ND=None), "deep_sort", **options)
    )


def test_looks_are_seen_of_boxes_that_the_tracker_compares(cameras: Library) -> None:
    (street,) = [one for one in cameras.tracking_endpoints() if one.name == "street"]
    looking = replace(street, appearance={"tap": {}}, min_score=None)
    tracker = make_tracker("two_stage", {"high_score": 0.6})
    setup = Setup.of(looking, tracker)
    sure = Setup.of(replace(looking, min_score=0.8), tracker)
    assert setup is not None
    assert sure is not None
    assert (setup.looks_from, sure.looks_from) == (0.6, 0.8)
    assert setup == sure  # they share what is loaded
    assert hash(setup) == hash(sure)


def test_boxes_of_low_scores_do_not_count(cameras: Library, weights: Path) -> None:
    deploy(cameras, "sure", TrackingDefinition(tracker="sort", min_score=0.5))
    rows = detected(weights, walk(6))
    doubtful = replace(rows, scores_N=np.where(np.arange(len(rows)) % 3, 0.9, 0.4))
    with TestClient(predict_app(cameras)) as app:
        sent = {"content": as_lines(doubtful), "headers": LINES}
        answer = lines(app.post("/api/endpoints/sure/track", **sent))
    cameras.undeploy("sure")
    assert boxes(answer) == expected(doubtful[doubtful.scores_N >= 0.5]) != expected(rows)


def test_a_bad_frame_ends_the_stream_and_is_named(app: TestClient) -> None:
    pictures = files(walk(5))
    whole = pictures[2][1][1]
    broken = [*pictures[:2], ("frames", ("x", whole[: len(whole) // 2])), *pictures[3:]]
    answer = lines(app.post(TRACK, files=broken))
    assert [line.get("frame") for line in answer] == [1, 2, 3]
    assert answer[-1]["error"].startswith("frame 3: is not an image")
    smaller = encode_image(np.zeros((8, 8, 3), dtype=np.uint8))
    answer = lines(app.post(TRACK, files=[*pictures[:2], ("frames", ("x", smaller))]))
    assert answer[-1] == {
        "error": f"frame 3: has 8 x 8 pixels, the frames before {WIDTH} x {HEIGHT}",
        "frame": 3,
    }


@pytest.mark.parametrize(
    ("line", "frame", "reason"),
    [
        (
            '{"frame": 5, "boxes": [{"left": 0, "top": 0, "width": 0, "height": 1}]}',
            5,
            "width is 0",
        ),
        ('{"frame": 5, "boxes": [{"left": NaN, "top": 0, "width": 1, "height": 1}]}', 5, "is nan"),
        (
            '{"frame": 5, "boxes": [{"left": 1e160, "top": 0, "width": 1, "height": 1}]}',
            5,
            "left is 1e+160",
        ),
        ('{"frame": 4, "boxes": []}', 4, "frame 4 comes after frame 4"),
        ('{"frame": 5, "boxes": [{"left": 0}]}', None, "line 2, after frame 4: boxes.0.top"),
        ('{"frame": 5.5, "boxes": []}', None, "line 2, after frame 4: frame"),
        ("no JSON", None, "line 2, after frame 4: 'no JSON': is no frame in JSON ("),
        ("x" * 300, None, "is longer than 200 bytes"),
        (
            '{"frame": 5, "boxes": [{"left": 10000001, "top": 0, "width": 1, "height": 1}]}',
            5,
            "left is 10,000,001, allowed are -10,000,000 to 10,000,000 pixels",
        ),
        (
            '{"frame": 5, "boxes": [{"left": 0,"top": 0,"width": 1,"height": 1,"conf": 1e305}]}',
            5,
            "box 0: conf is 1e+305, allowed are -10,000,000 to 10,000,000",
        ),
        ('{"frame": true, "boxes": []}', None, "frame: Input should be a valid integer, not True"),
        ('{"frame": "5", "boxes": []}', None, "frame: Input should be a valid integer, not '5'"),
        (
            '{"frame": 5, "boxes": [{"left": "3", "top": 0, "width": 1, "height": 1}]}',
            None,
            "line 2, after frame 4: boxes.0.left: Input should be a valid number, not '3'",
        ),
        (
            '{"frame": 5, "boxes": [{"left": 0, "top": 0, "width": true, "height": 1}]}',
            None,
            "boxes.0.width: Input should be a valid number, not True",
        ),
        ('{"frame": 5}', None, "boxes: Field required in {'frame': 5}"),
        ('{"frame": 5, "boxes": [], "seq": 1}', None, "seq: is no field, allowed are frame, boxes"),
        (
            '{"frame": 5, "boxes": [{"left": 0,"top": 0,"width": 1,"height": 1,"id": 1}]}',
            None,
            "boxes.0.id: is no field, allowed are left, top, width, height, conf",
        ),
        (
            '{"frame": 5, "boxes": [\n',
            None,
            """line 2, after frame 4: '{"frame": 5, "boxes": [': is no frame in JSON (EOF while """
            "parsing a list at character 23), allowed are Parquet or lines of JSON",
        ),
        ("5,-1,794.2,47.5,71.2", None, "'5,-1,794.2,47.5,71.2': is no frame in JSON (trailing"),
        ("5", None, "'5': is no frame in JSON (Input should be an object), allowed are Parquet"),
        ("\ufeff", None, "is no frame in JSON"),
    ],
)
def test_a_bad_line_ends_the_stream_and_is_named(
    cameras: Library, line: str, frame: int | None, reason: str
) -> None:
    text = '{"frame": 4, "boxes": []}\n' + line
    with TestClient(predict_app(cameras, track_limits=TrackLimits(line_bytes=200))) as app:
        answer = lines(app.post(TRACK, content=text, headers=LINES))
    assert answer[0] == {"frame": 4, "boxes": []}
    assert (len(answer), answer[1]["frame"]) == (2, frame)
    assert reason in answer[1]["error"]


def test_a_table_of_text_is_told_what_detections_are(app: TestClient) -> None:
    for text in ("frame,left,top,width,height\n1,2,3,4,5\n", "1,-1,2,3,4,5,-1\n"):
        (line,) = lines(app.post(TRACK, files={"detections": ("det.txt", text.encode())}))
        assert line["error"].startswith(f"line 1: {text.splitlines()[0]!r}: is no frame in JSON (")
        assert "allowed are Parquet or lines of JSON" in line["error"]


def test_a_confidence_that_is_not_known_is_sure_in_each_line(cameras: Library) -> None:
    deploy(cameras, "sure", TrackingDefinition(tracker="two_stage"))
    side = {"left": 10, "top": 20, "width": 30, "height": 60}
    for confs, wanted in (([-1, -1], [1, 1]), ([-1, 0.75], [1, 0.75]), ([-1.0, None], [1, 1])):
        given = [
            side | {"left": 100 * n} | ({} if conf is None else {"conf": conf})
            for n, conf in enumerate(confs)
        ]
        text = json.dumps({"frame": 1, "boxes": given})
        with TestClient(predict_app(cameras)) as app:
            (line,) = lines(app.post("/api/endpoints/sure/track", content=text, headers=LINES))
        assert [box["conf"] for box in line["boxes"]] == wanted
    cameras.undeploy("sure")


def test_what_has_no_frame_is_refused(
    app: TestClient, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = as_parquet(detected(weights, walk(1))[[]])
    for asked in (
        {"content": b"", "headers": LINES},
        {"content": nothing, "headers": PARQUET},
        {"files": {"detections": ("a", b"")}},
        {"files": {"detections": ("a", nothing)}},
    ):
        refused = app.post(TRACK, **asked)
        assert (refused.status_code, refused.json()["detail"]) == (
            422,
            "detections: has no frame, at least one is needed",
        )
    (line,) = lines(app.post(TRACK, content=b"\n \n", headers=LINES))
    assert line == {"error": "detections: has no frame, at least one is needed", "frame": None}
    # A file that can be opened, but whose first frame was cut off, says so only when it is read.
    monkeypatch.setattr("serve.frames._Video", lambda *arguments: ())
    (line,) = lines(app.post(TRACK, files={"video": ("a.mkv", b"a header alone")}))
    assert line == {"error": "video: has no frame, at least one is needed", "frame": None}


def test_what_should_not_be_ends_the_stream_with_a_line_and_is_logged(
    app: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def update(self: Sort, frame: int, detections: Detections) -> Tracks:
        if frame > 4:
            raise ValueError("a secret")
        return real(self, frame, detections)

    real = Sort.update
    monkeypatch.setattr(Sort, "update", update)
    text = '{"frame": 4, "boxes": []}\n{"frame": 5, "boxes": []}\n{"frame": 6, "boxes": []}\n'
    answer = lines(app.post(TRACK, content=text, headers=LINES))
    assert answer == [
        {"frame": 4, "boxes": []},
        {"error": "frame 5: an error of the service, which its log has", "frame": 5},
    ]
    assert "a secret" in caplog.text


def test_no_line_holds_what_is_no_json(app: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def update(self: Sort, frame: int, detections: Detections) -> Tracks:
        return Tracks(np.array([1]), np.array([[0.0, 0, 1, 1]]), np.array([np.inf]))

    monkeypatch.setattr(Sort, "update", update)
    answer = lines(app.post(TRACK, content=NOBODY, headers=LINES))
    said = "frame 1: an error of the service, which its log has"
    assert answer == [{"error": said, "frame": 1}]


PICTURE = encode_image(walk(1)[0])


@pytest.mark.parametrize(
    ("asked", "status", "reason"),
    [
        ({"json": {}}, 415, "allowed are multipart/form-data, application/x-ndjson,"),
        ({"files": {"video": ("a.mp4", b"no video")}}, 422, "video: "),
        ({"files": {"film": ("a.mp4", b"x")}}, 422, "'film': give video or frames or detections"),
        ({"files": {"video": ("a", b"x"), "frames": ("b", b"x")}}, 422, "fields: video, frames"),
        ({"files": [("video", ("a", b"x"))] * 2}, 422, "'video': is given 2 times"),
        ({"files": {"detections": ("a", b"PAR1 no Parquet")}}, 422, "detections: cannot be read"),
        ({"files": [("frames", ("a", PICTURE))] * 11}, 422, "has more than 10 parts"),
        ({"content": b"x" * 50_001, "headers": LINES}, 413, "at most 50000 bytes"),
        (
            {
                "content": b"--b\r\nContent-Disposition: form-data; name=frames\r\n\r\nxy",
                "headers": {"content-type": "multipart/form-data; boundary=b"},
            },
            400,
            "its closing boundary is missing",
        ),
        (
            {"content": b"no", "headers": {"content-type": "multipart/form-data; boundary=b"}},
            400,
            "is no multipart form",
        ),
        (
            {"content": b"no", "headers": {"content-type": "multipart/form-data"}},
            400,
            "is no multipart form",
        ),
    ],
)
def test_bodies_that_cannot_be_tracked_are_refused(
    cameras: Library, asked: dict[str, Any], status: int, reason: str
) -> None:
    limits = TrackLimits(body_bytes=50_000, frames=10)
    with TestClient(predict_app(cameras, track_limits=limits)) as app:
        refused = app.post(TRACK, **asked)
        assert (refused.status_code, reason in refused.text) == (status, True), refused.text
        assert set(refused.json()) == {"detail"}
        assert app.app.state.streams._open == 0  # type: ignore[attr-defined]


def test_parquet_that_is_too_large_or_of_several_cameras_is_refused(
    cameras: Library, weights: Path
) -> None:
    rows = detected(weights, walk(4))
    with TestClient(predict_app(cameras, track_limits=TrackLimits(boxes=8, frames=3))) as app:
        for content, reason in (
            (as_parquet(rows, seq=["a", "b"] * 4), "column 'seq': has several values"),
            (as_parquet(rows, conf=["0.5"] * 8), "column 'conf': holds string"),
            (as_parquet(detected(weights, walk(5))), "has 10 boxes, at most 8 are allowed"),
        ):
            refused = app.post(TRACK, content=content, headers=PARQUET)
            assert (refused.status_code, reason in refused.text) == (422, True), refused.text
        rows.boxes_N4[3, 2] = -1
        answer = lines(app.post(TRACK, content=as_parquet(rows), headers=PARQUET))
        assert [line["frame"] for line in answer] == [1, 2]
        assert answer[-1]["error"] == "frame 2: box 1: width is -1, allowed is above 0"
        rows = detected(weights, walk(3))
        rows.scores_N[3] = 1e305
        answer = lines(app.post(TRACK, content=as_parquet(rows), headers=PARQUET))
        assert answer[-1]["error"].startswith("frame 2: box 1: conf is 1e+305, allowed are -10,")
        rows = detected(weights, walk(4))
        answer = lines(app.post(TRACK, content=as_parquet(rows), headers=PARQUET))
        assert answer[-1] == {"error": "frame 4: at most 3 frames are allowed", "frame": 4}


def test_endpoints_say_what_they_do(app: TestClient, cameras: Library) -> None:
    states = {state["name"]: state for state in app.get("/api/endpoints").json()}
    assert list(states) == ["boxes", "street", "yard"]
    assert states["boxes"]["tracking"]["detector"] is None
    street = app.get("/api/endpoints/street").json()
    assert street == states["street"]
    assert (street["model"], street["tracking"]["tracker_options"]) == (None, {"min_hits": 1})
    assert len(street["tracking"]["files"]["weights"]) == 64
    assert app.post("/api/endpoints/no/track").status_code == 404
    wrong = app.post("/api/endpoints/street/predict", json={})
    assert (wrong.status_code, "tracks objects" in wrong.text) == (409, True)
    no_detector = app.post("/api/endpoints/boxes/track", files=files(walk(1)))
    assert (no_detector.status_code, "has no detector" in no_detector.text) == (422, True)


def test_what_a_run_has_chosen_is_put_to_an_endpoint(tmp_path: Path) -> None:
    settings = settings_below(tmp_path)
    trackers = {"sort": {"max_age": [1, 5]}}
    search = {"budget": 1, "brood": 1, "workers": 1, "min_scores": [0.3], "trackers": trackers}
    document = {"name": "walks", "goal": {"task": "tracking"}, "search": search}
    walks = ["walk-1", "walk-2"]
    data = {"source": "embedded", "sequences": walks}
    scenario = parse_scenario(document | {"data": data}, origin="test")
    run = run_scenario(scenario, 0, settings, local_runner).run_id
    library = Library.open(settings)
    deployer = {"Authorization": f"Bearer {library.add_key('ann', 'deployer')}"}
    with TestClient(predict_app(library)) as app:
        url = "/api/endpoints/yard"
        unclear = app.put(url, json={"model": run}, headers=deployer)
        assert (unclear.status_code, "each of walk-1, walk-2" in unclear.text) == (422, True)
        canary = app.put(url, json={"model": run, "canary": 0.5}, headers=deployer)
        assert (canary.status_code, "with a model alone" in canary.text) == (422, True)
        done = app.put(url, json={"model": run, "sequence": "walk-2"}, headers=deployer)
        assert (done.status_code, done.json()["tracking"]["tracker"]) == (200, "sort")
        assert done.json()["tracking"]["min_score"] == 0.3
        assert app.post(f"{url}/track", content=NOBODY, headers=LINES).status_code == 200


def test_an_endpoint_that_tracks_is_removed_with_a_key(app: TestClient, cameras: Library) -> None:
    deploy(cameras, "gone", TrackingDefinition(tracker="sort"))
    url = "/api/endpoints/gone"
    deployer = {"Authorization": f"Bearer {cameras.add_key('ann', 'deployer')}"}
    assert app.post(f"{url}/track", content=NOBODY, headers=LINES).status_code == 200
    assert app.post(f"{url}/rollback", headers=deployer).status_code == 409
    assert app.delete(url).status_code == 401
    assert app.delete(url, headers=deployer).status_code == 204
    assert app.post(f"{url}/track", content=NOBODY, headers=LINES).status_code == 404


def test_a_detector_that_cannot_be_loaded_is_no_stream(cameras: Library) -> None:
    (street,) = [one for one in cameras.tracking_endpoints() if one.name == "street"]
    path = cameras.store.local_path(street.files["weights"])
    whole = path.read_bytes()
    path.write_bytes(b"damaged")
    try:
        with TestClient(predict_app(cameras)) as app:
            refused = app.post(TRACK, files=files(walk(1)))
        assert (refused.status_code, "is damaged" in refused.text) == (503, True)
        assert refused.headers["retry-after"] == "1"
    finally:
        path.write_bytes(whole)


def test_a_tracker_that_is_not_installed_is_no_stream(
    app: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str, options: Any) -> None:
        raise PluginError(f"trackers {name!r}: is not installed")

    monkeypatch.setattr("serve.api.track.make_tracker", missing)
    refused = app.post(TRACK, files=files(walk(1)))
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert "is not installed" in refused.text


def test_cameras_share_a_detector_and_nothing_else(cameras: Library, weights: Path) -> None:
    """Streams that take turns frame by frame get what each gets alone."""
    videos = {"street": walk(8), "yard": walk(8, speed=6, things=3)}
    before = Colors.made
    with listening(predict_app(cameras)) as url, ThreadPoolExecutor(4) as threads:
        started = threading.Barrier(4)

        def ask(name: str) -> list[dict[str, Any]]:
            started.wait()
            return lines(httpx.post(f"{url}/api/endpoints/{name}/track", files=files(videos[name])))

        answers = [(name, threads.submit(ask, name)) for name in ("street", "yard") * 2]
        found = [(name, answer.result()) for name, answer in answers]
    assert Colors.made == before + 1
    for name, answer in found:
        assert boxes(answer) == expected(detected(weights, videos[name]), min_hits=1)


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Semaphore]:
    """Lets the detector look at one frame each time it is released."""
    turns = threading.Semaphore(0)
    monkeypatch.setattr(Colors, "turns", turns)
    yield turns
    turns.release(1000)  # whoever waits still


def test_lines_come_as_frames_are_tracked_and_nobody_else_waits(
    cameras: Library, turns: threading.Semaphore
) -> None:
    with (
        listening(predict_app(cameras)) as url,
        httpx.stream("POST", f"{url}{TRACK}", files=files(walk(3)), timeout=60) as answer,
    ):
        coming = answer.iter_lines()
        for number in (1, 2, 3):
            assert httpx.get(f"{url}/api/endpoints", timeout=60).status_code == 200
            turns.release()
            assert json.loads(next(coming))["frame"] == number
        assert list(coming) == []


def test_only_so_many_streams_run_and_who_goes_makes_room(
    cameras: Library, turns: threading.Semaphore
) -> None:
    app = predict_app(cameras, track_limits=TrackLimits(streams=1))
    with listening(app) as url, httpx.Client(base_url=url, timeout=60) as client:
        with client.stream("POST", TRACK, files=files(walk(3))) as first:
            coming = first.iter_lines()
            turns.release()
            assert next(coming)
            full = client.post(TRACK, files=files(walk(1)))
            assert full.status_code == 429, full.text
            assert full.headers["retry-after"] == "1"
            assert "1 streams are being tracked" in full.json()["detail"]
        turns.release(1000)
        for _ in range(400):
            if app.state.streams._open == 0:
                break
            time.sleep(0.05)
        assert len(lines(client.post(TRACK, files=files(walk(1))))) == 1


def test_a_client_that_receives_nothing_is_not_waited_for() -> None:
    ended = []

    async def main() -> None:
        async def lines() -> AsyncIterator[bytes]:
            yield b"{}\n"

        async def send(message: Any) -> None:
            await asyncio.Event().wait()

        stack = AsyncExitStack()
        stack.callback(ended.append, True)
        with pytest.raises((TimeoutError, ClientDisconnect)):
            await Lines(lines(), stack, send_seconds=0.05)(
                {"type": "http", "asgi": {"spec_version": "2.4"}}, send, send
            )

    asyncio.run(asyncio.wait_for(main(), 10))
    assert ended == [True]


def test_the_client_follows(cameras: Library, weights: Path, tmp_path: Path) -> None:
    pictures = walk(4)
    rows = detected(weights, pictures)
    wanted = expected(rows, min_hits=1)
    (tmp_path / "boxes.parquet").write_bytes(as_parquet(rows))
    with listening(predict_app(cameras)) as url, Client(url) as client:
        for given in (
            {"frames": pictures},
            {"frames": map(encode_image, pictures)},
            {"detections": tmp_path / "boxes.parquet"},
            {"detections": as_lines(rows)},
        ):
            found = list(client.track("street", **given))  # type: ignore[arg-type]
            assert [frame.frame for frame in found] == [1, 2, 3, 4]
            assert wanted == sorted(
                (frame.frame, box.id, box.left, box.top, box.width, box.height)
                for frame in found
                for box in frame.boxes
            )
        coming = client.track("street", frames=[*pictures[:2], b"no picture"])
        assert (next(coming).frame, next(coming).width) == (1, WIDTH)
        with pytest.raises(ServiceError, match="frame 3: is not an image"):
            next(coming)
        with pytest.raises(ServiceError, match="404: endpoint 'stret': not in the catalog"):
            next(client.track("stret", frames=pictures))
        with pytest.raises(ServiceError, match="422: video: "):
            next(client.track("street", video=b"no video"))
        with pytest.raises(ValueError, match="give one of"):
            client.track("street")
        with pytest.raises(ValueError, match="frames: there are none"):
            client.track("street", frames=[])
        with pytest.raises(ServiceError, match="422: detections: has no frame"):
            next(client.track("street", detections=b""))
        street = next(one for one in client.endpoints() if one.name == "street")
        assert street.model is None
        assert street.tracking is not None
        assert street.tracking["detector"] == "colors"
