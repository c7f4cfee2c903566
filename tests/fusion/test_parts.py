"""Evidence, banks, spoiling and the gate."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from brainray.catalog.store import Store
from brainray.errors import CatalogError, NetworkError
from brainray.fusion.bank import build_bank, load_bank, save_bank
from brainray.fusion.evidence import evidence, log_prior, temperature
from brainray.fusion.features import Features, Spoiling
from brainray.fusion.forms import restore
from brainray.fusion.gate import decide
from brainray.fusion.genome import Level, Wiring
from brainray.fusion.network import TapScale
from brainray.networks.lenet import LeNet3


@pytest.mark.parametrize("true", [0.5, 1.0, 4.0])
def test_temperature_finds_the_factor_of_overconfidence(true: float) -> None:
    generator = torch.Generator().manual_seed(0)
    calibrated = 2 * torch.randn(20_000, 5, generator=generator)
    target = torch.multinomial(calibrated.softmax(1), 1, generator=generator)[:, 0]
    assert temperature(true * calibrated, target) == pytest.approx(true, rel=0.05)


def test_evidence_adds_up_to_the_posterior_of_independent_inputs() -> None:
    prior = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    first = torch.tensor([[0.2, 0.5, 0.3]], dtype=torch.float64)
    second = torch.tensor([[0.1, 0.2, 0.7]], dtype=torch.float64)
    here = torch.tensor([True])
    total = prior.log() + sum(evidence(p.log(), 1.0, prior.log(), here) for p in (first, second))
    expected = first * second / prior
    torch.testing.assert_close(total.softmax(1), expected / expected.sum())


def test_a_missing_input_has_no_evidence() -> None:
    logits = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    present = torch.tensor([True, False, True, False])
    values = evidence(logits, 2.0, torch.zeros(3), present)
    assert (values[~present] == 0).all()
    assert (values[present] != 0).any()


def test_the_prior_is_a_distribution_even_without_a_class() -> None:
    prior = log_prior(torch.tensor([0, 0, 1]), classes=3).exp()
    assert prior.sum() == pytest.approx(1.0)
    assert prior.tolist() == pytest.approx([0.5, 1 / 3, 1 / 6])


@given(st.integers(1, 5), st.floats(0, 1), st.integers(0, 1000))
def test_spoiling_leaves_an_input_and_never_exchanges_the_anchor(
    inputs: int, p: float, seed: int
) -> None:
    spoiling = Spoiling(missing=p, foreign=1 - p, anchor=seed % inputs)
    keep, source = spoiling.draw(50, inputs, torch.Generator().manual_seed(seed))
    assert keep.shape == source.shape == (50, inputs)
    assert set(keep.unique().tolist()) <= {0.0, 1.0}
    assert (keep.sum(1) >= max(1, inputs - 1)).all()
    exchanged = source != torch.arange(50)[:, None]
    assert (exchanged.sum(1) <= 1).all()
    assert not exchanged[:, spoiling.anchor].any()
    assert not (exchanged.any(1) & (keep.sum(1) < inputs)).any()


def test_spoiling_is_as_frequent_as_asked() -> None:
    spoiling = Spoiling(missing=0.3, foreign=0.2, anchor=0)
    keep, source = spoiling.draw(20_000, 2, torch.Generator().manual_seed(0))
    assert (1 - keep).sum(0) / 20_000 == pytest.approx([0.15, 0.15], abs=0.01)
    assert (source[:, 1] != torch.arange(20_000)).double().mean() == pytest.approx(0.2, abs=0.01)


@given(st.integers(2, 40), st.integers(0, 1000))
def test_shuffling_leaves_no_row_its_own_and_changes_nothing_else(rows: int, seed: int) -> None:
    number_N = torch.arange(rows, dtype=torch.float32)[:, None]
    taps = {("i", "conv1"): number_N, ("i", "logits"): number_N, ("a", "logits"): number_N}
    features = Features(taps, {"i": number_N, "a": number_N}, torch.zeros(rows), torch.zeros(2))
    shuffled = features.shuffled("i", torch.Generator().manual_seed(seed))
    other = shuffled.evidences["i"]
    assert (other != number_N).all()
    assert torch.equal(other.sort(dim=0).values, number_N)
    assert torch.equal(shuffled.taps["i", "conv1"], other)
    assert torch.equal(shuffled.taps["i", "logits"], other)
    assert torch.equal(shuffled.taps["a", "logits"], number_N)
    assert torch.equal(shuffled.evidences["a"], number_N)


def test_a_bank_survives_the_store(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"), tmp_path / "cache")
    inputs = np.random.default_rng(0).random((300, 1, 28, 28), dtype=np.float32)
    present = np.arange(300) % 3 > 0
    network = LeNet3((1, 28, 28), 10).eval()
    bank = build_bank(network, inputs, present)
    save_bank(store, "banks/one.safetensors", bank)
    again = load_bank(store, "banks/one.safetensors")
    assert list(again.taps) == ["conv1", "conv2", "conv3", "logits"]
    assert torch.equal(again.present, torch.from_numpy(present))
    with torch.no_grad():
        expected = network(torch.from_numpy(inputs)) * torch.from_numpy(present)[:, None]
    torch.testing.assert_close(again.logits, expected)
    path = store.local_path("banks/one.safetensors")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(CatalogError, match=r"is damaged, its bytes are not its sha256"):
        load_bank(store, "banks/one.safetensors")


def test_a_scale_ignores_missing_rows_and_dead_units() -> None:
    tap = torch.tensor([[1.0, 5.0], [3.0, 5.0], [900.0, 900.0]])
    scale = TapScale.measure(tap, torch.tensor([True, True, False]))
    normal = scale.apply(tap, torch.tensor([True, True, False]))
    assert normal.tolist() == [[-1.0, 0.0], [1.0, 0.0], [0.0, 0.0]]


def test_foreign_weights_are_refused() -> None:
    wiring = Wiring({"image": "m"}, (Level({"image": "logits"}, "concat"),))
    with pytest.raises(NetworkError, match="do not fit"):
        restore(wiring, {"image": 1.0}, {"prior": torch.zeros(3)})


@pytest.mark.parametrize(
    ("fused", "unimodal", "chosen"),
    [(0.9, 0.8, "fused"), (0.8, 0.9, "unimodal"), (0.8, 0.8, "unimodal")],
)
def test_the_gate_wants_a_gain(fused: float, unimodal: float, chosen: str) -> None:
    decision = decide(fused, unimodal)
    assert decision.chosen == chosen
    assert decision.margin == pytest.approx(fused - unimodal)
