"""Compares searchers on a table: many seeds in parallel processes, and a test against chance.

A searcher proposes one code after the other and learns each value before the next (brood size 1,
lag 1), as published comparisons do; larger broods and lags are what a run on several workers
has. What it found is the code that is best on the column it searched on; that code is judged by
the columns to report.
"""

import inspect
import itertools
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, TypeAlias, get_type_hints

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError
from scipy import stats

from brainray import plugins
from brainray.errors import SearchError
from brainray.search.calling import made
from brainray.search.interface import Searcher, Space
from brainray.search.schedule import Schedule
from brainray.search.table import TableProblem

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)

Curves: TypeAlias = dict[str, NDArray[np.float64]]
"""By column, the value of the best code after 1, 2, … evaluations: shape `(N,)`, or `(K, N)` of
several seeds."""


@dataclass(frozen=True)
class Protocol:
    """How a searcher is run on a table.

    Attributes:
        algorithm: a name in ``brainray.searchers``.
        budget: distinct codes to evaluate; fewer if the table has fewer.
        brood_size: codes that are proposed together.
        lag: broods that may be in evaluation at once: brood i sees broods 0 to i - lag.
        options: keyword arguments of the searcher beside its defaults.
    """

    algorithm: str
    budget: int
    brood_size: int = 1
    lag: int = 1
    options: Mapping[str, Any] = field(default_factory=dict)


def make_searcher(space: Space, protocol: Protocol, seed: int) -> Searcher:
    """Make the searcher that a protocol names.

    Raises:
        PluginError: no searcher has this name.
        SearchError: it has no such option, the option's value is not allowed, or it cannot be made.
    """
    searcher: Any = plugins.load("searchers", protocol.algorithm)
    parameters = list(inspect.signature(searcher).parameters.values())[2:]  # after space and seed
    kinds = {one.name: one.annotation for one in parameters}
    for name, value in protocol.options.items():
        what = f"{protocol.algorithm}: {name}"
        if name not in kinds:
            raise SearchError(f"{what} is no option, allowed are {', '.join(kinds) or 'none'}")
        try:
            _type_of(searcher, name, kinds[name]).validate_python(value, strict=True)
        except ValidationError as error:
            raise SearchError(f"{what} is {value!r}: {error.errors()[0]['msg']}") from error
    return made(protocol.algorithm, searcher, space, seed, **protocol.options)


def _type_of(searcher: Any, name: str, annotation: Any) -> TypeAdapter[Any]:
    """Return what checks an option; anything passes where its type is not to be known.

    That is where there is no annotation, or one that only type checkers can look up.
    """
    if annotation is inspect.Parameter.empty:
        return TypeAdapter(Any)
    made_by = inspect.unwrap(searcher.__init__ if inspect.isclass(searcher) else searcher)
    annotated = SimpleNamespace(__annotations__={name: annotation})
    try:
        kind = get_type_hints(annotated, getattr(made_by, "__globals__", {}))[name]
        return TypeAdapter(kind)
    except (NameError, PydanticSchemaGenerationError):
        return TypeAdapter(Any)


@dataclass(frozen=True)
class Searched:
    """One search that was run.

    Attributes:
        protocol: how it was run.
        seed: of it.
        curves: how its best code developed.
        diagnostics: the searcher's own at the end, by name; empty if it gives none.
    """

    protocol: Protocol
    seed: int
    curves: Curves
    diagnostics: dict[str, float]


def search(problem: TableProblem, protocol: Protocol, seed: int) -> Curves:
    """Run one search and return how its best code develops; errors as of `make_searcher`."""
    return run_search(problem, protocol, seed).curves


def run_search(problem: TableProblem, protocol: Protocol, seed: int) -> Searched:
    """Run one search; errors as of `make_searcher`.

    It ends once it has found the table's best code: the rest of its curves is level.
    """
    most = max(problem.sign * value for value in problem.columns[problem.search_on])
    schedule = Schedule(
        problem.space,
        make_searcher(problem.space, protocol, seed),
        seed=seed,
        budget=protocol.budget,
        brood_size=protocol.brood_size,
        lag=protocol.lag,
        name=protocol.algorithm,
    )
    waiting = []
    while True:
        # As with `lag` workers that take equally long, the oldest brood is completed first.
        while (brood := schedule.next()) is not None:
            waiting.append(brood)
        if not waiting:
            break
        brood = waiting.pop(0)
        values = problem.evaluate(brood)
        schedule.complete(brood.index, values)
        if most in values:
            break
    best = -np.inf
    reports = []
    for genome, _ in schedule.history:
        found = problem.report(genome)
        if (value := problem.sign * found[problem.search_on]) > best:
            best, report = value, found
        reports.append(report)
    reports += [report] * (min(protocol.budget, len(problem.codes.rows)) - len(reports))
    curves = {name: np.array([report[name] for report in reports]) for name in problem.columns}
    return Searched(protocol, seed, curves, schedule.diagnostics)


