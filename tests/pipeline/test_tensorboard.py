import math
import struct
from pathlib import Path

import pytest
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData

from brainray.pipeline import tensorboard
from brainray.pipeline.tensorboard import CandidateLog
from brainray.search.interface import Brood, Gene, Space

SPACE = Space(
    (Gene("depth", ("1", "2"), "fusion"), Gene("level1.image", ("none", "conv1"), "level1"))
)
BROOD = Brood(0, 0, ((0, 1), (1, 1), (1, 0)))


def events(folder: Path) -> list[Event]:
    """What the event files directly in a folder say, the oldest first."""
    found = []
    for path in sorted(folder.glob("events.*"), key=lambda path: path.stat().st_mtime_ns):
        data, start = path.read_bytes(), 0
        while start < len(data):  # TFRecord: length, its checksum, the data, their checksum
            (length,) = struct.unpack_from("<Q", data, start)
            found.append(Event.FromString(data[start + 12 : start + 12 + length]))
            start += length + 16
    return found


def scalars(folder: Path, tag: str) -> dict[int, float]:
    return {
        event.step: round(value.simple_value, 3)
        for event in events(folder)
        for value in event.summary.value
        if value.tag == tag
    }


def genes(folder: Path) -> dict[str, str]:
    """The hyperparameters of a candidate."""
    for event in events(folder):
        for value in event.summary.value:
            if value.tag == "_hparams_/session_start_info":
                data = HParamsPluginData.FromString(value.metadata.plugin_data.content)
                found = data.session_start_info.hparams.items()
                return {name: text.string_value for name, text in found}
    return {}


def test_a_candidate_is_a_step_and_failed_ones_have_no_value(tmp_path: Path) -> None:
    with CandidateLog(tmp_path / "curves", SPACE) as log:
        log.add(BROOD, [0.5, math.nan, 0.4])
    assert scalars(tmp_path / "curves", "candidate/value") == {1: 0.5, 3: 0.4}
    assert scalars(tmp_path / "curves", "candidate/best") == {1: 0.5, 3: 0.5}


def test_a_candidate_is_described_by_its_genes(tmp_path: Path) -> None:
    with CandidateLog(tmp_path / "curves", SPACE) as log:
        log.add(BROOD, [0.5, math.nan, 0.4])
    assert {path.name for path in (tmp_path / "curves_genes").glob("candidate-*")} == {
        "candidate-0001",
        "candidate-0003",
    }
    assert scalars(tmp_path / "curves_genes" / "candidate-0003", "value") == {3: 0.4}
    assert genes(tmp_path / "curves_genes" / "candidate-0003") == {
        "depth": "2",
        "level1.image": "none",
    }


def test_who_goes_on_counts_on(tmp_path: Path) -> None:
    with CandidateLog(tmp_path / "curves", SPACE, [0.6, math.nan]) as log:
        log.add(BROOD, [0.5, 0.7, 0.4])
    assert scalars(tmp_path / "curves", "candidate/best") == {3: 0.6, 4: 0.7, 5: 0.7}


def test_a_long_search_does_not_make_files_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tensorboard, "DESCRIBED", 2)
    with CandidateLog(tmp_path / "curves", SPACE) as log:
        log.add(BROOD, [0.1, 0.2, 0.3])
    assert len(list((tmp_path / "curves_genes").glob("candidate-*"))) == 2
    assert len(scalars(tmp_path / "curves", "candidate/value")) == 3


def test_what_was_added_outlives_a_killed_process(tmp_path: Path) -> None:
    with CandidateLog(tmp_path / "curves", SPACE) as log:
        log.add(BROOD, [0.5, math.nan, 0.4])
        # Not closed, as if it was killed now.
        assert scalars(tmp_path / "curves", "candidate/value") == {1: 0.5, 3: 0.4}
        assert scalars(tmp_path / "curves", "candidate/best") == {1: 0.5, 3: 0.5}
