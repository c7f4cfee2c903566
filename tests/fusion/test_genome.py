import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainray.fusion.genome import Candidate, FusionCode, Wiring

TAPS = ("conv1", "conv2", "conv3", "logits")
LENET = Candidate("i-lenet-adam", "adam", "LeNet", 6_346, TAPS)
MEDIUM = Candidate("i-medium-sgd", "sgd", "MediumNet", 25_034, ("conv0", *TAPS))
SOUND = Candidate("a-lenet-adam", "adam", "LeNet", 6_346, ("conv1", "logits"))
DEEP = Candidate("a-medium-adam", "adam", "MediumNet", 25_034, TAPS)
CODE = FusionCode({"image": (LENET, MEDIUM), "audio": (SOUND, DEEP)}, 3, ("concat",))

codes = st.tuples(*(st.integers(0, len(gene.alleles) - 1) for gene in CODE.genes))


def test_an_input_has_a_gene_of_optimizer_structure_and_size() -> None:
    names = [gene.name for gene in CODE.genes]
    assert names[:3] == ["image.optimizer", "image.structure", "image.size"]
    assert names[3:7] == ["audio.optimizer", "audio.structure", "audio.size", "depth"]
    assert names[7:10] == ["level1.image.tap", "level1.audio.tap", "level1.operator"]
    assert [gene.group for gene in CODE.genes[:3]] == ["image"] * 3
    size = CODE.genes[2]
    assert size.alleles == ("1e3", "1e4")


@given(codes)
def test_repair_gives_a_legal_code_that_stays_as_it_is(genome: tuple[int, ...]) -> None:
    repaired = CODE.repair(genome)
    CODE.space.check(repaired)
    assert CODE.repair(repaired) == repaired
    wiring = CODE.decode(repaired)
    assert wiring == CODE.decode(CODE.repair(genome))
    for name, model in wiring.models.items():
        (candidate,) = (c for c in CODE.candidates[name] if c.model == model)
        assert all(level.taps[name] in candidate.taps[-4:] for level in wiring.levels)


@given(codes, codes)
def test_different_canonical_codes_mean_different_networks(
    first: tuple[int, ...], second: tuple[int, ...]
) -> None:
    a, b = CODE.repair(first), CODE.repair(second)
    assert (a == b) == (CODE.decode(a) == CODE.decode(b))


def test_a_gene_that_no_model_has_becomes_the_nearest() -> None:
    # sgd, LeNet, 1e3: two of three genes are those of the LeNet.
    genome = CODE.repair((1, 0, 0, 0, 0, 0, 0, *([0] * 9)))
    assert genome[:3] == (0, 0, 0)
    assert CODE.decode(genome).models["image"] == "i-lenet-adam"


def test_taps_are_counted_from_the_output_and_at_most_four() -> None:
    genome = CODE.repair((1, 1, 1, 0, 0, 0, 0, 3, 3, 0, *([0] * 6)))
    (level,) = CODE.decode(genome).levels
    # MediumNet's fifth tap from the output is out of reach; the small network has only two.
    assert level.taps == {"image": "conv1", "audio": "conv1"}
    assert MEDIUM.fusable == ("logits", "conv3", "conv2", "conv1")


def test_levels_beyond_the_depth_do_not_count() -> None:
    shallow = CODE.repair((0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 2, 1, 0, 3, 1, 0))
    assert shallow == (0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0)
    assert len(CODE.decode(shallow).levels) == 1


@pytest.mark.parametrize("inputs", [1, 3])
def test_any_number_of_inputs(inputs: int) -> None:
    code = FusionCode({f"x{i}": (LENET, MEDIUM) for i in range(inputs)}, 2, ("concat",))
    wiring = code.decode(code.space.sample(np.random.default_rng(0)))
    assert list(wiring.models) == [f"x{i}" for i in range(inputs)]


FORMS = [("joint", False), ("joint", True), ("coordinated", False)]


@given(codes, st.sampled_from(FORMS))
def test_a_wiring_has_the_form_of_its_code_and_survives_json(
    genome: tuple[int, ...], form: tuple[str, bool]
) -> None:
    code = replace(CODE, representation=form[0], feedback=form[1])
    wiring = code.decode(code.repair(genome))
    assert (wiring.representation, wiring.feedback) == form
    stored = json.loads(json.dumps(wiring.to_json()))
    assert Wiring.from_json(stored) == wiring
