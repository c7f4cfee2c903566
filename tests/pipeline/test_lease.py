import time
from typing import Any

import pytest

from brainray.errors import RunError
from brainray.pipeline import lease
from brainray.pipeline.lease import leased


class Coordinated:
    """A runner of which only the coordinator matters; its second answer is lost."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def coordinate(self, method: str, *arguments: Any) -> None:
        self.calls.append(method)
        if len(self.calls) == 2:
            raise ConnectionError("the coordinator restarts")


def test_a_lease_is_renewed_until_the_run_ends(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(lease, "LEASE_SECONDS", 0.03)
    runner: Any = Coordinated()
    with leased(runner, "run-1"):
        while runner.calls.count("acquire") < 4:
            time.sleep(0.005)
    assert runner.calls[-1] == "release"
    assert set(runner.calls[:-1]) == {"acquire"}
    assert "run-1: its lease was not renewed: the coordinator restarts" in caplog.text
    count = len(runner.calls)
    time.sleep(0.05)
    assert len(runner.calls) == count


def test_a_lease_that_is_refused_is_not_released() -> None:
    class Refusing(Coordinated):
        def coordinate(self, method: str, *arguments: Any) -> None:
            self.calls.append(method)
            raise RunError("is being executed by another")

    runner: Any = Refusing()
    with pytest.raises(RunError, match="another"), leased(runner, "run-1"):
        pass
    assert runner.calls == ["acquire"]
