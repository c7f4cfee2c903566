import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from brainray.errors import SearchError
from brainray.fusion.bank import FeatureBank, load_bank, save_bank
from brainray.fusion.network import FusionNetwork
from brainray.fusion.problem import FusionProblem
from brainray.search.interface import Brood, Genome, Solution
from brainray.seeding import derive
from brainray.training.checkpoint import Checkpoints
from brainray.training.communicator import simulate
from brainray.training.exchange import Effort
from brainray.training.metrics import accuracy_of


@pytest.fixture(scope="module")
def brood(problem: FusionProblem) -> Brood:
    generator = np.random.default_rng(0)
    genomes = tuple(problem.space.sample(generator) for _ in range(10))
    return Brood(0, derive(5, "brood", 0), genomes)


@pytest.fixture(scope="module")
def solution(problem: FusionProblem, brood: Brood) -> Solution:
    return problem.finish(brood.genomes[:3])


def test_candidates_beat_either_input_alone(problem: FusionProblem, brood: Brood) -> None:
    values = problem.evaluate(brood)
    alone = [problem.unimodal(model, "validation") for model in problem.banks]
    assert max(alone) < 0.65  # an input tells one of two bits
    assert min(values) > max(alone)


def test_a_brood_has_the_same_values_wherever_it_is_evaluated(
    problem: FusionProblem, brood: Brood
) -> None:
    elsewhere = pickle.loads(pickle.dumps(problem))
    assert elsewhere.evaluate(brood) == problem.evaluate(brood)


def test_broken_features_fail_the_candidate_and_no_other(
    problem: FusionProblem, brood: Brood
) -> None:
    model = next(iter(problem.banks))
    keys = dict(problem.banks[model])
    bank = load_bank(problem.store, keys["train"])
    logits = bank.logits.clone()
    logits[0, 0] = 1e38
    taps = {name: tap * 1e30 if name != "logits" else logits for name, tap in bank.taps.items()}
    keys["train"] = "banks/broken.safetensors"
    save_bank(problem.store, keys["train"], FeatureBank(taps, bank.present))
    values = replace(problem, banks=problem.banks | {model: keys}).evaluate(brood)
    uses = [model in problem.code.decode(g).models.values() for g in brood.genomes]
    assert any(uses)
    assert not all(uses)
    for value, used in zip(values, uses, strict=True):
        assert used or not np.isnan(value)


@pytest.mark.parametrize("workers", [2, 3])
def test_the_number_of_workers_does_not_change_the_solution(
    problem: FusionProblem, brood: Brood, solution: Solution, workers: int
) -> None:
    solutions = simulate(
        workers,
        lambda member: replace(problem, communicator=member).finish(brood.genomes[:3]),
    )
    for other in solutions:
        assert other.genome == solution.genome
        assert other.value == solution.value
        assert other.details == solution.details
        for name, weight in solution.weights.items():
            torch.testing.assert_close(other.weights[name], weight, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    "form", [{"feedback": True}, {"representation": "coordinated", "operators": ("concat",)}]
)
def test_nor_does_it_change_the_other_forms(problem: FusionProblem, form: dict[str, Any]) -> None:
    other = replace(problem, code=replace(problem.code, **form))
    genomes = (other.space.sample(np.random.default_rng(2)),)
    alone = other.finish(genomes)
    for shared in simulate(2, lambda member: replace(other, communicator=member).finish(genomes)):
        assert shared.value == alone.value
        assert shared.details == alone.details
        for name, weight in alone.weights.items():
            torch.testing.assert_close(shared.weights[name], weight, rtol=1e-6, atol=1e-7)


def test_the_winner_is_the_best_finalist_on_validation(solution: Solution) -> None:
    finalists = solution.details["finalists"]
    assert len(finalists) == 3
    assert solution.value == max(entry["validation"] for entry in finalists)


def test_a_reheaded_network_uses_one_input_only(problem: FusionProblem, solution: Solution) -> None:
    answers = problem.answers(solution)
    right = {key: accuracy_of(value, problem.targets["test"]) for key, value in answers.items()}
    assert right["fused"] > 0.8
    for name in ("image", "audio"):
        assert 0.3 < right[f"reheaded/{name}"] < 0.7  # it sees one of two bits
        assert right[f"reheaded/{name}"] == pytest.approx(
            solution.details["reheaded"][name], abs=0.2
        )
        assert 0.3 < right[f"without/{name}"] < 0.7
        assert right[f"shuffled/{name}"] < 0.8


