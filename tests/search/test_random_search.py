from itertools import islice

import pytest

from brainray.search.interface import Gene, Space
from brainray.search.random_search import RandomSearch
from brainray.testing import integer_space


def test_draws_depend_on_seed_and_brood():
    def ask(seed: int, brood: int):
        return list(islice(RandomSearch(integer_space(), seed).ask(brood), 20))

    assert ask(0, 0) == ask(0, 0)
    assert ask(0, 0) != ask(1, 0)
    assert ask(0, 0) != ask(0, 1)


def test_values_change_nothing():
    told, untold = (RandomSearch(integer_space(), 0) for _ in range(2))
    told.tell([(3,) * 8], [1.0])
    assert list(islice(told.ask(1), 20)) == list(islice(untold.ask(1), 20))


def test_the_priors_are_honored():
    genes = (
        Gene("often", ("a", "b"), "g", (1.0, 9.0)),
        Gene("never", ("a", "b", "c"), "g", (1.0, 0.0, 1.0)),
    )
    drawn = list(islice(RandomSearch(Space(genes), 0).ask(0), 2000))
    assert sum(often for often, _ in drawn) / 2000 == pytest.approx(0.9, abs=0.03)
    assert {never for _, never in drawn} == {0, 2}
