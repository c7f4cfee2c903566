import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from brainray.errors import PluginError, SearchError
from brainray.search.bench import Protocol, compare, search, search_many, summary
from brainray.search.table import TableProblem, problem_of
from brainray.testing import epistatic_table

SIZES = {"six choices": (6,) * 4, "seven genes": (3,) * 7, "mixed": (2, 8, 3, 5, 4)}


def tabulated(sizes: tuple[int, ...]) -> TableProblem:
    return problem_of(epistatic_table(sizes), "gene_*", "validation", ["test"])


@pytest.fixture(scope="module")
def problem() -> TableProblem:
    return tabulated((4, 2, 5, 3))


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_the_defaults_of_evolution_beat_random_search_on_other_tables(sizes):
    protocols = [Protocol("evolution", 80), Protocol("random", 80)]
    evolved, drawn = search_many(tabulated(sizes), protocols, range(10))
    found = compare(evolved["test"][:, -1], drawn["test"][:, -1])
    assert found["mean_difference"] > 0
    assert found["p"] < 0.05


def test_a_curve_follows_the_best_code_so_far(problem: TableProblem):
    curves = search(problem, Protocol("random", 60), 0)
    assert [len(values) for values in curves.values()] == [60, 60]
    assert (np.diff(curves["validation"]) >= 0).all()
    pairs = set(zip(*problem.columns.values(), strict=True))
    assert set(zip(*curves.values(), strict=True)) <= pairs


def test_a_whole_table_ends_at_its_best_code(problem: TableProblem):
    curves = search(problem, Protocol("evolution", 1000, brood_size=7, lag=3), 0)
    assert len(curves["validation"]) == 4 * 2 * 5 * 3
    best = int(np.argmax(problem.columns["validation"]))
    assert curves["test"][-1] == problem.columns["test"][best]


class Counted(TableProblem):
    """Counts what is evaluated."""

    def evaluate(self, brood):
        found = super().evaluate(brood)
        evaluated.extend(found)
        return found


evaluated: list[float] = []


def test_it_ends_with_the_best_code_of_the_table(problem: TableProblem):
    counted = Counted(problem.space, problem.codes, problem.search_on, problem.columns)
    evaluated.clear()
    curves = search(counted, Protocol("evolution", 110), 0)
    most = max(problem.columns["validation"])
    assert evaluated.index(most) == len(evaluated) - 1 < 109
    assert len(curves["validation"]) == 110
    assert (curves["validation"][len(evaluated) - 1 :] == most).all()
    np.testing.assert_array_equal(
        curves["validation"][: len(evaluated)], np.maximum.accumulate(evaluated)
    )


def test_the_seed_decides_and_the_number_of_processes_does_not(problem: TableProblem):
    protocols = [Protocol("evolution", 40), Protocol("random", 40, brood_size=4, lag=2)]
    done: list[str] = []
    alone = search_many(problem, protocols, range(3))
    shared = search_many(
        problem, protocols, range(3), 2, lambda one: done.append(one.protocol.algorithm)
    )
    for one, other in zip(alone, shared, strict=True):
        for name, values in one.items():
            np.testing.assert_array_equal(values, other[name])
    assert sorted(done) == ["evolution"] * 3 + ["random"] * 3
    assert (alone[0]["test"][0] != alone[0]["test"][1]).any()


