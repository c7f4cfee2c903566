import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainray.errors import SearchError
from brainray.search.evolution import Evolution
from brainray.search.interface import Gene, Genome, Space, comparable
from brainray.search.nao import NAO
from brainray.search.parameter_server import ParameterServer
from brainray.search.policy_gradient import Options
from brainray.testing import integer_space

WEIGHTS = st.lists(st.sampled_from([0.0, 0.5, 1.0, 7.0]), min_size=1, max_size=5).filter(sum)


def ordered(genome: Genome) -> Genome:
    """A repair for which the order of genes does not matter."""
    return tuple(sorted(genome))


def test_a_gene_needs_an_allele():
    with pytest.raises(SearchError, match=r"gene color: needs at least one allele"):
        Gene("color", (), "image")


@pytest.mark.parametrize("prior", [(), (1.0,), (1.0, 1.0, 1.0), (1.0, -0.1), (0.0, 0.0)])
def test_a_prior_that_is_none_is_refused(prior: tuple[float, ...]):
    with pytest.raises(SearchError, match=r"gene color: prior .* each of the 2 alleles"):
        Gene("color", ("red", "blue"), "image", prior)


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        (0.9123456789, 0.912346),
        (89.123456789, 89.123457),
        (1234567.1234567, 1234567.123457),
        (0.0912345678, 0.0912346),
        (-1.23456789e-7, -1.23457e-7),
        (0.0, 0.0),
        (1e-320, 1e-320),
        (-math.inf, -math.inf),
    ],
)
def test_a_value_is_seen_to_six_decimals_or_digits(value: float, seen: float):
    assert comparable(value) == seen
    assert comparable(seen) == seen


def test_the_number_of_codes_is_the_product_of_the_alleles():
    genes = (Gene("a", ("0", "1"), "g"), Gene("b", ("0", "1", "2"), "g"), Gene("c", ("0",), "g"))
    assert Space(genes).codes == 6
    assert integer_space(genes=40, alleles=4).codes == 4**40


@pytest.mark.parametrize("genome", [(0, 0), (2, 2), (1, 0)])
def test_a_code_of_the_space_passes(genome: Genome):
    integer_space(genes=2, alleles=3).check(genome)


@pytest.mark.parametrize(
    ("genome", "reason"),
    [
        ((), "has 0 genes, not 2"),
        ((0, 0, 0), "has 3 genes, not 2"),
        ((0, 3), "gene gene1 is 3, allowed are 0 to 2"),
        ((-1, 0), "gene gene0 is -1, allowed are 0 to 2"),
    ],
)
def test_another_code_is_refused(genome: Genome, reason: str):
    with pytest.raises(SearchError) as raised:
        integer_space(genes=2, alleles=3).check(genome)
    assert str(raised.value) == f"genome {genome}: {reason}"


@settings(deadline=None)
@given(st.lists(WEIGHTS, min_size=1, max_size=4), st.integers(0, 1000))
def test_a_sample_is_a_code_of_plain_integers_and_never_impossible(
    priors: list[list[float]], seed: int
):
    space = Space(
        tuple(
            Gene(str(i), tuple(map(str, range(len(prior)))), "g", tuple(prior))
            for i, prior in enumerate(priors)
        )
    )
    generator = np.random.default_rng(seed)
    for _ in range(20):
        genome = space.sample(generator)
        space.check(genome)
        assert all(type(allele) is int for allele in genome)
        assert all(prior[allele] > 0 for prior, allele in zip(priors, genome, strict=True))


@pytest.mark.parametrize(
    ("prior", "expected"), [(None, (0.25,) * 4), ((0, 1, 2, 5), (0, 0.125, 0.25, 0.625))]
)
def test_alleles_come_as_often_as_the_prior_says(prior, expected):
    gene = Gene("g", ("a", "b", "c", "d"), "g", prior)
    generator = np.random.default_rng(0)
    drawn = [Space.sample_gene(gene, generator) for _ in range(4000)]
    frequencies = np.bincount(drawn, minlength=4) / len(drawn)
    np.testing.assert_allclose(frequencies, expected, atol=0.03)


def test_a_sample_is_repaired():
    space = Space(integer_space().genes, repair=ordered)
    generator = np.random.default_rng(0)
    samples = [space.sample(generator) for _ in range(50)]
    assert all(sample == ordered(sample) for sample in samples)
    assert len(set(samples)) > 10


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    "make",
    [
        lambda value: Evolution(integer_space(), 0, mutated_genes=value),
        lambda value: Options(entropy=value),
        lambda value: Options(rate=value),
        lambda value: Options(clip=value),
        lambda value: Options(decay=value),
        lambda value: Options(tanh_constant=value).controller(integer_space()),
        lambda value: NAO(integer_space(), 0, exploration=value),
        lambda value: ParameterServer(integer_space(), 0, Options(), budget=5, bound=value),
    ],
)
def test_an_option_is_a_finite_number(make: Callable[[float], object], value: float):
    with pytest.raises(SearchError, match=f"is {value}, "):
        make(value)
