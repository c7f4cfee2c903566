"""Videos, through PyAV: read, followed over HTTP, written."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from PIL import Image
from scipy.optimize import linear_sum_assignment
from starlette.testclient import TestClient

from brainray.catalog import Library
from brainray.datasets.samples import encode_image
from brainray.errors import DataError
from brainray.networks.detectors.interface import make_detector
from brainray.networks.detectors.suppression import ious
from brainray.pipeline.tracking.pictures import VIDEO_WIDTH, can_film
from brainray.pipeline.tracking.pictures import film as film_tracks
from brainray.pipeline.tracking.publication import draw_tracks
from brainray.shapes import Array
from brainray.testing.detectors import Colors, colors_offered, walk
from brainray.testing.places import library_below
from brainray.tracking.definition import TrackingDefinition, deploy
from brainray.tracking.detecting import as_rows, detections_in
from brainray.tracking.frames import ImageFolder, VideoFile, read_frames
from brainray.tracking.interface import make_tracker
from brainray.tracking.rows import track as follow
from brainray.tracking.sequences import read_sequences
from brainray.tracking.walkers import walkers
from serve.apps import predict_app
from serve.limits import TrackLimits

TRACK = "/api/endpoints/street/track"


def film(
    path: Path,
    pictures: list[Array],
    codec: str = "ffv1",
    pixels: str = "bgr0",
    options: dict[str, str] | None = None,
) -> Path:
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=10)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pixels
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


@pytest.fixture
def cameras(tmp_path: Path) -> Iterator[Library]:
    library = library_below(tmp_path / "cameras")
    weights = tmp_path / "colors.bin"
    weights.write_bytes(b"colors")
    with colors_offered():
        definition = TrackingDefinition("colors", {"weights": weights}, "sort", {"min_hits": 1})
        deploy(library, "street", definition)
        yield library


def test_a_video_has_its_frames_in_order_and_damage_is_named(tmp_path: Path) -> None:
    pictures = [np.full((48, 64, 3), level, dtype=np.uint8) for level in (0, 100, 200)]
    path = film(tmp_path / "walk.avi", pictures, "mjpeg", "yuvj420p")
    frames = read_frames(path)["walk"]
    read = list(frames)
    assert frames.count == 3
    assert [number for number, _ in read] == [1, 2, 3]
    np.testing.assert_allclose([image.mean() for _, image in read], [0, 100, 200], atol=3)
    data = path.read_bytes()
    second = data.index(b"\xff\xd8", data.index(b"\xff\xd8") + 2)
    path.write_bytes(data[: second + 300] + b"\xff" * 60 + data[second + 360 :])
    with pytest.raises(DataError, match=r"^seq walk, frame 2: "):
        list(read_frames(path)["walk"])


def test_a_video_that_is_cut_off_is_refused_where_its_file_tells(tmp_path: Path) -> None:
    for name, options in (("walk.avi", {}), ("walk.mov", {"movflags": "faststart"})):
        path = film(tmp_path / name, walk(24), "mjpeg", "yuvj420p", options)
        assert len(list(read_frames(path)["walk"])) == 24
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        seen: list[int] = []
        with pytest.raises(DataError, match=r"ends here, and says that it has 24 fr") as refused:
            seen.extend(number for number, _ in read_frames(path)["walk"])
        assert 0 < len(seen) < 24
        assert str(refused.value).startswith(f"seq walk, frame {len(seen) + 1}: ")


def test_frames_that_an_edit_list_hides_are_not_missed(tmp_path: Path) -> None:
    film(tmp_path / "whole.mp4", walk(24), "mpeg4", "yuv420p")
    options = {"avoid_negative_ts": "0", "use_editlist": "1"}
    with (
        av.open(tmp_path / "whole.mp4") as whole,
        av.open(tmp_path / "cut.mp4", "w", options=options) as cut,
    ):
        stream = whole.streams.video[0]
        copy = cut.add_stream_from_template(stream)
        for packet in whole.demux(stream):
            if packet.dts is not None:
                packet.pts -= 10 * packet.duration
                packet.dts -= 10 * packet.duration
                packet.stream = copy
                cut.mux(packet)
    frames = read_frames(tmp_path / "cut.mp4")["cut"]
    assert (frames.count, len(list(frames))) == (24, 14)


def test_a_video_is_followed_with_the_times_of_its_frames(cameras: Library, tmp_path: Path) -> None:
    pictures = walk(6)
    video = film(tmp_path / "a.mkv", pictures).read_bytes()
    with TestClient(predict_app(cameras)) as app:
        answer = app.post(TRACK, files={"video": ("a.mkv", video)})
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["seconds"] for line in lines] == [0, 0.1, 0.2, 0.3, 0.4, 0.5]
    detector = Colors(tmp_path / "colors.bin")
    rows = as_rows(detections_in(detector, enumerate(pictures, start=1)))
    tracks = follow(make_tracker("sort", {"min_hits": 1}), rows)
    wanted = zip(tracks.frames_N.tolist(), tracks.ids_N.tolist(), strict=True)
    assert len(tracks) == 12
    assert sorted(wanted) == sorted(
        (line["frame"], box["id"]) for line in lines for box in line["boxes"]
    )


def test_a_video_that_is_cut_off_in_its_first_frame_has_none(
    cameras: Library, tmp_path: Path
) -> None:
    video = film(tmp_path / "a.mkv", walk(2)).read_bytes()
    first = video.index(b"\x1f\x43\xb6\x75")  # Matroska's cluster, which holds the frames
    with TestClient(predict_app(cameras)) as app:
        answer = app.post(TRACK, files={"video": ("a.mkv", video[: first + 20])})
    wanted = {"error": "video: has no frame, at least one is needed", "frame": None}
    assert (answer.status_code, answer.json()) == (200, wanted)


def test_a_video_that_is_none_or_too_large_is_refused(cameras: Library, tmp_path: Path) -> None:
    video = film(tmp_path / "a.mkv", walk(2))
    playlist = f"ffconcat version 1.0\nfile {video}\n".encode()
    with TestClient(predict_app(cameras, track_limits=TrackLimits(pixels=100))) as app:
        for content, reason in (
            (video.read_bytes(), "frames have no size, or more than 100 pixels"),
            (playlist, "is no video that can be read"),
            (encode_image(walk(1)[0]), "is no video that can be read"),
        ):
            refused = app.post(TRACK, files={"video": ("a", content)})
            assert (refused.status_code, reason in refused.text) == (422, True), refused.text
            assert "/tmp" not in refused.text


def test_tracks_are_written_as_a_video(tmp_path: Path) -> None:
    assert can_film()
    people = walkers()[0]
    path = tmp_path / "tracks.mp4"
    film_tracks(people, people.truth, path)
    frames = read_frames(path)["tracks"]
    pictures = [image for _, image in frames]
    assert len(pictures) == people.count
    assert pictures[0].shape[1] == VIDEO_WIDTH
    assert np.ptp(pictures[0], axis=2).max() > 50  # boxes have colors, the canvas is grey
    assert [one.name for one in tmp_path.iterdir()] == ["tracks.mp4"]


def test_a_stretch_without_pictures_gives_no_video(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((48, 64, 3), dtype=np.uint8)).save(tmp_path / "1.png")
    people = replace(walkers()[0], frames=ImageFolder(tmp_path, "walk"))
    _, second = people.halves()
    (tmp_path / "run").mkdir()
    notes = draw_tracks([second], {second.name: second.truth}, tmp_path / "run")
    assert [note.partition(":")[0] for note in notes] == [f"tracks.png is without {second.name}"]
    assert not list((tmp_path / "run").iterdir())


def test_a_video_without_a_whole_frame_is_refused_at_the_start(tmp_path: Path) -> None:
    video = film(tmp_path / "cut.mkv", [np.full((48, 64, 3), 90, dtype=np.uint8)])
    data = video.read_bytes()
    cluster = data.index(b"\x1f\x43\xb6\x75")
    video.write_bytes(data[: cluster + 16])
    truth = tmp_path / "truth.txt"
    truth.write_text("1,1,0,0,4,4,1\n2,1,0,0,4,4,1\n")
    with pytest.raises(DataError, match=r"^seq cut: has no frame$"):
        read_sequences(video, truth=truth)
    video.write_bytes(data[:cluster])
    with pytest.raises(DataError, match=r"cut\.mkv: is no video that can be read: "):
        read_sequences(video, truth=truth)


def f1(detector_name: str, file: str, frames: range) -> float:
    """F1 on the real video PETS09-S2L1, against sure boxes of a Faster R-CNN."""
    data = Path(os.environ["BRAINRAY_DATA"])
    table = pq.read_table(data / "mot15" / "detections_frcnn_sort.parquet")
    options = {"weights": data / "models" / file, "classes": ["person"], "min_score": 0.45}
    detector = make_detector(detector_name, options)
    right = both = 0
    for number, image in VideoFile(data / "pets09_s2l1_video" / "vtest.avi"):
        if number in frames:
            chosen = table.filter(
                (pc.field("seq") == "PETS09-S2L1")
                & (pc.field("frame") == number)
                & (pc.field("conf") > 0.5)
            )
            columns = [chosen[one].to_numpy() for one in ("left", "top", "width", "height")]
            boxes = np.column_stack(columns)
            boxes[:, 2:] += boxes[:, :2]
            found = detector.detect(image).boxes_M4
            overlaps = ious(boxes, found)
            pairs = linear_sum_assignment(overlaps, maximize=True)
            right += int((overlaps[pairs] >= 0.5).sum())
            both += len(boxes) + len(found)
        if number >= frames[-1]:
            break
    return 2 * right / both


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "file"), [("nanodet", "nanodet_416.onnx"), ("centernet", "centernet_512.onnx")]
)
def test_most_people_of_a_real_video_are_found(name: str, file: str) -> None:
    """By halves of the video nanodet has .82 and .95, centernet .81 and .92."""
    assert f1(name, file, range(50, 301, 50)) > 0.75
