"""How a pathway guides the wiring: strongest paths, what may meet, what is preferred."""

import pickle
from dataclasses import replace
from itertools import combinations, islice, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainray import plugins
from brainray.atlas.interface import Pathway
from brainray.fusion.genome import ABSENT, PARTS, Candidate, FusionCode, Wiring
from brainray.fusion.prior import PathwayPrior, WiringPrior, as_gene_prior
from brainray.search.interface import Gene, Genome
from brainray.search.schedule import Schedule

TAPS = ("conv1", "conv2", "conv3", "logits")
PLACES = ("a", "b", "c", "d", "e")
STRENGTHS = st.sampled_from([0.1, 0.3, 0.3, 0.7, 1.0])


@st.composite
def pathways(draw: st.DrawFn) -> Pathway:
    """Some of the connections between five sub-regions, which need not hang together."""
    pairs = draw(st.lists(st.sampled_from(list(combinations(PLACES, 2))), unique=True, max_size=6))
    weights = {place: draw(STRENGTHS) for place in PLACES}
    integration = {place: draw(st.floats(0, 1)) for place in PLACES}
    return Pathway(weights, tuple((a, b, draw(STRENGTHS)) for a, b in pairs), integration)


@st.composite
def codes(draw: st.DrawFn) -> FusionCode:
    """Two to four inputs of two models each, in one or two of the sub-regions or in another."""
    candidates, homes = {}, {}
    for number in range(draw(st.integers(2, 4))):
        models = []
        for structure, size, taps in (("LeNet", 900, TAPS[-2:]), ("MediumNet", 20_000, TAPS)):
            model = f"{number}-{structure}"
            models.append(Candidate(model, "adam", structure, size, taps))
            homes[model] = draw(st.lists(st.sampled_from([*PLACES, "x"]), min_size=1, max_size=2))
        candidates[f"input{number}"] = tuple(models)
    return FusionCode(
        candidates, 3, ("concat", "bilinear"), prior=PathwayPrior(draw(pathways()), homes)
    )


def widest(pathway: Pathway) -> dict[tuple[str, str], float]:
    """Return the strongest path between any two sub-regions, by Floyd and Warshall."""
    found = {(a, b): float(a == b) for a, b in product(pathway.sub_regions, repeat=2)}
    for a, b, weight in pathway.connections:
        found[a, b] = found[b, a] = weight
    for via, a, b in product(pathway.sub_regions, repeat=3):
        found[a, b] = max(found[a, b], min(found[a, via], found[via, b]))
    return found


def check_edges(wiring: Wiring, prior: PathwayPrior) -> None:
    """Follow the connections of the pathway: whatever meets hangs together."""
    near = {(a, b) for (a, b), weight in widest(prior.pathway).items() if weight > 0}
    met: set[str] = set()
    for level in wiring.levels:
        assert level.taps
        met |= level.taps.keys()
        reached = {min(met)}
        for _ in met:
            reached |= {
                name
                for name, other in product(met, reached)
                if any(
                    pair in near
                    for pair in product(
                        prior.homes[wiring.models[name]], prior.homes[wiring.models[other]]
                    )
                )
            }
        assert reached == met


@given(pathways())
def test_a_link_is_the_strongest_path(pathway: Pathway) -> None:
    prior = PathwayPrior(pathway, {place: [place] for place in PLACES})
    for (a, b), weight in widest(pathway).items():
        assert prior.link(a, b) == prior.link(b, a) == weight


def test_a_model_of_several_sub_regions_counts_where_it_is_strongest() -> None:
    pathway = Pathway(
        {"a": 1.0, "b": 0.6, "c": 0.2}, (("a", "c", 0.5),), {"a": 0.1, "b": 0.0, "c": 0.8}
    )
    homes = {"ab": ["a", "b"], "b": ["b"], "c": ["c"], "bc": ["b", "c"], "x": ["x"]}
    prior = PathwayPrior(pathway, homes)
    assert [prior.weight(model) for model in homes] == [1.0, 0.6, 0.2, 0.6, 0.0]
    assert [prior.integration(model) for model in homes] == [0.1, 0.0, 0.8, 0.8, 0.0]
    assert prior.link("ab", "c") == prior.link("ab", "x") + 0.5
    assert prior.link("ab", "b") == prior.link("b", "bc") == 1.0
    assert prior.link("b", "c") == 0.0


def test_a_finer_part_belongs_to_its_sub_region() -> None:
    pathway = Pathway({"vision.shape": 0.9, "sound": 1.0}, (("sound", "vision.shape", 0.4),))
    homes = {"face": ["vision.shape.face"], "shapely": ["vision.shapely"], "sound": ["sound"]}
    prior = PathwayPrior(pathway, homes)
    assert [prior.weight(model) for model in homes] == [0.9, 0.0, 1.0]
    assert prior.link("face", "sound") == 0.4
    assert prior.link("shapely", "sound") == 0.0


