"""What a person sees while a run goes on, made of the record's events alone."""

import math
import time
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from brainray.datasets.dataset import rows_text
from brainray.pipeline.record import Event
from brainray.scenario import AnyScenario, Scenario, TrackingScenario
from brainray.wording import counted

STAGES = {
    "data": "data",
    "prepare": "preparing inputs",
    "detect": "detecting objects",
    "look": "looking at boxes",
    "camera": "watching the camera",
    "pretrain": "pretraining networks",
    "bank": "building feature banks",
    "search": "searching candidates",
    "train": "training finalists",
}


class LiveView:
    """Shows the stages of one run; without a terminal it prints a line a stage.

    Args:
        scenario: of the run.
        console: to show it on.

    Attributes:
        run_id: of the run, empty until it has started.
    """

    def __init__(self, scenario: AnyScenario, console: Console) -> None:
        self._console = console
        self._budget = scenario.search.budget
        self._made = _made(scenario)
        self._percent = not isinstance(scenario, TrackingScenario) or scenario.goal.is_share
        self._progress = Progress(
            TextColumn("{task.description:<22}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
        )
        self.run_id = ""
        self._tasks: dict[str, TaskID] = {}
        self._evaluated = 0
        self._best = -math.inf
        self._searching_since = 0.0
        self._searched_at: float | None = None
        self._training = ""
        self._live = Live(
            get_renderable=self._picture, console=console, refresh_per_second=4, transient=True
        )

    def __enter__(self) -> Self:
        """Start to show."""
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop to show."""
        self._live.stop()

    def listen(self, event: Event) -> None:
        """Take one event of the run."""
        kind = event["event"]
        if kind == "progress":
            if event["stage"] == "search":
                self._budget = event["total"]
            self._stage(event["stage"], event["done"], event["total"])
            if "workers" in event:
                self._training = _training_text(event)
        elif kind == "training" and event["begins"] and 0 < event["epochs"] < event["of"]:
            self._say(
                f"training {event['training']}: goes on after epoch {event['epochs']} of "
                f"{event['of']} with {counted(event['workers'], 'worker')}"
            )
        elif kind == "training" and event.get("anew"):  # records of before do not have it
            self._say(f"training {event['training']}: its checkpoint was damaged, it begins anew")
        elif kind == "started":
            self.run_id = event["run_id"]
            self._say(f"run {event['run_id']}, seed {event['seed']}, runner {event['runner']}")
        elif kind == "data":
            self._say(f"data {event['name']} ({event['source']}): {rows_text(event['rows'])}")
            self._stage("data", 1, 1)
        elif kind == "pathway":
            self._say(f"active sub-regions: {', '.join(event['sub_regions'])}")
        elif kind == "pretrained":
            anew = "; its checkpoint was damaged, it began anew" if event.get("anew") else ""
            self._say(f"pretrained {event['model']}: validation {event['validation']:.1%}{anew}")
        elif kind == "brood":
            self._brood(event)
        elif kind == "searched":
            self._searched_at = time.monotonic()
            self._say(self._search_text())
        elif kind == "solution":
            self._say(f"best {self._made}: validation {self._value(event['validation'])}")
            if "part" not in event:  # else nothing is trained
                self._stage("train", 1, 1)
                if self._training:
                    self._say(self._training)

    def _brood(self, event: Event) -> None:
        values = [value for value in event["values"] if value is not None]
        if not self._evaluated:
            # The rate counts from the first values: starting workers is no searching.
            self._searching_since = time.monotonic() - event["seconds"]
        self._evaluated += len(event["values"])
        self._best = max([self._best, *values])
        self._stage("search", self._evaluated, self._budget)

    def _search_text(self) -> str:
        until = time.monotonic() if self._searched_at is None else self._searched_at
        passed = max(until - self._searching_since, 1e-3)
        rate = self._evaluated / passed
        left = (self._budget - self._evaluated) / rate if rate else 0.0
        best = f"best {self._value(self._best)}" if math.isfinite(self._best) else "no value yet"
        candidates = counted(self._evaluated, "candidate")
        return f"{candidates}, {rate:.1f} a second, {best}, {left:.0f} s left"

    def _value(self, value: float) -> str:
        return f"{value:.1%}" if self._percent else f"{value:.3f}"

    def _stage(self, stage: str, done: int, total: int) -> None:
        if stage not in self._tasks:
            self._tasks[stage] = self._progress.add_task(STAGES[stage], total=total)
            if not self._console.is_terminal:
                self._console.print(f"{STAGES[stage]} …", highlight=False)
        self._progress.update(self._tasks[stage], completed=done, total=total)
        if done >= total:
            self._progress.stop_task(self._tasks[stage])

    def _say(self, text: str) -> None:
        if self._console.is_terminal:
            self._live.console.print(Text(text))
        else:
            self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _picture(self) -> Group:
        lines = [Text(self._search_text())] if self._evaluated else []
        if self._training:
            lines.append(Text(self._training))
        return Group(self._progress, *lines)


def _training_text(event: Event) -> str:
    """Return how fast a training goes, and what its first worker waits and sends."""
    rate = event["rows"] / max(event["seconds"], 1e-3)
    return (
        f"epoch {event['epochs']} of {event['of']}, {counted(event['workers'], 'worker')}: "
        f"{rate:,.0f} samples/s, {event['seconds_waited']:.1f} s waited, "
        f"{event['bytes_sent'] / 1e6:,.1f} MB sent"
    )


def _made(scenario: AnyScenario) -> str:
    """Return what a run of the scenario is for, in words."""
    if not isinstance(scenario, Scenario):
        return "setting"
    return "grown network" if scenario.grow.enabled else "fused network"
