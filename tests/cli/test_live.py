import io

import pytest
from rich.console import Console

from brainray.cli.live import LiveView
from brainray.pipeline.record import Event
from brainray.scenario import Scenario, load_scenario

AT_EPOCH_2 = {
    "epochs": 2,
    "of": 9,
    "workers": 3,
    "rows": 2400,
    "seconds": 2.0,
    "seconds_waited": 0.25,
    "bytes_sent": 1_500_000,
}
EVENTS: list[Event] = [
    {"event": "progress", "stage": "data", "done": 0, "total": 1},
    {"event": "started", "run_id": "digits-1", "seed": 0, "runner": "local"},
    {"event": "data", "name": "d", "source": "embedded", "rows": {"train": 10, "test": 2}},
    {"event": "pathway", "sub_regions": {"vision.shape": 1.0}, "connections": []},
    {"event": "progress", "stage": "pretrain", "done": 1, "total": 2},
    {"event": "pretrained", "model": "lenet3.image-adam-1", "input": "image", "validation": 0.5},
    {"event": "brood", "index": 0, "genomes": [], "values": [0.5, None, 0.75], "seconds": 1.0},
    {"event": "searched", "seconds": 2.0},
    {"event": "training", "training": "5f3a", "begins": True, **AT_EPOCH_2},
    {"event": "progress", "stage": "train", "done": 0, "total": 1, **AT_EPOCH_2},
    {"event": "solution", "genome": [], "validation": 0.8, "details": {}},
]


@pytest.fixture
def scenario() -> Scenario:
    return load_scenario("audio_visual_digits", ["search.budget=6"])


def test_a_run_of_tracking_shows_when_pictures_are_looked_at() -> None:
    text = io.StringIO()
    with LiveView(load_scenario("multi_object_tracking"), Console(file=text, width=100)) as view:
        for stage in ("detect", "look", "camera"):
            view.listen({"event": "progress", "stage": stage, "done": 0, "total": 2})
    lines = ["detecting objects …", "looking at boxes …", "watching the camera …"]
    assert text.getvalue().splitlines()[:3] == lines


@pytest.mark.parametrize(
    ("objective", "shown"),
    [
        ("mota", "validation 150.0%"),
        ("switches", "validation 1.500"),
        ("{idf1: 1, mota: 0.5}", "validation 1.500"),
        ("{idf1: 2}", "validation 1.500"),
    ],
)
def test_only_a_share_is_said_in_percent(objective: str, shown: str) -> None:
    scenario = load_scenario("multi_object_tracking", [f"goal.objective={objective}"])
    text = io.StringIO()
    with LiveView(scenario, Console(file=text, width=100)) as view:
        view.listen({"event": "solution", "validation": 1.5, "part": "walk-1"})
    assert shown in text.getvalue()


def test_a_damaged_checkpoint_is_said(scenario: Scenario) -> None:
    text = io.StringIO()
    begins = AT_EPOCH_2 | {"epochs": 0, "training": "5f3a", "begins": True, "anew": True}
    model = {"model": "lenet3", "input": "image", "validation": 0.5, "anew": True}
    with LiveView(scenario, Console(file=text, width=100)) as view:
        view.listen({"event": "training", **begins})
        view.listen({"event": "pretrained", **model})
    assert text.getvalue().splitlines()[:2] == [
        "training 5f3a: its checkpoint was damaged, it begins anew",
        "pretrained lenet3: validation 50.0%; its checkpoint was damaged, it began anew",
    ]


def test_unlabelled_rows_are_counted(scenario: Scenario) -> None:
    text = io.StringIO()
    with LiveView(scenario, Console(file=text, width=100)) as view:
        rows = {"train": 168, "validation": 36, "test": 40, "unlabelled": 500}
        view.listen({"event": "data", "name": "d", "source": "manifest", "rows": rows})
    wanted = "data d (manifest): train: 168 labelled, 500 unlabelled; validation: 36; test: 40"
    assert wanted in text.getvalue()


@pytest.mark.parametrize("terminal", [False, True])
def test_a_person_sees_how_far_the_run_is(scenario: Scenario, terminal: bool) -> None:
    text = io.StringIO()
    console = Console(file=text, width=100, force_terminal=terminal)
    with LiveView(scenario, console) as view:
        for event in EVENTS:
            view.listen(event)
    shown = text.getvalue()
    assert view.run_id == "digits-1"
    for part in (
        "run digits-1",
        "10 train, 2 test",
        "active sub-regions: vision.shape",
        "lenet3.image-adam-1: validation 50.0%",
        "3 candidates",
        "best 75.0%",
        "s left",
        "training 5f3a: goes on after epoch 2 of 9 with 3 workers",
        "epoch 2 of 9, 3 workers: 1,200 samples/s, 0.2 s waited, 1.5 MB sent",
        "best fused network: validation 80.0%",
    ):
        assert part in shown
