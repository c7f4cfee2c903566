"""The audio-visual fusion network under every rule, beside one process, at equal epochs.

Networks are pretrained and their features kept once; one fusion network, the best of a brood of
random ones, is then trained to the end by each rule. Workers are threads, as in `learning`.
"""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from audio_visual_digits.workbench import Workbench
from brain_prior.plan import FULL, QUICK
from brain_prior.problem import Bench

from brainray.fusion.problem import FusionProblem
from brainray.pipeline.local import LocalRunner
from brainray.pipeline.runner import Group
from brainray.search.interface import Genome
from brainray.search.random_search import RandomSearch
from brainray.search.schedule import Schedule
from brainray.settings import load_settings
from synchronisation.learning import asked_of, beside_one_process
from synchronisation.plan import Plan, Rule


@dataclass(frozen=True)
class Fusing:
    """One training of a fusion network by so many workers."""

    problem: FusionProblem
    genome: Genome
    rule: Rule
    workers: int
    seed: int


def fused(training: Fusing) -> float:
    """Return the accuracy on the test rows, in [0, 1]."""
    torch.set_num_threads(1)
    problem = replace(
        training.problem,
        strategy=training.rule.strategy,
        strategy_options=training.rule.options,
        seed=training.seed,
    )
    runner = LocalRunner(load_settings())
    solution = runner.finish(problem, [training.genome], Group(training.workers))
    return problem.fused_accuracy(solution, "test")


def compare_fusions(plan: Plan, folder: Path) -> list[dict[str, Any]]:
    """Return every rule's accuracy on audio-visual digits beside one process, in points.

    Args:
        plan: sizes.
        folder: of the networks that are fused; they are trained if they are not there.
    """
    sizes = QUICK if plan.source == "embedded" else FULL
    asked = asked_of(plan.fusion_seeds)
    Workbench(folder).open()
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        problem = Bench(sizes, folder, pool).problem("brain", 0)
        problem.measure()
        genome = best_of_a_brood(problem, plan.fusion_candidates)
        trainings = [Fusing(problem, genome, *one) for one in asked]
        found = list(pool.map(fused, trainings))
    return beside_one_process("fusion", asked, found)


def best_of_a_brood(problem: FusionProblem, candidates: int) -> Genome:
    """Return the best of so many random fusion networks on validation."""
    space = problem.space
    schedule = Schedule(
        space, RandomSearch(space, 0), seed=0, budget=candidates, brood_size=candidates, lag=1
    )
    LocalRunner(load_settings()).search(problem, schedule, None, lambda *told: None)
    return max(schedule.history, key=lambda one: one[1])[0]