@given(codes(), st.data())
def test_what_meets_at_a_level_is_linked_to_all_that_met_below(
    code: FusionCode, data: st.DataObject
) -> None:
    models = {name: found[0].model for name, found in code.candidates.items()}
    met: set[str] = set()
    for _ in range(3):
        joining = data.draw(st.sets(st.sampled_from(list(models))))
        joined = code.prior.meeting(models, met, joining)
        assert joined
        assert joined <= joining or (len(joined) == 1 and not joined & joining)
        assert not met or not (joined - joining) - met
        met |= joined
        assert code.prior.meeting({n: models[n] for n in models}, met, met) == met


@given(codes(), st.data())
def test_any_code_becomes_one_without_a_forbidden_edge(
    code: FusionCode, data: st.DataObject
) -> None:
    space = code.space
    drawn = [
        tuple(data.draw(st.integers(0, len(gene.alleles) - 1)) for gene in space.genes)
        for _ in range(2)
    ]
    first, second = (space.repair(genome) for genome in drawn)
    space.check(first)
    assert space.repair(first) == first
    check_edges(code.decode(first), code.prior)
    assert (first == second) == (code.decode(first) == code.decode(second))


@given(codes(), st.data())
def test_a_code_can_be_told_from_what_it_stands_for(code: FusionCode, data: st.DataObject) -> None:
    genome = code.space.repair(
        tuple(data.draw(st.integers(0, len(gene.alleles) - 1)) for gene in code.genes)
    )
    assert encoded(code, code.decode(genome)) == genome


def encoded(code: FusionCode, wiring: Wiring) -> Genome:
    """Return the canonical code of a wiring, gene by gene; the inverse of decoding."""
    candidates = {
        name: next(one for one in found if one.model == wiring.models[name])
        for name, found in code.candidates.items()
    }
    alleles: dict[str, str] = {"depth": str(len(wiring.levels))}
    for name, candidate in candidates.items():
        alleles |= {f"{name}.{part}": str(getattr(candidate, part)) for part in PARTS}
    for number, level in enumerate(wiring.levels, 1):
        alleles[f"level{number}.operator"] = level.operator
        for name, candidate in candidates.items():
            back = candidate.fusable.index(level.taps[name]) if name in level.taps else None
            tap = ABSENT if back is None else f"last-{back}" if back else "last"
            alleles[f"level{number}.{name}.tap"] = tap
    # What stands in the levels beyond the depth means nothing and is 0.
    return tuple(
        gene.alleles.index(alleles[gene.name]) if gene.name in alleles else 0 for gene in code.genes
    )


@pytest.mark.parametrize("algorithm", plugins.names("searchers"))
@settings(max_examples=2, deadline=None)
@given(code=codes(), seed=st.integers(0, 100))
def test_no_searcher_tries_a_forbidden_edge(algorithm: str, code: FusionCode, seed: int) -> None:
    space = code.space
    searcher = plugins.load("searchers", algorithm)(space, seed)
    schedule = Schedule(space, searcher, seed=seed, budget=30, brood_size=10, lag=1)
    while (brood := schedule.next()) is not None:
        for genome in brood.genomes:
            check_edges(code.decode(genome), code.prior)
        schedule.complete(brood.index, [sum(genome) for genome in brood.genomes])
    assert len(schedule.history) == 30


def test_an_input_without_a_link_is_wired_alone() -> None:
    code = code_of({"image": ["a"], "audio": ["b"]}, Pathway({"a": 1.0, "b": 0.5}, ()))
    wirings = sampled(code, 50)
    assert {tuple(level.taps) for wiring in wirings for level in wiring.levels} == {
        ("image",),
        ("audio",),
    }
    assert all(wiring.models.keys() == {"image", "audio"} for wiring in wirings)


def code_of(homes: dict[str, list[str]], pathway: Pathway, **changes: Any) -> FusionCode:
    """Return the code of inputs with one model each, which lives where is said."""
    candidates = {name: (Candidate(name, "adam", "LeNet", 900, TAPS),) for name in homes}
    return FusionCode(candidates, 3, ("concat",), prior=PathwayPrior(pathway, homes), **changes)


def sampled(code: FusionCode, count: int) -> list[Wiring]:
    generator = np.random.default_rng(0)
    return [code.decode(code.space.sample(generator)) for _ in range(count)]


def gene(code: FusionCode, name: str) -> Gene:
    (found,) = (one for one in code.genes if one.name == name)
    return found


@pytest.mark.parametrize("inputs", [1, 2])
def test_one_or_two_linked_inputs_are_always_there(inputs: int) -> None:
    homes = {"image": ["a"], "audio": ["b"]}
    code = code_of(
        dict(list(homes.items())[:inputs]), Pathway({"a": 1.0, "b": 0.5}, (("a", "b", 0.3),))
    )
    assert gene(code, "level2.image.tap").alleles == ("last", "last-1", "last-2", "last-3")
    uniform = replace(code, prior=WiringPrior())
    assert [one.alleles for one in uniform.genes] == [one.alleles for one in code.genes]
    assert all(one.prior is None for one in uniform.genes)


