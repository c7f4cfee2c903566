"""A search on Ray Tune: one trial evaluates one brood in one vectorised pass.

Tune's own snapshot is not used: the run's record is the truth, and a resumed run replays it.
"""

import json
import math
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray.tune
from ray.tune.search import Searcher

from brainray.errors import BrainrayError, SearchError
from brainray.pipeline.runner import OnBrood
from brainray.search.interface import Brood, Problem
from brainray.search.schedule import Schedule

LOST_WORKER_RETRIES = 4
"""How often a brood is handed out again whose trial failed, as it does when its worker dies."""
METRIC = "value"


class BroodSearcher(Searcher):
    """Hands the broods of a schedule to Tune as configurations.

    A brood whose worker is lost becomes another trial. Tune's own way, to restore the same trial,
    may give it the dead actor again, since actors are reused.
    """

    def __init__(self, schedule: Schedule) -> None:
        super().__init__(metric=METRIC, mode="max")
        self.schedule = schedule
        self.failure = ""
        self.refused: BrainrayError | None = None
        self.broods: dict[str, Brood] = {}
        self.lost: list[Brood] = []
        self.losses: Counter[int] = Counter()

    def set_search_properties(
        self, metric: str | None, mode: str | None, config: dict[str, Any], **spec: Any
    ) -> bool:
        """Accept Tune's parameter space, which only has to be there."""
        return True

    def suggest(self, trial_id: str) -> Any:
        """Return the next brood as a dict, None to wait for values, or `FINISHED`, a str."""
        if self.failure or self.refused:
            return Searcher.FINISHED
        brood = self.lost.pop(0) if self.lost else self.schedule.next()
        if brood is None:
            # Not before: until it is completed, a brood may have to be handed out again.
            return Searcher.FINISHED if self.schedule.all_completed else None
        self.broods[trial_id] = brood
        return {"brood": json.dumps([brood.index, brood.seed, brood.genomes])}

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Take a brood's values; a brood that failed for good ends the search."""
        brood = self.broods[trial_id]
        if error or result is None:
            self.losses[brood.index] += 1
            if self.losses[brood.index] <= LOST_WORKER_RETRIES:
                self.lost.append(brood)
            else:
                self.failure = self.failure or f"brood {brood.index}: it failed again and again"
        elif "refused" in result:
            self.failure = self.failure or f"brood {brood.index}: {result['refused']}"
        else:
            self.schedule.complete(brood.index, json.loads(result["values"]))

    def trial_name(self, trial: Any) -> str:
        """Return how the dashboard and the run's folder call a trial."""
        index = self.broods[trial.trial_id].index
        again = f"-again-{self.losses[index]}" if self.losses[index] else ""
        return f"brood-{index}{again}"

    def save(self, checkpoint_path: str) -> None:
        """Save nothing: the run's record is the truth."""

    def restore(self, checkpoint_path: str) -> None:
        """Restore nothing: the run's record is replayed into a new schedule."""

    def __getstate__(self) -> dict[str, Any]:
        """Pickle without the schedule: Tune keeps a copy of its configuration on disk."""
        return {key: value for key, value in vars(self).items() if key != "schedule"}


class BroodCallback(ray.tune.Callback):
    """Tells the pipeline of every brood, as soon as it is done."""

    def __init__(self, searcher: BroodSearcher, on_brood: OnBrood) -> None:
        self._searcher = searcher
        self._on_brood = on_brood

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Pass the brood of a finished trial on."""
        brood = self._searcher.broods[trial.trial_id]
        result = trial.last_result
        if "values" not in result:
            return
        try:
            self._on_brood(brood, json.loads(result["values"]), result["seconds"])
        except BrainrayError as error:
            # Tune would take it for a failure of the trial and try that again.
            self._searcher.refused = self._searcher.refused or error

    def __getstate__(self) -> dict[str, Any]:
        """Pickle as nothing: Tune keeps a copy of its configuration on disk."""
        return {}


def evaluate_brood(config: dict[str, Any], problem: Problem) -> None:
    """The trial: evaluate one brood and report its values."""
    index, seed, genomes = json.loads(config["brood"])
    start = time.monotonic()
    try:
        values = problem.evaluate(Brood(index, seed, tuple(tuple(genome) for genome in genomes)))
    except BrainrayError as error:
        # Another try would end the same way; only lost workers are worth one.
        ray.tune.report({METRIC: -math.inf, "refused": str(error)})
        return
    good = [value for value in values if not math.isnan(value)]
    ray.tune.report(
        {
            METRIC: max(good, default=-math.inf),
            "values": json.dumps(values),
            "seconds": time.monotonic() - start,
        }
    )


def search_on_tune(
    problem: Problem,
    schedule: Schedule,
    workers: int,
    on_brood: OnBrood,
    folder: Path,
) -> None:
    """Evaluate all broods of a schedule with Ray Tune.

    Args:
        problem: sent to every trial.
        schedule: what to evaluate.
        workers: trials at the same time.
        on_brood: called as each brood is done.
        folder: where Tune keeps its trials.

    Raises:
        SearchError: a brood failed for good; its number and the reason are named.
        BrainrayError: what ``on_brood`` raised.
    """
    searcher = BroodSearcher(schedule)
    trial: Callable[[dict[str, Any]], None] = ray.tune.with_resources(
        ray.tune.with_parameters(evaluate_brood, problem=problem), {"cpu": 1}
    )
    tuner = ray.tune.Tuner(
        trial,
        param_space={"brood": ""},
        tune_config=ray.tune.TuneConfig(
            search_alg=searcher,
            num_samples=-1,
            max_concurrent_trials=workers,
            reuse_actors=True,
            trial_name_creator=searcher.trial_name,
            trial_dirname_creator=searcher.trial_name,
        ),
        run_config=ray.tune.RunConfig(
            name="search",
            storage_path=str(folder),
            verbose=0,
            callbacks=[BroodCallback(searcher, on_brood)],
        ),
    )
    results = tuner.fit()
    if searcher.refused is not None:
        raise searcher.refused
    if searcher.failure:
        reason = str(results.errors[-1]).strip().splitlines()[-1] if results.num_errors else ""
        raise SearchError(": ".join(filter(None, [searcher.failure, reason])))
    if not schedule.all_completed:
        raise SearchError("the search ended before all of its candidates were evaluated")