def test_the_processes_end_with_the_one_that_asked_even_if_it_is_killed(tmp_path: Path):
    script = tmp_path / "asks.py"
    script.write_text(
        "from brainray.search.bench import Protocol, search_many\n"
        "from brainray.search.table import problem_of\n"
        "from brainray.testing import epistatic_table\n"
        "if __name__ == '__main__':\n"
        "    problem = problem_of(epistatic_table((9,) * 4), 'gene_*', 'validation', [])\n"
        "    search_many(problem, [Protocol('random', 1000)], range(10000), 2,\n"
        "        lambda one: print(one.seed, flush=True))\n"
    )
    command = [sys.executable, script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as asks:
        assert asks.stdout is not None
        asks.stdout.readline()  # a search is done, so that all processes are there
        begun = members(asks.pid)
        asks.kill()
    assert len(begun) >= 4  # itself, the server, two workers
    deadline = time.monotonic() + 60
    while (left := members(asks.pid)) and time.monotonic() < deadline:
        time.sleep(0.1)
    for process in left:
        os.kill(process, signal.SIGKILL)
    assert left == []


def members(session: int) -> list[int]:
    """Return the processes of a session that have not ended."""
    found = []
    for place in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, _, of = place.read_text().rpartition(")")[2].split()[:4]
            if int(of) == session and state != "Z":
                found.append(int(place.parent.name))
    return found


def test_a_lag_holds_values_back(problem: TableProblem):
    """With nothing told in time, an evolution draws at random all along."""
    bred = search(problem, Protocol("evolution", 40, lag=1), 0)["validation"]
    held = search(problem, Protocol("evolution", 40, lag=40), 0)["validation"]
    assert (bred[:10] == held[:10]).all()
    assert (bred != held).any()


def test_options_reach_the_searcher(problem: TableProblem):
    plain = search(problem, Protocol("evolution", 60), 0)
    aging = search(problem, Protocol("evolution", 60, options={"selection": "aging"}), 0)
    assert (plain["validation"] != aging["validation"]).any()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"popsize": 3}, "evolution: popsize is no option, allowed are population, tournament"),
        ({"population": "many"}, "evolution: population is 'many': Input should be a valid int"),
        ({"population": 1}, "evolution: population is 1, at least 2"),
        ({"cut": "x"}, "evolution: cut is 'x': Input should be 'groups' or 'genes'"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_evaluated(problem, options, reason):
    protocols = [Protocol("random", 10), Protocol("evolution", 10, options=options)]
    with pytest.raises(SearchError, match=reason):
        search_many(problem, protocols, range(2), on_done=lambda _: pytest.fail("has begun"))


POSTPONED = """
from __future__ import annotations
from typing import TYPE_CHECKING, Any, Literal
from brainray.search.random_search import RandomSearch
if TYPE_CHECKING:
    from collections.abc import Sequence
    from brainray.search.interface import Space

class Postponed(RandomSearch):
    def __init__(
        self, space: Space, seed: int, plain=1, rate: float = 0.1, way: Literal["a", "b"] = "a",
        layers: Sequence[int] = (), other: RandomSearch | None = None,
    ) -> None:
        super().__init__(space, seed + plain)
"""


@pytest.fixture
def postponed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Installs a searcher whose annotations are text, some of them for type checkers alone."""
    info = tmp_path / "postponed-1.0.dist-info"
    info.mkdir()
    (tmp_path / "postponed.py").write_text(POSTPONED)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: postponed\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[brainray.searchers]\npostponed = postponed:Postponed\n"
    )
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("postponed")
def test_options_are_checked_as_far_as_their_annotations_are_known(problem: TableProblem):
    options = {"plain": 2, "rate": 0.5, "way": "b", "layers": [1, 2], "other": 3}
    search(problem, Protocol("postponed", 5), 0)
    search(problem, Protocol("postponed", 5, options=options), 0)
    for wrong, reason in (
        ({"rate": "high"}, "postponed: rate is 'high': Input should be a valid number"),
        ({"way": "c"}, "postponed: way is 'c': Input should be 'a' or 'b'"),
        ({"plane": 1}, "postponed: plane is no option, allowed are plain, rate, way, layers"),
    ):
        with pytest.raises(SearchError, match=reason):
            search(problem, Protocol("postponed", 5, options=wrong), 0)


def test_an_unknown_searcher_is_refused(problem: TableProblem):
    with pytest.raises(PluginError, match="searchers: unknown name 'luck', allowed are"):
        search_many(problem, [Protocol("luck", 10)], range(2))


def test_a_summary_has_mean_deviation_and_quantiles():
    found = summary(np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    assert found["mean"] == 3
    assert found["sd"] == pytest.approx(2.5**0.5)
    assert found["quantiles"]["0.5"] == 3
    assert (found["quantiles"]["0"], found["quantiles"]["1"]) == (1, 5)
    assert summary(np.array([2.0]))["sd"] == 0


def test_a_comparison_counts_and_tests():
    values = np.arange(20.0)
    better = compare(values + 1, values)
    assert (better["wins"], better["ties"], better["losses"]) == (20, 0, 0)
    assert (better["mean_difference"], better["rank_biserial"]) == (1, 1)
    assert better["p"] < 1e-4
    worse = compare(values, values + 1)
    assert (worse["rank_biserial"], worse["p"]) == (-1, better["p"])
    same = compare(values, values)
    assert (same["ties"], same["p"], same["rank_biserial"]) == (20, 1, 0)


def test_smaller_is_better_where_it_is_said():
    values = np.arange(20.0)
    better = compare(values - 1, values, minimised=True)
    assert (better["wins"], better["losses"], better["rank_biserial"]) == (20, 0, 1)
    assert better["mean_difference"] == -1


@pytest.mark.parametrize("algorithm", ["evolution", "random"])
def test_a_search_for_the_smallest_is_that_for_the_largest_of_negated_values(algorithm):
    table = epistatic_table((4, 2, 5, 3))
    negated = table.set_column(
        table.column_names.index("validation"),
        "validation",
        [[-value for value in table["validation"].to_pylist()]],
    )
    largest = search(
        problem_of(negated, "gene_*", "validation", ["test"]), Protocol(algorithm, 90), 0
    )
    smallest = search(
        problem_of(table, "gene_*", "validation", ["test"], ["validation"]),
        Protocol(algorithm, 90),
        0,
    )
    np.testing.assert_array_equal(smallest["validation"], -largest["validation"])
    np.testing.assert_array_equal(smallest["test"], largest["test"])
    assert (np.diff(smallest["validation"]) <= 0).all()


def test_the_effect_size_weighs_differences_by_rank():
    # Ranks of the differences: 1, -2, 3, 4; ties are left out.
    found = compare(np.array([1.0, -2.0, 3.0, 4.0, 0.0]), np.zeros(5))
    assert found["rank_biserial"] == pytest.approx((1 - 2 + 3 + 4) / 10)
    assert (found["wins"], found["ties"], found["losses"]) == (3, 1, 1)
