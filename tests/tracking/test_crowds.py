"""Frames with very many boxes are tracked as all others, and what is too much is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from brainray.errors import DataError
from brainray.seeding import numpy_generator
from brainray.tracking import crowds
from brainray.tracking.association import compared, mutual, overlaps
from brainray.tracking.crowds import Pairs
from brainray.tracking.deep_sort import DeepSort
from brainray.tracking.interface import Detections, FrameError, make_tracker
from brainray.tracking.rows import track

ALL = ("sort", "deep_sort", "two_stage")


def boxes_of(seed, count):
    generator = numpy_generator(seed, "crowd")
    return np.column_stack([generator.uniform(0, 60, (count, 2)), np.full((count, 2), 20.0)])


@given(st.integers(0, 2**32 - 1), st.integers(0, 12), st.integers(0, 12))
def test_pairs_give_what_the_whole_matrix_gives(seed, rows, columns):
    value_NM = overlaps(boxes_of(seed, rows), boxes_of(seed + 1, columns))
    row_P, column_P = np.nonzero(value_NM)
    pairs = Pairs(row_P, column_P, value_NM[row_P, column_P], value_NM.shape, 0.0)
    assert (pairs.matrix() == value_NM).all()
    found = pairs.assigned()
    for one, same in zip(found[:2], _assigned(value_NM), strict=True):
        assert one.tolist() == same.tolist()
    assert found[2] == pytest.approx(value_NM[found[0], found[1]])
    if rows and columns:
        for one, same in zip(pairs.mutual(0.1), mutual(value_NM, 0.1), strict=True):
            assert one.tolist() == same.tolist()


@pytest.mark.parametrize("crowd", [False, True])
def test_boxes_that_are_all_the_same_stay_where_they_are(crowd, request):
    if crowd:
        request.getfixturevalue("everyone_is_a_crowd")
    boxes, scores = np.tile([100.0, 50.0, 40.0, 90.0], (30, 1)), np.full(30, 0.9)
    tracker, shift = make_tracker("two_stage"), np.array([1.0, 0.0, 0.0, 0.0])
    for frame in range(1, 5):
        tracks = tracker.update(frame, Detections(boxes + frame * shift, scores))
        assert sorted(tracks.ids_N.tolist()) == list(range(1, 31))


def _assigned(value_NM):
    rows, columns = linear_sum_assignment(value_NM, maximize=True)
    taken = value_NM[rows, columns] > 0
    return rows[taken], columns[taken]


@pytest.fixture
def everyone_is_a_crowd(monkeypatch):
    monkeypatch.setattr(crowds, "DENSE", 0)
    monkeypatch.setattr(crowds, "BLOCK", 2)


@pytest.mark.parametrize("name", ALL)
def test_a_crowd_is_tracked_as_few_are(name, walkers, request):
    people = walkers(9, 30)
    expected = track(make_tracker(name), people)
    request.getfixturevalue("everyone_is_a_crowd")
    found = track(make_tracker(name), people)
    assert found.ids_N.tolist() == expected.ids_N.tolist()
    assert found.boxes_N4 == pytest.approx(expected.boxes_N4)


def test_appearance_counts_in_a_crowd(everyone_is_a_crowd):
    boxes = np.array([[100.0, 50.0, 40.0, 100.0], [110.0, 50.0, 40.0, 100.0]])
    looks = np.eye(2)
    tracker = DeepSort()
    for frame in range(5):
        crossed = frame == 4
        features = looks[::-1] if crossed else looks
        tracks = tracker.update(frame, Detections(boxes, np.full(2, 0.9), features))
    order = np.argsort(tracks.ids_N)
    assert tracks.boxes_N4[order][0, 0] > tracks.boxes_N4[order][1, 0]


@pytest.mark.parametrize("name", ALL)
def test_ten_thousand_boxes_are_tracked(name):
    generator = numpy_generator(0, "ten thousand")
    corners = generator.uniform(0, (3840, 2160), (10_000, 2))
    boxes = np.column_stack([corners, np.full((10_000, 2), (16.0, 40.0))])
    tracker = make_tracker(name)
    for frame in (1, 2, 3):
        moved = boxes + np.array([frame, 0, 0, 0])
        tracks = tracker.update(frame, Detections(moved, np.full(10_000, 0.9)))
    assert len(tracks.ids_N) > 9_900
    assert tracks.ids_N.max() <= 10_100


def test_a_crowd_on_one_spot_is_refused(monkeypatch):
    monkeypatch.setattr(crowds, "MOST_PAIRS", 1000)
    monkeypatch.setattr(crowds, "DENSE", 1000)
    tracker = make_tracker("sort")
    seen = Detections(boxes_of(0, 100), np.ones(100))
    tracker.update(6, seen)
    with pytest.raises(
        FrameError, match=r"frame 7: of 100 boxes and 100 tracks more than 1,000 .* overlap"
    ):
        tracker.update(7, seen)
    with pytest.raises(DataError, match="leave out boxes of low scores"):
        compared(boxes_of(0, 100), boxes_of(0, 100))
