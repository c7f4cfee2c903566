"""The camera's motion: fitted, composed, and told to trackers."""

from dataclasses import replace

import numpy as np
import pytest

from brainray.errors import DataError
from brainray.seeding import numpy_generator
from brainray.tracking.interface import NOTHING, Detections
from brainray.tracking.motion import STILL, Similarity, fit_similarity
from brainray.tracking.rows import Rows, track
from brainray.tracking.two_stage import TwoStage

POINTS = numpy_generator(0, "points").normal(scale=100, size=(50, 2)) @ np.array([1, 1j])
TURNED, ZOOMED = Similarity(np.exp(0.1j), 5 - 3j), Similarity(1.1 + 0j, -20 + 8j)
BOXES = np.array([[100.0, 50.0, 40.0, 100.0], [300.0, 60.0, 40.0, 100.0]])


def test_a_motion_is_found_among_points_that_move_on_their_own() -> None:
    to_K = TURNED(POINTS)
    to_K[:15] += 40
    found = fit_similarity(POINTS, to_K, np.full(len(POINTS), 2.0))
    np.testing.assert_allclose(found(POINTS), TURNED(POINTS), atol=0.2)


def test_points_in_one_place_tell_of_a_shift_alone() -> None:
    place = np.full(40, 1234.5 + 678.9j) * (1 + 1e-16 * np.arange(40))
    found = fit_similarity(place, place + 3, np.full(40, 20.0))
    assert found.turn == 1
    assert found.shift == pytest.approx(3)


def test_motions_are_done_one_after_the_other() -> None:
    both = TURNED.then(ZOOMED)
    np.testing.assert_allclose(both(POINTS), ZOOMED(TURNED(POINTS)))
    assert STILL.then(TURNED) == TURNED.then(STILL) == TURNED


def shifted(pixels: float) -> Similarity:
    return Similarity(1 + 0j, complex(pixels))


def seen(right: float = 0.0, motion: Similarity | None = None) -> Detections:
    return Detections(BOXES + np.array([right, 0, 0, 0]), np.full(2, 0.9), motion=motion)


def test_tracks_go_where_the_pictures_say_that_the_camera_went() -> None:
    for camera, same in (("pictures", True), (True, False), (False, False)):
        tracker = TwoStage(camera=camera)  # type: ignore[arg-type]
        for frame in range(1, 4):
            before = tracker.update(frame, seen(motion=STILL))
        after = tracker.update(4, seen(150, shifted(150)))
        assert (after.ids_N.tolist() == before.ids_N.tolist()) == same


def test_a_zoom_makes_tracks_larger() -> None:
    tracker = TwoStage(camera="pictures")
    for frame in range(1, 4):
        tracker.update(frame, seen(motion=STILL))
    zoom = Similarity(2 + 0j, 0j)
    larger = Detections(2 * BOXES, np.full(2, 0.9), motion=zoom)
    assert tracker.update(4, larger).boxes_N4 == pytest.approx(2 * BOXES, abs=1)


def test_a_motion_that_is_missing_is_no_still_camera() -> None:
    tracker = TwoStage(camera="pictures")
    tracker.update(1, seen(motion=STILL))
    with pytest.raises(DataError, match=r"^frame 2: the camera's motion is not known"):
        tracker.update(2, seen())
    TwoStage(camera=True).update(1, seen())


def test_the_motion_of_a_jump_is_that_of_all_its_frames() -> None:
    """Whether frames without detections are left out or given makes no difference."""
    tracks = []
    for given in (False, True):
        tracker = TwoStage(camera="pictures")
        for frame in range(1, 4):
            tracker.update(frame, seen(motion=STILL))
        if given:
            tracker.update(4, NOTHING)
            tracker.update(5, NOTHING)
        tracks.append(tracker.update(6, seen(150, shifted(150))))
    assert tracks[0].ids_N.tolist() == tracks[1].ids_N.tolist() == [1, 2]
    np.testing.assert_array_equal(tracks[0].boxes_N4, tracks[1].boxes_N4)
    # A picture without detections moves tracks as well.
    tracker = TwoStage(camera="pictures")
    for frame in range(1, 4):
        tracker.update(frame, seen(motion=STILL))
    tracker.update(4, replace(NOTHING, motion=shifted(400)))
    assert tracker.update(5, seen(300, shifted(-100))).ids_N.tolist() == [1, 2]


def test_rows_compose_the_motions_of_frames_that_have_no_boxes() -> None:
    rows = Rows.of(np.array([2, 2, 3, 6]), np.tile(BOXES, (2, 1)), np.array([0.9, 0.9, 0.2, 0.9]))
    motions = {1: STILL, 2: ZOOMED, 3: TURNED, 4: ZOOMED, 6: TURNED}
    moved = replace(rows, motions=motions)
    found = {frame: detections.motion for frame, detections in moved.by_frame()}
    assert found == {2: ZOOMED, 3: TURNED, 6: ZOOMED.then(TURNED)}
    # Boxes that are left out, too.
    found = {frame: one.motion for frame, one in moved[moved.scores_N > 0.5].by_frame()}
    assert found == {2: ZOOMED, 6: TURNED.then(ZOOMED).then(TURNED)}
    (first, *_, last) = (one.motion for _, one in replace(moved, motions={3: TURNED}).by_frame())
    assert (first, last) == (None, None)
    assert [one.motion for _, one in rows.by_frame()] == [None] * 3


def test_a_sequence_whose_camera_jerks_is_followed() -> None:
    jumps = {5: 120.0, 6: -90.0, 9: 200.0}
    frames = [frame for frame in range(1, 13) if frame != 6]
    right = {frame: sum(by for when, by in jumps.items() if when <= frame) for frame in frames}
    boxes = np.concatenate([BOXES + np.array([right[frame], 0, 0, 0]) for frame in frames])
    rows = Rows.of(np.repeat(frames, 2), boxes)
    motions = {frame: shifted(jumps.get(frame, 0.0)) for frame in range(1, 13)}
    found = track(TwoStage(camera="pictures"), replace(rows, motions=motions))
    assert len(found) == len(rows)
    assert set(found.ids_N.tolist()) == {1, 2}
    with pytest.raises(DataError, match="give the pictures"):
        track(TwoStage(camera="pictures"), rows)