def test_a_strongest_link_prefers_nothing() -> None:
    pathway = Pathway({"a": 1.0, "b": 1.0, "c": 1.0}, (("a", "b", 1.0), ("b", "c", 1.0)))
    code = code_of({name: [name] for name in "abc"}, pathway)
    assert all(one.prior is None for one in code.genes)


@pytest.mark.parametrize(("weight", "cost"), [(0.2, 0.6), (0.5, 0.75)])
def test_a_weak_link_makes_steps_back_and_levels_cost_more(weight: float, cost: float) -> None:
    code = code_of({"i": ["a"], "s": ["b"]}, Pathway({"a": 1.0, "b": 1.0}, (("a", "b", weight),)))
    expected = np.array((1.0, cost, cost**2, cost**3))
    taps = np.array(gene(code, "level3.s.tap").prior)
    assert taps / taps[0] == pytest.approx(expected)
    assert gene(code, "depth").prior == pytest.approx(expected[:3])


def test_stronger_connections_fuse_earlier_and_are_sampled_more_often() -> None:
    pathway = Pathway({"a": 1.0, "b": 1.0, "c": 1.0}, (("a", "b", 0.9), ("b", "c", 0.3)))
    wirings = sampled(code_of({name: [name] for name in "abc"}, pathway), 1500)

    def meeting(pair: set[str]) -> tuple[float, float, float]:
        """Return how often a pair meets, at which level first, and how far from the output."""
        levels, backs = [], []
        for wiring in wirings:
            met: set[str] = set()
            for number, level in enumerate(wiring.levels):
                met |= level.taps.keys()
                if pair <= met:
                    levels.append(number)
                    break
            backs += [
                TAPS[::-1].index(level.taps[name])
                for level in wiring.levels
                if pair <= level.taps.keys()
                for name in pair
            ]
        return len(levels) / len(wirings), np.mean(levels), np.mean(backs)

    strong, weak = meeting({"a", "b"}), meeting({"b", "c"})
    assert strong[0] > weak[0] + 0.1
    assert strong[1] < weak[1] - 0.01
    assert strong[2] > weak[2] + 0.15


def test_an_integrating_sub_region_takes_later_levels() -> None:
    pathway = Pathway(
        dict.fromkeys("abc", 1.0), (("a", "b", 1.0), ("a", "c", 1.0)), {"a": 0.9, "b": 0.0}
    )
    wirings = sampled(code_of({name: [name] for name in "abc"}, pathway), 1500)
    deep = [wiring for wiring in wirings if len(wiring.levels) == 3]

    def shares(name: str) -> list[float]:
        """Return how often an input takes part in each level."""
        return [float(np.mean([name in w.levels[level].taps for w in deep])) for level in range(3)]

    first, second, third = shares("a")
    assert first < second - 0.05 < third - 0.1
    assert shares("b")[0] == pytest.approx(shares("b")[2], abs=0.05)


def test_models_of_excited_sub_regions_are_sampled_more_often() -> None:
    small, large = (
        Candidate(structure, "adam", structure, 900, TAPS) for structure in ("LeNet", "MediumNet")
    )
    pathway = Pathway({"a": 1.0, "b": 0.25}, (("a", "b", 1.0),))
    prior = PathwayPrior(pathway, {"LeNet": ["b"], "MediumNet": ["a"]})
    code = FusionCode({"image": (small, large)}, 1, ("concat",), prior=prior)
    assert gene(code, "image.structure").prior == (0.25, 1.0)
    assert gene(code, "image.size").prior is None  # both have the same
    models = [wiring.models["image"] for wiring in sampled(code, 2000)]
    assert models.count("MediumNet") / 2000 == pytest.approx(0.8, abs=0.03)


def test_a_searcher_draws_what_the_prior_prefers() -> None:
    pathway = Pathway({"a": 1.0, "b": 1.0}, (("a", "b", 0.1),))
    space = code_of({"i": ["a"], "s": ["b"]}, pathway).space
    for algorithm in ("random", "evolution"):
        searcher = plugins.load("searchers", algorithm)(space, 0)
        last = (0,) * len(space.genes)
        searcher.tell([last, last], [0.5, 0.5])
        taps = np.array(list(islice(searcher.ask(1), 2500)))[:, 7:9]  # of the first level
        assert 0 < (taps == 3).sum() < 0.6 * (taps == 1).sum()


@settings(max_examples=20)
@given(codes())
def test_a_prior_can_be_sent_to_a_worker(code: FusionCode) -> None:
    _ = code.genes
    assert pickle.loads(pickle.dumps(code)) == code
    assert pickle.loads(pickle.dumps(replace(code, prior=WiringPrior()))).prior == WiringPrior()


def test_equal_weights_are_no_prior() -> None:
    assert as_gene_prior([0.4, 0.4]) is None
    assert as_gene_prior([0.0, 0.0]) is None
    assert as_gene_prior([0.4, 0.0]) == (0.4, 0.0)
