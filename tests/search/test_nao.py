from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from brainray.errors import SearchError
from brainray.fusion.genome import Candidate, FusionCode
from brainray.search.bench import Protocol, compare, search_many
from brainray.search.interface import Genome, Space
from brainray.search.nao import LENGTH, NAO, equivalent
from brainray.search.nao_network import BATCH, NaoNetwork, Spellings
from brainray.search.schedule import Schedule
from brainray.search.table import problem_of
from brainray.seeding import one_thread
from brainray.testing import OneMax, epistatic_table, integer_space

ALLELES = (3, 4, 2, 4)
CODES_NT = np.array(list(product(*map(range, ALLELES))))
VALUES_N = CODES_NT.sum(axis=1) / CODES_NT.sum(axis=1).max()
TAPS = ("conv1", "conv2", "logits")


def shallow(genome: Genome) -> Genome:
    """The last two genes count only if the first is 1."""
    return genome if genome[0] else (*genome[:-2], 0, 0)


@pytest.fixture(scope="module")
def trained() -> NaoNetwork:
    """A network that knows half of the codes' values and has read all codes."""
    generator = np.random.default_rng(0)
    rows = generator.permutation(len(CODES_NT))[: len(CODES_NT) // 2]
    network = NaoNetwork(ALLELES, 0)
    known, others = (Spellings(codes[None], codes) for codes in (CODES_NT[rows], CODES_NT))
    with one_thread():
        network.fit(known, torch.tensor(VALUES_N[rows]).float(), others, 200, generator)
    return network


@pytest.fixture(scope="module")
def allowed() -> torch.Tensor:
    return torch.arange(max(ALLELES)) < torch.tensor(ALLELES)[:, None]


@given(seed=st.integers(0, 1000), length=st.sampled_from([1e-3, 1e-2]))
@settings(max_examples=30, deadline=None)
def test_a_step_up_the_gradient_raises_the_predicted_value(seed, length):
    network = NaoNetwork(ALLELES, seed)
    with torch.no_grad():
        network.predictor[-1].weight.mul_(5)  # far from flat, as after training
    outputs = network.encode(torch.tensor(CODES_NT))
    before, after = network.predict(outputs), network.predict(network.climb(outputs, length))
    assert (after > before).all()


def test_after_training_a_whole_step_raises_it_too(trained):
    outputs = trained.encode(torch.tensor(CODES_NT))
    gains = trained.predict(trained.climb(outputs, LENGTH)) - trained.predict(outputs)
    assert (gains > 0).float().mean() > 0.9
    assert gains.mean() > 0.05


def test_what_is_climbed_keeps_the_norm_of_outputs(trained):
    outputs = trained.climb(trained.encode(torch.tensor(CODES_NT)), LENGTH)
    torch.testing.assert_close(outputs.norm(dim=2), torch.ones(len(CODES_NT), len(ALLELES)))


def test_the_decoder_reads_better_codes_after_a_climb(trained, allowed):
    """The best code of all has the alleles 2, 3, 1, 3."""
    outputs = trained.encode(torch.tensor(CODES_NT[:40]))
    for _ in range(8):
        outputs = trained.climb(outputs, LENGTH)
    climbed = trained.decode(outputs, allowed).numpy().sum(axis=1)
    assert climbed.mean() > CODES_NT[:40].sum(axis=1).mean() + 2


def test_the_predictor_orders_codes_and_the_decoder_inverts_the_encoder(trained, allowed):
    codes = torch.tensor(CODES_NT)
    with torch.no_grad():
        outputs = trained.encode(codes)
        assert np.corrcoef(trained.predict(outputs), VALUES_N)[0, 1] > 0.95
    assert (trained.decode(outputs, allowed) != codes).sum(dim=1).double().mean() < 0.2


def test_greedy_decoding_agrees_with_the_logits_that_training_sees(trained, allowed):
    outputs = trained.encode(torch.tensor(CODES_NT))
    decoded = trained.decode(outputs, allowed)
    logits = trained.logits(outputs, decoded).masked_fill(~allowed, -torch.inf)
    assert torch.equal(logits.argmax(dim=2), decoded)


def test_only_allowed_alleles_are_written(trained, allowed):
    allowed = allowed.clone()
    allowed[1, 1:3] = False
    decoded = trained.decode(trained.encode(torch.tensor(CODES_NT)), allowed)
    assert set(decoded[:, 1].tolist()) <= {0, 3}


def test_spellings_of_one_code_stay_together():
    written = np.arange(100)[:, None]
    rows, read, drawn = Spellings(np.stack([written, written + 1000]), written).draw(
        np.random.default_rng(0)
    )
    assert len(rows) == len(set(rows)) == BATCH
    assert (drawn[:, 0].numpy() == rows).all()
    assert set((read - drawn)[:, 0].tolist()) == {0, 1000}


@given(st.tuples(*(st.integers(0, 3) for _ in range(4))), st.integers(0, 100))
def test_equivalent_codes_are_repaired_to_the_same_code(code, seed):
    space = Space(integer_space(genes=4, alleles=4).genes, shallow)
    genome = space.repair(code)
    other = equivalent(space, genome, np.random.default_rng(seed))
    space.check(other)
    assert space.repair(other) == genome
    assert other[0] == genome[0] or genome[0] > 0


def test_what_does_not_count_varies_among_equivalent_codes():
    space = Space(integer_space(genes=4, alleles=4).genes, shallow)
    generator = np.random.default_rng(0)
    found = {equivalent(space, (0, 2, 0, 0), generator) for _ in range(200)}
    assert found == {(0, 2, a, b) for a in range(4) for b in range(4)}
    assert equivalent(integer_space(genes=3), (0, 1, 1), generator) == (0, 1, 1)


def test_levels_beyond_the_depth_vary_among_equivalent_codes_of_a_fusion_space():
    models = (Candidate("a", "adam", "LeNet", 900, TAPS), Candidate("b", "sgd", "LeNet", 900, TAPS))
    space = FusionCode({"image": models, "audio": models}, 3, ("concat", "bilinear")).space
    genome = space.sample(np.random.default_rng(0))
    shallow = space.repair(
        tuple(
            0 if gene.name == "depth" else allele
            for gene, allele in zip(space.genes, genome, strict=True)
        )
    )
    generator = np.random.default_rng(1)
    found = np.array([equivalent(space, shallow, generator) for _ in range(40)])
    assert all(space.repair(tuple(code)) == shallow for code in found.tolist())
    free = {gene.group for gene, column in zip(space.genes, found.T, strict=True) if np.ptp(column)}
    assert free == {"level2", "level3"}


def test_the_defaults_beat_random_search_on_another_table():
    """Twelve genes of two choices."""
    problem = problem_of(epistatic_table((2,) * 12), "gene_*", "validation", ["test"])
    learned, drawn = search_many(problem, [Protocol("nao", 40), Protocol("random", 40)], range(2))
    assert compare(learned["test"][:, -1], drawn["test"][:, -1])["mean_difference"] > 0.5


def test_it_reports_nothing_before_it_has_learned_and_both_figures_afterwards(run):
    problem = OneMax(integer_space(genes=5, alleles=3))
    searcher = NAO(problem.space, 0)
    assert searcher.report() == {}
    schedule = Schedule(problem.space, searcher, seed=0, budget=41, brood_size=1, lag=1)
    run(schedule, problem)
    found = schedule.diagnostics
    assert 0.6 < found["pairwise_accuracy"] <= 1
    assert 0 <= found["hamming_distance"] < 1
    assert found == searcher.report()


def test_exploration_mixes_random_codes_in():
    problem = OneMax(integer_space(genes=5, alleles=3))
    codes = [problem.space.sample(np.random.default_rng(seed)) for seed in range(20)]
    asked = {}
    for share in (0.0, 0.5):
        searcher = NAO(problem.space, 0, exploration=share)
        searcher.tell(codes, [problem.value(code) for code in codes])
        proposals = searcher.ask(0)
        asked[share] = [next(proposals) for _ in range(20)]
    planned = set(asked[0.0])
    assert len(planned) == 20
    assert 4 <= sum(code in planned for code in asked[0.5]) <= 16


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"first": 1}, "nao: first is 1, at least 2"),
        ({"step": 0}, "nao: step is 0, at least 1"),
        ({"parents": 0}, "nao: parents is 0, at least 1"),
        ({"exploration": 1.5}, "nao: exploration is 1.5, allowed are 0 to 1"),
    ],
)
def test_a_wrong_option_is_refused(wrong, reason):
    with pytest.raises(SearchError, match=reason):
        NAO(integer_space(genes=3), 0, **wrong)
