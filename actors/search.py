"""A search on Ray Tune: each trial is a worker of one CPU, which evaluates one brood after another.

A trial a brood would pay for an actor's start, which may take longer than a brood does: Tune gives
the actor of the trial that has just ended to the one that waits, so that a second worker may
never get to start. Tune's own snapshot is not used: the run's record is the truth, and a resumed
run replays it.
"""

import itertools
import json
import math
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray
import ray.tune
from ray.tune.progress_reporter import TrialProgressCallback
from ray.tune.search import Searcher

from actors.broods import BroodsActor
from brainray.errors import BrainrayError, SearchError
from brainray.search.interface import Brood, Problem
from brainray.search.schedule import Schedule

if TYPE_CHECKING:
    from brainray.pipeline.runner import OnBrood  # workers would wait for all that this imports

LOST_WORKER_RETRIES = 4
"""How often a brood is evaluated again whose worker was lost."""
METRIC = "value"
NO_BROOD = -1
"""Stands for what a worker had that was lost while it had no brood."""


class Silent(TrialProgressCallback):
    """Prints nothing: Tune would say on stdout, where JSON may be, that a worker has ended."""

    def _print(self, msg: str) -> None:
        pass


class BroodSearcher(Searcher):
    """Keeps the queue of broods filled from a schedule; to Tune, it suggests workers.

    Args:
        schedule: what to evaluate.
        broods: the queue, an actor.
        on_brood: called as each brood is done.
    """

    def __init__(self, schedule: Schedule, broods: Any, on_brood: "OnBrood") -> None:
        super().__init__(metric=METRIC, mode="max")
        self.schedule = schedule
        self.broods = broods
        self.on_brood = on_brood
        self.failure = ""
        self.refused: Exception | None = None
        self.workers: dict[str, int] = {}
        self.numbers = itertools.count()
        self.outstanding: dict[int, Brood] = {}
        self.last_put: Any = None
        self.losses: Counter[int] = Counter()

    @property
    def ended(self) -> bool:
        """Whether there is nothing more to do, or no sense in it."""
        done = not self.outstanding and self.schedule.all_completed
        return bool(done or self.failure or self.refused)

    def set_search_properties(
        self, metric: str | None, mode: str | None, config: dict[str, Any], **spec: Any
    ) -> bool:
        """Accept Tune's parameter space, which only has to be there."""
        return True

    def suggest(self, trial_id: str) -> Any:
        """Return what a new worker needs to know as a dict, or `FINISHED`, a str."""
        if self.ended:
            return Searcher.FINISHED
        self.workers[trial_id] = next(self.numbers)
        self.fill()
        return {"worker": trial_id}

    def fill(self) -> None:
        """Have as many broods in evaluation, or waiting for it, as there are workers.

        Not more: a brood that waits is asked for before it has to be, and cannot be called back
        when the time is up.
        """
        while len(self.outstanding) < len(self.workers):
            try:
                brood = self.schedule.next()
            except Exception as error:  # Tune would hide what it is, e.g. of a full disk
                self.refused = error
                break
            if brood is None:
                break
            self.outstanding[brood.index] = brood
            # Calls of an asynchronous actor may overtake each other, hence the call before this
            # one. Nobody waits here: the queue's process starts while those of the workers do.
            text = json.dumps([brood.index, brood.seed, brood.genomes])
            self.last_put = self.broods.put.remote(text, self.last_put)
        if self.ended:
            self.broods.end.remote()

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Take a brood's values; one that was refused ends the search."""
        if self.ended:
            return
        brood = self.outstanding.pop(result["brood"])
        if "refused" in result:
            self.failure = f"brood {brood.index}: {result['refused']}"
        else:
            values = json.loads(result["values"])
            self.losses.pop(NO_BROOD, None)
            try:
                self.schedule.complete(brood.index, values)
                self.on_brood(brood, values, result["seconds"])
            except Exception as error:
                # Tune would take it for a failure of the trial and try that again.
                self.refused = error
        self.fill()
        ray.get(self.last_put)  # the queue has answered before, so nobody waits; it may have failed

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Forget a worker that has ended; what a lost one had taken is evaluated again."""
        self.workers.pop(trial_id)
        if not error:
            return
        taken = ray.get(self.broods.lose.remote(trial_id, list(self.outstanding)))
        index = NO_BROOD if taken is None else json.loads(taken)[0]
        self.losses[index] += 1
        if self.losses[index] > LOST_WORKER_RETRIES:
            what = "a worker" if index == NO_BROOD else f"brood {index}"
            self.failure = self.failure or f"{what}: it failed again and again"
            self.fill()

    def save(self, checkpoint_path: str) -> None:
        """Save nothing: the run's record is the truth."""

    def restore(self, checkpoint_path: str) -> None:
        """Restore nothing: the run's record is replayed into a new schedule."""

    def __getstate__(self) -> dict[str, Any]:
        """Pickle as little as can be: Tune keeps a copy of its configuration on disk."""
        return {}


