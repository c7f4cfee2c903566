"""A small fusion problem on made-up features that carry the class."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from brainray.atlas.interface import Pathway
from brainray.catalog.store import Store
from brainray.fusion.bank import FeatureBank, save_bank
from brainray.fusion.features import Features
from brainray.fusion.genome import Candidate, FusionCode
from brainray.fusion.network import TapScale
from brainray.fusion.operators import OPERATORS
from brainray.fusion.population import CandidateRecipe
from brainray.fusion.prior import PathwayPrior
from brainray.fusion.problem import FusionProblem
from brainray.training.loop import Recipe

CLASSES = 4
ROWS = {"train": 300, "validation": 120, "test": 120}
WIDTHS = {"conv1": 5, "conv2": 7, "logits": CLASSES}


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Small networks are many times slower when two threads share a busy core."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def candidates_of(*names: str) -> dict[str, tuple[Candidate, ...]]:
    return {
        name: tuple(
            Candidate(f"{name}-{structure}-{optimizer}", optimizer, structure, size, tuple(WIDTHS))
            for optimizer in ("adam", "sgd")
            for structure, size in (("LeNet", 900), ("MediumNet", 20_000))
        )
        for name in names
    }


def problem_of(folder: Path, code: FusionCode, inputs: dict[str, int]) -> FusionProblem:
    """Each input tells half of the class, so that only both together tell it all.

    Args:
        folder: of the store.
        code: of the fusion networks.
        inputs: which half each tells, 0 or 1.
    """
    store = Store(str(folder / "store"), folder / "cache")
    generator = torch.Generator().manual_seed(0)
    targets = {
        split: torch.randint(CLASSES, (rows,), generator=generator) for split, rows in ROWS.items()
    }
    banks: dict[str, dict[str, str]] = {}
    for name, half in inputs.items():
        for candidate in code.candidates[name]:
            maps = {
                tap: torch.randn(2, width, generator=generator) for tap, width in WIDTHS.items()
            }
            keys = {}
            for split, target in targets.items():
                bit = target // 2 if half else target % 2
                taps = {
                    tap: chosen[bit] + 0.5 * torch.randn(len(target), width, generator=generator)
                    for (tap, chosen), width in zip(maps.items(), WIDTHS.values(), strict=True)
                }
                member = torch.arange(CLASSES) // 2 if half else torch.arange(CLASSES) % 2
                noise = torch.randn(len(target), CLASSES, generator=generator)
                taps["logits"] = 4.0 * (member == bit[:, None]) + noise
                present = torch.rand(len(target), generator=generator) > 0.1
                bank = FeatureBank(
                    {tap: value * present[:, None] for tap, value in taps.items()}, present
                )
                keys[split] = f"banks/{candidate.model}-{split}.safetensors"
                save_bank(store, keys[split], bank)
            banks[candidate.model] = keys
    return FusionProblem(
        code,
        store,
        banks,
        targets,
        CLASSES,
        CandidateRecipe(hidden=6, epochs=3, batch_size=64),
        Recipe(epochs=4, batch_size=64, optimizer="adam", learning_rate=1e-2),
        6,
        "all_reduce",
        seed=5,
    )


@pytest.fixture(scope="session")
def candidates() -> dict[str, tuple[Candidate, ...]]:
    return candidates_of("image", "audio")


@pytest.fixture(scope="session")
def problem(
    tmp_path_factory: pytest.TempPathFactory, candidates: dict[str, tuple[Candidate, ...]]
) -> FusionProblem:
    code = FusionCode(candidates, depth=3, operators=tuple(OPERATORS))
    return problem_of(tmp_path_factory.mktemp("fusion"), code, {"image": 0, "audio": 1})


@pytest.fixture(scope="session")
def partial_problem(tmp_path_factory: pytest.TempPathFactory) -> FusionProblem:
    """Three inputs, of which the text is linked to no other."""
    inputs = {"image": 0, "text": 0, "audio": 1}
    found = candidates_of(*inputs)
    pathway = Pathway(dict.fromkeys(inputs, 1.0), (("image", "audio", 1.0),))
    homes = {one.model: [name] for name, models in found.items() for one in models}
    prior = PathwayPrior(pathway, homes)
    code = FusionCode(found, depth=3, operators=tuple(OPERATORS), prior=prior)
    return problem_of(tmp_path_factory.mktemp("partial"), code, inputs)


@pytest.fixture(scope="session")
def redundant() -> Features:
    """Each input tells the whole class, but where it errs: the audio seldom, the image more."""
    generator = torch.Generator().manual_seed(0)
    target = torch.randint(CLASSES, (600,), generator=generator)
    taps, evidences = {}, {}
    for name, right in (("audio", 0.95), ("image", 0.9)):
        other = torch.randint(CLASSES, target.shape, generator=generator)
        says = torch.where(torch.rand(target.shape, generator=generator) < right, target, other)
        centers = torch.randn(CLASSES, 6, generator=generator)
        noise = torch.randn(len(target), 6, generator=generator)
        taps[name, "tap"] = centers[says] + 0.3 * noise
        # Both are equally sure of what they say.
        evidences[name] = 3.0 * torch.eye(CLASSES)[says]
    return Features(taps, evidences, target, torch.full((CLASSES,), 1 / CLASSES).log())


@pytest.fixture(scope="session")
def redundant_scales(redundant: Features) -> dict[tuple[str, str], TapScale]:
    """The taps of `redundant` are normalised already."""
    return {key: TapScale(torch.zeros(6), torch.ones(6)) for key in redundant.taps}