def search_many(
    problem: TableProblem,
    protocols: Sequence[Protocol],
    seeds: Sequence[int],
    workers: int = 1,
    on_done: Callable[[Searched], None] = lambda searched: None,
) -> list[Curves]:
    """Run every protocol for each of K seeds.

    Args:
        problem: is searched.
        protocols: of the searches.
        seeds: of the searches of each protocol.
        workers: processes; with 1 it is this one. The result does not depend on their number.
        on_done: called after each search.

    Returns:
        The curves of each protocol, shape `(K, N)`, in the order of the seeds.

    Raises:
        PluginError, SearchError: as of `make_searcher`, before anything is evaluated.
    """
    for protocol in protocols:
        make_searcher(problem.space, protocol, 0)
    jobs = list(itertools.product(range(len(protocols)), seeds))
    found: dict[tuple[int, int], Curves] = {}
    for number, searched in _results(problem, protocols, jobs, workers):
        found[number, searched.seed] = searched.curves
        on_done(searched)
    return [
        {name: np.stack([found[number, seed][name] for seed in seeds]) for name in problem.columns}
        for number in range(len(protocols))
    ]


def _results(
    problem: TableProblem,
    protocols: Sequence[Protocol],
    jobs: Sequence[tuple[int, int]],
    workers: int,
) -> Iterator[tuple[int, Searched]]:
    """Yield the protocol's number and the search of each job, as they come."""
    if workers == 1:
        for number, seed in jobs:
            yield number, run_search(problem, protocols[number], seed)
        return
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])  # torch is imported once, not by each worker
    pool = ProcessPoolExecutor(
        min(workers, len(jobs)),
        mp_context=context,
        initializer=_begin,
        initargs=(problem,),
    )
    try:
        futures = {pool.submit(_search, protocols[number], seed): number for number, seed in jobs}
        for future in as_completed(futures):
            yield futures[future], future.result()
    except BrokenProcessPool as error:
        raise SearchError("a process that searched was killed; is there memory enough?") from error
    finally:
        pool.shutdown(cancel_futures=True)


_problem: TableProblem | None = None
"""What a worker process searches; it is sent once."""


def _begin(problem: TableProblem) -> None:
    """Prepare a worker process: it ends with the one that asked, for which Ctrl-C is."""
    global _problem
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _problem = problem


def _end_with_parent() -> None:
    """End this process when the one that asked is killed; else it would wait for work for ever.

    The server that forked it ends after its last worker.
    """
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _search(protocol: Protocol, seed: int) -> Searched:
    assert _problem is not None
    return run_search(_problem, protocol, seed)


def summary(values_K: NDArray[np.float64]) -> dict[str, Any]:
    """Return mean, standard deviation and quantiles over K seeds, as JSON values."""
    quantiles = np.quantile(values_K, QUANTILES)
    return {
        "mean": float(values_K.mean()),
        "sd": float(values_K.std(ddof=1)) if len(values_K) > 1 else 0.0,
        "quantiles": {
            f"{q:g}": float(value) for q, value in zip(QUANTILES, quantiles, strict=True)
        },
    }


def compare(
    values_K: NDArray[np.float64], others_K: NDArray[np.float64], minimised: bool = False
) -> dict[str, Any]:
    """Compare two searchers by their results for the same K seeds.

    The test is Wilcoxon's signed-rank test (Biometrics Bulletin 1945), two-sided, without the
    seeds that tie; the effect size is the rank-biserial correlation of matched pairs (Kerby 2014):
    1 where the first is better for every seed, -1 where it is worse for every one.

    Args:
        values_K: of the first.
        others_K: of the second.
        minimised: whether smaller values are better.

    Returns:
        Mean difference (of the values as they are), wins, ties, losses, ``p`` and
        ``rank_biserial``.
    """
    differences_K = others_K - values_K if minimised else values_K - others_K
    unequal = differences_K[differences_K != 0]
    p, effect = 1.0, 0.0
    if len(unequal):
        p = float(stats.wilcoxon(unequal).pvalue)
        ranks = stats.rankdata(np.abs(unequal))
        effect = float((np.sign(unequal) * ranks).sum() / ranks.sum())
    return {
        "mean_difference": float((values_K - others_K).mean()),
        "wins": int((differences_K > 0).sum()),
        "ties": int((differences_K == 0).sum()),
        "losses": int((differences_K < 0).sum()),
        "p": p,
        "rank_biserial": effect,
    }
