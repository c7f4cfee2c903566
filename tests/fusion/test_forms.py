"""Operators, and the forms of a fusion network."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from brainray.fusion.coordinated import CoordinatedNetwork
from brainray.fusion.forms import restore
from brainray.fusion.genome import Wiring
from brainray.fusion.joint import JointNetwork
from brainray.fusion.operators import OPERATORS
from brainray.fusion.problem import FusionProblem
from brainray.search.interface import Brood, Genome

SHAPE = (2, 5, 7)


def parts(count: int = 2) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(SHAPE, generator=generator) for _ in range(count)]


def start(name: str, count: int = 2) -> torch.Tensor:
    initial = OPERATORS[name].initial(count, SHAPE[1])
    return initial.expand(SHAPE[0], *initial.shape).clone()


@pytest.mark.parametrize("name", ["concat", "weighted_sum", "attention"])
def test_a_weighing_operator_starts_as_a_sum(name: str) -> None:
    first, second = parts()
    torch.testing.assert_close(OPERATORS[name]([first, second], start(name)), first + second)


def test_the_bilinear_operator_multiplies_and_keeps_each_parts_own_terms() -> None:
    first, second = parts()
    own = start("bilinear")
    own[:, 0], own[:, 1] = 0.5, 2.0
    a, b = first.tanh(), second.tanh()
    expected = a * b + 2.0 * a + 0.5 * b
    torch.testing.assert_close(OPERATORS["bilinear"]([first, second], own), expected)


def test_attention_weighs_every_row_by_itself() -> None:
    first, second = parts()
    own = start("attention")
    own[:, 0] = 5.0
    score = (first.tanh() * 5.0).sum(1, keepdim=True)
    weight = torch.stack([score, torch.zeros_like(score)]).softmax(0)
    expected = 2 * (weight[0] * first + weight[1] * second)
    torch.testing.assert_close(OPERATORS["attention"]([first, second], own), expected)


@pytest.mark.parametrize("name", list(OPERATORS))
def test_parts_that_are_missing_bring_nothing(name: str) -> None:
    nothing = [torch.zeros(SHAPE) for _ in range(3)]
    assert (OPERATORS[name](nothing, start(name, 3)) == 0).all()


@pytest.mark.parametrize("name", list(OPERATORS))
@pytest.mark.parametrize("count", [1, 2, 3])
def test_an_operator_keeps_the_shape_and_has_finite_gradients(name: str, count: int) -> None:
    given = [part.requires_grad_() for part in parts(count)]
    own = start(name, count).requires_grad_()
    joined = OPERATORS[name](given, own)
    assert joined.shape == SHAPE
    leaves = [*given, own] if own.numel() else given
    gradients = torch.autograd.grad(joined.square().sum(), leaves)
    for leaf, gradient in zip(leaves, gradients, strict=True):
        assert gradient.shape == leaf.shape
        assert gradient.isfinite().all()
    assert all((gradient != 0).any() for gradient in gradients[:count])


@pytest.mark.parametrize("name", ["weighted_sum", "attention"])
def test_weights_add_up_to_the_number_of_parts(name: str) -> None:
    own = torch.randn(start(name, 3).shape, generator=torch.Generator().manual_seed(1))
    same = parts(1)[0]
    torch.testing.assert_close(OPERATORS[name]([same, same, same], own), 3 * same)


def test_the_bilinear_operator_starts_nearly_as_a_sum() -> None:
    first, second = (0.01 * part for part in parts())
    joined = OPERATORS["bilinear"]([first, second], start("bilinear"))
    torch.testing.assert_close(joined, first + second, rtol=0.05, atol=1e-3)


@pytest.fixture(params=["feedback", "coordinated"])
def form(request: pytest.FixtureRequest, problem: FusionProblem) -> FusionProblem:
    changes = {
        "feedback": {"feedback": True},
        "coordinated": {"representation": "coordinated", "operators": ("concat",)},
    }[request.param]
    return replace(problem, code=replace(problem.code, **changes))


def test_every_form_is_searched_finished_and_restored(form: FusionProblem) -> None:
    genomes = (form.space.repair((0,) * len(form.space.genes)),)
    values = form.evaluate(Brood(0, 1, genomes))
    assert values == form.evaluate(Brood(0, 1, genomes))
    assert values[0] > 0.65  # an input alone tells one of two bits
    solution = form.finish(genomes)
    assert solution.value > 0.8
    network = form.restore(solution, "fused")
    assert isinstance(
        network, CoordinatedNetwork if form.code.representation != "joint" else JointNetwork
    )
    again = restore(
        Wiring.from_json(network.wiring.to_json()), network.temperatures, network.state_dict()
    )
    widths = {"conv1": 5, "conv2": 7, "logits": 4}
    taps = {
        name: {tap: torch.randn(3, width) for tap, width in widths.items()}
        for name in network.wiring.models
    }
    torch.testing.assert_close(again(taps), network(taps))


@pytest.mark.parametrize("form", [{}, {"feedback": True}, {"representation": "coordinated"}])
def test_every_form_does_without_inputs_that_a_level_lacks(
    partial_problem: FusionProblem, form: dict[str, Any]
) -> None:
    problem = replace(partial_problem, code=replace(partial_problem.code, **form))
    generator = np.random.default_rng(0)
    drawn = {problem.space.sample(generator) for _ in range(300)}
    both = next(g for g in sorted(drawn) if meets(problem, g) == [("image", "audio"), ("audio",)])
    alone = next(g for g in sorted(drawn) if meets(problem, g) == [("text",)])
    values = problem.evaluate(Brood(0, 1, (both, alone)))
    assert min(values) > 0.65  # where an input has no level, its evidence is still there
    solution = problem.finish([both])
    assert solution.value > 0.8
    network = problem.restore(solution, "fused")
    state, temperatures = network.state_dict(), network.temperatures
    assert not any(name.endswith("_text") for name in state)
    again = restore(Wiring.from_json(network.wiring.to_json()), temperatures, state)
    widths = {"conv1": 5, "conv2": 7, "logits": 4}
    taps = {
        name: {tap: torch.randn(3, width) for tap, width in widths.items()}
        for name in network.wiring.models
    }
    torch.testing.assert_close(again(taps), network(taps))
    silent = {tap: value + (tap != "logits") for tap, value in taps["text"].items()}
    assert torch.equal(network(taps | {"text": silent}), network(taps))
    del taps["text"]
    assert not torch.equal(again(taps), network(taps | {"text": silent}))
    assert set(problem.answers(solution)) >= {"fused", "reheaded/text", "without/text"}


def meets(problem: FusionProblem, genome: Genome) -> list[tuple[str, ...]]:
    return [tuple(level.taps) for level in problem.code.decode(genome).levels]


def test_feedback_starts_as_if_there_were_none(problem: FusionProblem) -> None:
    looking_back = replace(problem, code=replace(problem.code, feedback=True))
    genome = problem.space.repair((0,) * len(problem.space.genes))
    features = problem.features("test")
    logits = []
    for one in (problem, looking_back):
        network = one._network(genome, 6, seed=2)
        rows = dict.fromkeys(network.wiring.models, slice(None))
        wiring = network.wiring
        logits.append(
            network.fuse(features.levels(wiring, rows), features.evidence_of(wiring, rows))
        )
    torch.testing.assert_close(logits[0], logits[1])
