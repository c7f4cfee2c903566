"""Scores by hand, and against those of the package trackers 2.6.1 on real tracks."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from brainray.errors import DataError
from brainray.seeding import numpy_generator
from brainray.tracking.reading import read_boxes
from brainray.tracking.rows import Rows
from brainray.tracking.scores import overall, score

BOX = [0.0, 0.0, 10.0, 10.0]
FAR = [500.0, 0.0, 10.0, 10.0]
HALF = [0.0, 0.0, 10.0, 8.0]  # IoU .8 with BOX


def rows(*entries, **columns):
    frames, ids, boxes = zip(*entries, strict=True)
    found = Rows.of(np.array(frames), np.array(boxes), ids_N=np.array(ids))
    return replace(found, **{name: np.array(values) for name, values in columns.items()})


def test_an_identity_that_changes_once():
    truth = rows(*((frame, 7, BOX) for frame in range(1, 5)))
    tracks = rows((1, 1, BOX), (2, 1, HALF), (3, 2, BOX), (4, 2, FAR))
    found = score(truth, tracks)
    assert (found.truth, found.found, found.matched, found.switches) == (4, 4, 3, 1)
    assert found.mota == pytest.approx((3 - 1 - 1) / 4)
    assert found.motp_overlap == pytest.approx(2.8 / 3)
    assert found.motp_distance == pytest.approx(0.2 / 3)
    assert found.idf1 == pytest.approx(2 * 2 / 8)  # identity 1 alone is right, twice
    # IoU up to .8: 3 pairs of 5 boxes; associations 2/4, 2/4 and 1/5. Above: 2 of 6; 1/5 each.
    low = np.sqrt(3 / 5 * (2 * 2 / 4 + 1 / 5) / 3)
    high = np.sqrt(2 / 6 * (1 / 5 + 1 / 5) / 2)
    assert found.hota.value == pytest.approx((16 * low + 3 * high) / 19)


def test_perfect_tracks_and_no_tracks():
    truth = rows((1, 3, BOX), (1, 4, FAR), (2, 3, BOX))
    perfect = score(truth, truth).figures()
    assert perfect == {
        "idf1": 1,
        "switches": 0,
        "mota": 1,
        "motp_distance": 0,
        "motp_overlap": 1,
        "hota": 1,
    }
    nothing = truth[np.zeros(3, dtype=bool)]
    assert score(truth, nothing).figures()["mota"] == 0
    assert score(truth, nothing).figures()["hota"] == 0
    assert score(nothing, truth).found == 3
    assert score(nothing, truth).mota == 0


def test_who_is_in_a_frame_twice_is_refused():
    right, twice = rows((1, 1, BOX), (2, 1, BOX)), rows((1, 1, BOX), (2, 1, BOX), (2, 1, FAR))
    for truth, tracks in ((right, twice), (twice, right)):
        with pytest.raises(DataError, match=r"^frame 2: id 1: is there twice, allowed is once$"):
            score(truth, tracks)
    with pytest.raises(DataError, match=r"^frame 1: id -1: allowed are 0 and more"):
        score(right, rows((1, -1, BOX)))


def test_what_was_tracked_before_wins_over_a_better_overlap():
    truth = rows((1, 1, BOX), (2, 1, BOX))
    tracks = rows((1, 5, HALF), (2, 5, HALF), (2, 6, BOX))
    found = score(truth, tracks)
    assert (found.switches, found.matched) == (0, 2)
    assert found.overlap == pytest.approx(1.6)


def test_distractors_are_neither_right_nor_wrong():
    truth = rows((1, 1, BOX), (1, 2, FAR), classes_N=[1, 8], scores_N=[1.0, 0.0])
    found = score(truth, rows((1, 1, BOX), (1, 2, FAR)))
    assert (found.truth, found.found, found.mota) == (1, 1, 1)


def test_what_is_marked_as_ignored_is_no_miss():
    truth = rows((1, 1, BOX), (1, 2, FAR), scores_N=[1.0, 0.0])
    assert score(truth, rows((1, 1, BOX))).mota == 1
    assert score(truth, rows((1, 1, BOX), (1, 2, FAR))).mota == 0  # but a found one is false


def test_who_is_hidden_counts_unless_it_is_said():
    truth = rows((1, 1, BOX), (1, 2, FAR), visibility_N=[1.0, 0.1])
    tracks = rows((1, 1, BOX), (1, 2, FAR))
    assert score(truth, tracks).truth == 2
    found = score(truth, tracks, min_visibility=0.25)
    assert (found.truth, found.found, found.mota) == (1, 1, 1)


def test_the_names_of_identities_and_the_order_of_rows_do_not_matter(walkers):
    truth = walkers(6, 20)
    generator = numpy_generator(0, "order")
    noisy = truth.boxes_N4 + generator.normal(0, 4, truth.boxes_N4.shape)
    ids = np.where(truth.frames_N > 10, (truth.ids_N + 2) % 6, truth.ids_N)
    tracks = replace(truth, boxes_N4=noisy, ids_N=ids)
    renamed = np.array([90, 4, 17, 3, 55, 2, 8])[ids]
    order = generator.permutation(len(truth))
    shuffled = Rows.of(truth.frames_N[order], noisy[order], ids_N=renamed[order])
    expected, found = score(truth, tracks).figures(), score(truth, shuffled).figures()
    assert found == pytest.approx(expected)
    assert 0 < expected["idf1"] < 1


def test_two_sequences_count_as_one():
    truth = rows(*((frame, 1, BOX) for frame in range(1, 4)))
    good, none = score(truth, truth), score(truth, rows((1, 1, FAR)))
    both = overall([good, none])
    assert (both.truth, both.matched, both.switches) == (6, 3, 0)
    assert both.mota == pytest.approx((3 - 1) / 6)


RECORDED = {
    # trackers 2.6.1 (compute_identity_metrics, compute_clear_metrics, compute_hota_metrics)
    # on all frames of MOT17: idf1, switches, mota, motp as overlap, HOTA.
    ("MPNTrack", "FRCNN", "2"): (
        0.5488792480115691,
        25,
        0.47295624562725364,
        0.9115829262983679,
        0.4872127420151709,
    ),
    ("Lif_T", "DPM", "9"): (
        0.7159991432855001,
        15,
        0.7290140845070423,
        0.9042142036550064,
        0.6277071269872512,
    ),
}


@pytest.mark.data
@pytest.mark.parametrize(("tracker", "detector", "sequence"), RECORDED)
def test_the_scores_of_finished_tracks_are_those_of_trackers(tracker, detector, sequence, tmp_path):
    folder = Path(os.environ["BRAINRAY_DATA"]) / "mot17"
    table = pq.read_table(folder / "tracker_outputs.parquet")
    chosen = pc.and_(pc.equal(table["tracker"], tracker), pc.equal(table["seq"], int(sequence)))
    pq.write_table(table.filter(chosen), tmp_path / "tracks.parquet")
    tracks = read_boxes(tmp_path / "tracks.parquet", detector)[sequence]
    found = score(read_boxes(folder / "gt.parquet")[sequence], tracks)
    values = (found.idf1, found.switches, found.mota, found.motp_overlap, found.hota.value)
    assert values == pytest.approx(RECORDED[tracker, detector, sequence], abs=1e-12)