def test_without_an_input_is_as_if_it_had_been_left_out(
    problem: FusionProblem, solution: Solution
) -> None:
    answers = problem.answers(solution)
    kinds = ("reheaded", "without", "shuffled")
    assert set(answers) == {"fused"} | {f"{k}/{n}" for k in kinds for n in ("image", "audio")}
    assert all(answer.shape == (120,) for answer in answers.values())
    network = problem.restore(solution, "fused")
    bank = load_bank(problem.store, problem.banks[network.wiring.models["audio"]]["test"])
    with torch.no_grad():
        alone = network({"audio": {t: v[bank.present] for t, v in bank.taps.items()}})
    assert torch.equal(alone.argmax(1), answers["without/image"][bank.present])


def test_a_finalist_that_diverged_has_no_value(
    problem: FusionProblem, brood: Brood, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = FusionProblem._train

    def diverge(
        self: FusionProblem, genome: Genome, inputs: tuple[str, ...], effort: Effort
    ) -> FusionNetwork:
        network = train(self, genome, inputs, effort)
        if genome == brood.genomes[0]:
            torch.nn.init.constant_(next(network.parameters()), torch.nan)
        return network

    monkeypatch.setattr(FusionProblem, "_train", diverge)
    solution = problem.finish(brood.genomes[:2])
    assert solution.genome == brood.genomes[1]
    values = [entry["validation"] for entry in solution.details["finalists"]]
    assert values == [None, solution.value]
    with pytest.raises(SearchError, match="every finalist diverged"):
        problem.finish(brood.genomes[:1])


def test_a_restored_network_answers_from_raw_taps_as_from_prepared_features(
    problem: FusionProblem, solution: Solution
) -> None:
    network = problem.restore(solution, "fused")
    wiring = network.wiring
    banks = {
        name: load_bank(problem.store, problem.banks[model]["test"])
        for name, model in wiring.models.items()
    }
    both = torch.stack([bank.present for bank in banks.values()]).all(dim=0)
    taps = {n: {t: v[both] for t, v in bank.taps.items()} for n, bank in banks.items()}
    features = problem.features("test")
    rows = dict.fromkeys(wiring.models, both)
    with torch.no_grad():
        expected = network.fuse(features.levels(wiring, rows), features.evidence_of(wiring, rows))
        torch.testing.assert_close(network(taps), expected)
        # An input that is left out counts as zeros: no features and no evidence.
        without = network({"audio": taps["audio"]})
        levels = features.levels(wiring, rows)
        levels = [level | {"image": torch.zeros_like(level["image"])} for level in levels]
        evidences = features.evidence_of(wiring, rows)
        evidences["image"] = torch.zeros_like(evidences["image"])
        torch.testing.assert_close(without, network.fuse(levels, evidences))


@pytest.mark.parametrize("keep", ["last", "best"])
def test_finishing_goes_on_where_it_was_killed(problem: FusionProblem, brood: Brood, keep: Any):
    """With one worker after two were killed; two finalists, of which the first had ended."""

    class Killed(Exception):  # noqa: N818
        pass

    class Place(dict[str, bytes]):
        left = 3 * problem.finalist.epochs // 2

        def read(self, name: str) -> bytes | None:
            return self.get(name)

        def write(self, name: str, data: bytes) -> None:
            if self.left == 0:
                raise Killed
            self.left -= 1
            self[name] = data

    genomes = brood.genomes[:2]
    undisturbed = replace(problem, keep=keep).finish(genomes)
    place = Place()

    def work(member):
        checkpoints = Checkpoints(place, seconds=0)
        own = replace(problem, keep=keep, communicator=member, checkpoints=checkpoints)
        return own.finish(genomes)

    with pytest.raises(Killed):
        simulate(2, work)
    assert len(place) == 2
    place.left = -1
    (solution,) = simulate(1, work)
    assert solution.genome == undisturbed.genome
    assert solution.details == undisturbed.details
    for name, weight in undisturbed.weights.items():
        torch.testing.assert_close(solution.weights[name], weight, rtol=0, atol=1e-6)
    effort = Effort(**solution.effort)
    assert effort.rows == Effort(**undisturbed.effort).rows
    assert len(place) == 2 + len(problem.code.candidates)  # and the re-headed ones
