"""What is said of a strategy that is wrong: in one line that names it, on every wire."""

import pytest

from brainray.errors import DataError, TrainingError
from brainray.training.cluster import Cluster
from brainray.training.communicator import simulate
from brainray.training.interface import Ask, Merge, Push, Strategy
from brainray.training.loop import Recipe, fit
from brainray.training.mergers import SUM
from brainray.training.simulation import simulate_epochs

ROWS = 12


class YieldsANumber(Strategy):
    def step(self, replica, step):
        yield 42


class YieldsNothing(Strategy):
    def step(self, replica, step):
        yield


class ReturnsAGradient(Strategy):
    def step(self, replica, step):
        return step.rows


class Raises(Strategy):
    def step(self, replica, step):
        yield Merge(step.gradient, SUM)
        raise ZeroDivisionError("division\nby zero")


class RaisesOnOne(Strategy):
    def step(self, replica, step):
        if replica.rank == 1:
            raise KeyError("velocity")
        yield Merge(step.gradient, SUM)


class RaisesAtItsEnd(Strategy):
    def step(self, replica, step):
        yield Merge(step.gradient, SUM)

    def finish(self, replica):
        yield Merge(replica.parameters(), SUM)
        raise RuntimeError("no\nend")


class AsksNobody(Strategy):
    def step(self, replica, step):
        yield Ask(Push("step"))


WRONG = [
    (YieldsANumber, "YieldsANumber.step yields 42, allowed are Merge, Start, Wait and Ask"),
    (YieldsNothing, "YieldsNothing.step yields None, allowed are Merge, Start, Wait and Ask"),
    (ReturnsAGradient, "start, step, pause and finish must yield what is to be exchanged, but "),
    (Raises, "Raises.step raised ZeroDivisionError: division by zero"),
    (RaisesOnOne, "RaisesOnOne.step raised KeyError: 'velocity'"),
    (RaisesAtItsEnd, "RaisesAtItsEnd.finish raised RuntimeError: no end"),
    (AsksNobody, "it asks a server but is not 'served'"),
]


@pytest.mark.parametrize(("strategy", "says"), WRONG)
def test_a_wrong_strategy_is_named_by_the_training(strategy, says: str, task):
    def work(member) -> None:
        network, loss = task(ROWS)
        fit(network, loss, ROWS, Recipe(1, 4, "sgd", 0.1), 1, strategy(), member)

    with pytest.raises(TrainingError, match=r"^strategy: ") as refused:
        simulate(2, work)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("strategy", "says"), WRONG)
def test_a_wrong_strategy_is_named_by_the_simulation(strategy, says: str):
    with pytest.raises(TrainingError, match=r"^strategy: ") as refused:
        simulate_epochs(strategy, Cluster(2, 0.01), ROWS, 4, 1)
    assert says in str(refused.value)


def test_an_error_of_brainray_stays_as_it_is(task):
    class Refuses(Strategy):
        def step(self, replica, step):
            yield Merge(step.gradient, SUM)
            raise DataError("row 7: cannot be read")

    network, loss = task(ROWS)
    with pytest.raises(DataError, match=r"^row 7: cannot be read$"):
        fit(network, loss, ROWS, Recipe(1, 4, "sgd", 0.1), 1, Refuses())
