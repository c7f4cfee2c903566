import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from brainray.errors import RunError
from brainray.pipeline.record import Record
from brainray.testing.disk import largest_file


def test_events_come_back_in_order_and_by_kind(tmp_path: Path) -> None:
    heard: list[dict[str, Any]] = []
    record = Record(tmp_path / "run", heard.append)
    record.append("started", seed=1)
    record.progress("search", 1, 2)
    record.append("brood", index=0, values=[0.5, None])
    assert [event["event"] for event in record.events()] == ["started", "brood"]
    (brood,) = record.events("brood")
    assert datetime.now(UTC) - datetime.fromisoformat(brood.pop("at")) < timedelta(minutes=5)
    assert brood == {"event": "brood", "index": 0, "values": [0.5, None]}
    assert [event["event"] for event in heard] == ["started", "progress", "brood"]


def test_every_event_is_on_disk_before_the_listener_hears_of_it(tmp_path: Path) -> None:
    def listen(event: dict[str, Any]) -> None:
        assert json.loads(record.path.read_text().splitlines()[-1]) == event

    record = Record(tmp_path / "run", listen)
    record.append("started", seed=1)


def test_a_line_that_was_cut_off_is_dropped_and_overwritten(tmp_path: Path) -> None:
    record = Record(tmp_path)
    record.append("started", seed=1)
    record.append("brood", index=0)
    whole = record.path.read_bytes()
    for cut in range(len(whole) - 5, len(whole)):
        record.path.write_bytes(whole[:cut])
        assert [event["event"] for event in record.events()] == ["started"]
        record.cut_unfinished_line()
        record.append("brood", index=1)
        assert [event.get("index") for event in record.events()] == [None, 1]


def test_damage_in_the_middle_is_named(tmp_path: Path) -> None:
    record = Record(tmp_path)
    record.path.write_text('{"event":"started"}\n{"event":\n{"event":"data"}\n')
    with pytest.raises(RunError, match=r"record\.jsonl: line 2 is damaged"):
        list(record.events())


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be made"):
        Record(tmp_path / "file" / "run")


def test_nan_is_never_written(tmp_path: Path) -> None:
    record = Record(tmp_path)
    with pytest.raises(ValueError, match="not JSON compliant"):
        record.append("brood", values=[float("nan")])
    assert not record.path.exists()


@pytest.mark.parametrize("line", [b'{"event":"\xff"}', b"3", b'{"at":"now"}', b"", b"[]"])
def test_a_line_that_is_no_event_is_damage(tmp_path: Path, line: bytes) -> None:
    record = Record(tmp_path)
    record.path.write_bytes(b'{"event":"started"}\n' + line + b'\n{"event":"data"}\n')
    with pytest.raises(RunError, match=r"record\.jsonl: line 2 is damaged"):
        list(record.events())


def test_a_full_disk_leaves_no_half_of_an_event(tmp_path: Path) -> None:
    record = Record(tmp_path)
    record.append("started", seed=1)
    size = record.path.stat().st_size
    with largest_file(size + 10), pytest.raises(RunError, match=r"record\.jsonl: cannot be writt"):
        record.append("brood", values=[0.5] * 10)
    assert record.path.stat().st_size == size
    record.append("failed", error="no room")
    assert [event["event"] for event in record.events()] == ["started", "failed"]


def test_the_lock_names_the_process_that_executes_the_run(tmp_path: Path) -> None:
    record = Record(tmp_path)
    assert record.executor() is None
    record.append("started")
    with record.locked():
        assert record.executor() == os.getpid()
        refused = pytest.raises(RunError, match=f"is being executed by process {os.getpid()}")
        with refused, Record(tmp_path).locked():
            pass
        assert record.executor() == os.getpid()
    assert record.executor() is None
    with record.locked():
        assert (tmp_path / "lock").read_text() == str(os.getpid())


def test_a_run_that_recorded_nothing_leaves_no_folder(tmp_path: Path) -> None:
    with Record(tmp_path / "empty").locked():
        pass
    assert not (tmp_path / "empty").exists()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").touch()
    with Record(tmp_path / "other").locked():
        pass
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["mine.txt"]
