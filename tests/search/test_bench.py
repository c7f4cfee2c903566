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


def test_the_effect_size_weighs_differences_by_rank():
    # Ranks of the differences: 1, -2, 3, 4; ties are left out.
    found = compare(np.array([1.0, -2.0, 3.0, 4.0, 0.0]), np.zeros(5))
    assert found["rank_biserial"] == pytest.approx((1 - 2 + 3 + 4) / 10)
    assert (found["wins"], found["ties"], found["losses"]) == (3, 1, 1)
