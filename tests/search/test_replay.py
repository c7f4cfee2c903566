"""A schedule that goes on from the record of an earlier execution."""

import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainray.errors import SearchError
from brainray.search.schedule import Evaluated


@settings(deadline=None, max_examples=50)
@given(
    interrupted_after=st.integers(0, 9),
    workers=st.integers(1, 4),
    order=st.randoms(use_true_random=False),
)
def test_a_replayed_record_gives_the_same_history(
    interrupted_after, workers, order, run, toy, evolution
):
    whole, asked = {}, []
    schedule = evolution()
    while (brood := schedule.next()) is not None:
        values = toy.evaluate(brood)
        whole[brood.index] = Evaluated(brood.genomes, tuple(values))
        schedule.complete(brood.index, values)
    # When a run dies, some of the broods in evaluation are recorded already, others are not.
    in_evaluation = range(interrupted_after, interrupted_after + workers)
    recorded = {*range(interrupted_after), *order.sample(in_evaluation, workers // 2)}
    record = {index: known for index, known in whole.items() if index in recorded}
    resumed = evolution(known=record)
    while (brood := resumed.next()) is not None:
        asked.append(brood.index)
        resumed.complete(brood.index, toy.evaluate(brood))
    assert resumed.history == schedule.history
    assert asked == [index for index in whole if index not in record]


def test_a_whole_record_leaves_nothing_to_evaluate(run, toy, evolution):
    schedule = evolution()
    history = run(schedule, toy)
    record = {
        index: Evaluated(*zip(*history[7 * index : 7 * index + 7], strict=True))
        for index in range(9)
    }
    resumed = evolution(known=record)
    assert resumed.next() is None
    assert resumed.all_asked
    assert resumed.history == history


@pytest.mark.parametrize("change", ["genomes", "values", "seed"])
def test_a_record_of_another_run_is_refused(change, toy, evolution):
    schedule = evolution()
    brood = schedule.next()
    genomes, values = brood.genomes, toy.evaluate(brood)
    if change == "genomes":
        genomes = genomes[::-1]
    if change == "values":
        values = values[:-1]
    resumed = evolution(int(change == "seed"), known={0: Evaluated(genomes, tuple(values))})
    reason = "6 values for its 7" if change == "values" else "the record has other genomes"
    with pytest.raises(SearchError, match=f"brood 0: {reason}"):
        resumed.next()


def test_a_changed_value_in_the_record_shows_in_the_next_brood(toy, evolution):
    """The next recorded brood does not fit, so that the change is found."""
    schedule = evolution(lag=1)
    record = {}
    for _ in range(2):
        brood = schedule.next()
        values = toy.evaluate(brood)
        schedule.complete(brood.index, values)
        record[brood.index] = Evaluated(brood.genomes, tuple(values))
    record[0] = Evaluated(record[0].genomes, tuple(1 - value for value in record[0].values))
    with pytest.raises(SearchError, match="brood 1: the record has other genomes"):
        evolution(lag=1, known=record).next()


def test_what_is_known_is_kept_even_without_time(toy, evolution):
    brood = evolution().next()
    known = {0: Evaluated(brood.genomes, tuple(toy.evaluate(brood)))}
    resumed = evolution(known=known, time_limit_seconds=0)
    assert resumed.next() is None
    assert resumed.all_asked
    assert [genome for genome, _ in resumed.history] == list(brood.genomes)


def test_a_schedule_goes_on_where_it_was_pickled(run, toy, evolution):
    schedule = evolution()
    for _ in range(2):
        brood = schedule.next()
        schedule.complete(brood.index, toy.evaluate(brood))
    waiting = schedule.next()
    copy = pickle.loads(pickle.dumps(schedule))
    for one in (schedule, copy):
        one.complete(waiting.index, toy.evaluate(waiting))
    assert run(copy, toy) == run(schedule, toy)