def evaluate_broods(config: dict[str, Any], problem: Problem, broods: Any) -> None:
    """The trial: evaluate broods until there are no more, and report the values of each."""
    while (taken := ray.get(broods.take.remote(config["worker"]))) is not None:
        index, seed, genomes = json.loads(taken)
        start = time.monotonic()
        try:
            brood = Brood(index, seed, tuple(tuple(genome) for genome in genomes))
            values = problem.evaluate(brood)
        except BrainrayError as error:
            # Another try would end the same way; only lost workers are worth one.
            ray.tune.report({METRIC: -math.inf, "brood": index, "refused": str(error)})
            return
        good = [value for value in values if not math.isnan(value)]
        ray.tune.report(
            {
                METRIC: max(good, default=-math.inf),
                "brood": index,
                "values": json.dumps(values),
                "seconds": time.monotonic() - start,
            }
        )


def search_on_tune(
    problem: Problem,
    schedule: Schedule,
    workers: int | None,
    on_brood: "OnBrood",
    folder: Path,
) -> None:
    """Evaluate all broods of a schedule with Ray Tune.

    Args:
        problem: sent to every worker.
        schedule: what to evaluate.
        workers: at the same time; None is as many as the cluster has CPUs for, also those that
            join while the search runs. ``TUNE_MAX_PENDING_TRIALS_PG`` is how many may be starting
            at once.
        on_brood: called as each brood is done.
        folder: where Tune keeps its trials.

    Raises:
        SearchError: a brood failed for good; its number and the reason are named.
        Exception: what the schedule or ``on_brood`` raised.
    """
    broods: Any = BroodsActor.remote()
    searcher = BroodSearcher(schedule, broods, on_brood)
    trial: Callable[[dict[str, Any]], None] = ray.tune.with_resources(
        ray.tune.with_parameters(evaluate_broods, problem=problem, broods=broods), {"cpu": 1}
    )

    def name(trial: Any) -> str:
        return f"worker-{searcher.workers.get(trial.trial_id, trial.trial_id)}"

    tuner = ray.tune.Tuner(
        trial,
        param_space={"worker": ""},
        tune_config=ray.tune.TuneConfig(
            search_alg=searcher,
            num_samples=-1,
            max_concurrent_trials=workers,
            # The one that still waits for a CPU when the search ends needs no actor of its own.
            reuse_actors=True,
            trial_name_creator=name,
            trial_dirname_creator=name,
        ),
        run_config=ray.tune.RunConfig(
            name="search", storage_path=str(folder), verbose=0, callbacks=[Silent()]
        ),
    )
    try:
        results = tuner.fit()
    finally:
        ray.kill(broods)
    if searcher.refused is not None:
        raise searcher.refused
    if searcher.failure:
        reason = str(results.errors[-1]).strip().splitlines()[-1] if results.num_errors else ""
        raise SearchError(": ".join(filter(None, [searcher.failure, reason])))
    if not schedule.all_completed:
        raise SearchError("the search ended before all of its candidates were evaluated")
