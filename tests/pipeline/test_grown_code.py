import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from brainray.errors import SearchError
from brainray.networks.grown import ConvLayer, GrownNetwork
from brainray.pipeline.grown_code import GrownCode
from brainray.search.progressive import Stages

NUMBERS = {"filters": (2, 4, 8), "kernels": (1, 3, 5, 7), "strides": (1, 2, 3)}
sizes = st.tuples(st.integers(1, 30), st.integers(1, 30))


@st.composite
def codes(draw: st.DrawFn) -> tuple[GrownCode, tuple[int, ...]]:
    code = GrownCode(draw(sizes), 4, **NUMBERS)
    return code, tuple(draw(st.integers(0, len(gene.alleles) - 1)) for gene in code.space.genes)


@given(codes())
def test_every_code_is_repaired_to_a_legal_one(drawn: tuple[GrownCode, tuple[int, ...]]) -> None:
    code, genome = drawn
    repaired = code.repair(genome)
    code.space.check(repaired)
    assert code.repair(repaired) == repaired
    size = code.size
    for layer in code.decode(repaired):
        assert layer.height <= size[0]
        assert layer.width <= size[1]
        assert layer.stride_height <= size[0]
        assert layer.stride_width <= size[1]
        size = layer.size_after(size)


@given(codes())
def test_layers_and_codes_say_the_same(drawn: tuple[GrownCode, tuple[int, ...]]) -> None:
    code, genome = drawn
    repaired = code.repair(genome)
    layers = code.decode(repaired)
    assert code.encode(layers) == repaired
    assert code.decode(code.encode(layers)) == layers


@settings(max_examples=30)
@given(codes())
def test_every_legal_code_is_a_network(drawn: tuple[GrownCode, tuple[int, ...]]) -> None:
    code, genome = drawn
    network = GrownNetwork(code.decode(code.repair(genome)), (1, *code.size), classes=3)
    assert network(torch.rand(2, 1, *code.size)).isfinite().all()


def test_what_does_not_fit_becomes_the_largest_that_does() -> None:
    code = GrownCode((6, 4), 2, **NUMBERS)
    # 8 filters of 7 x 7 by strides of 3 x 3; then the same on maps of 2 x 2.
    genome = (1, 2, 3, 3, 2, 2, 2, 3, 3, 2, 2)
    assert code.decode(code.repair(genome)) == (ConvLayer(8, 5, 3, 3, 3), ConvLayer(8, 1, 1, 2, 2))


def test_a_string_ends_where_no_filter_fits() -> None:
    code = GrownCode((6, 6), 3, filters=(4,), kernels=(3, 5), strides=(3,))
    assert code.decode(code.repair((2, *[0] * 15))) == (ConvLayer(4, 3, 3, 3, 3),)
    with pytest.raises(SearchError, match=r"grow\.kernels: 3, the smallest, does not fit .* 2 x 9"):
        GrownCode((2, 9), 1, **NUMBERS | {"kernels": (3,)})


def test_progressive_search_writes_it_layer_by_layer() -> None:
    stages = Stages.of(GrownCode((28, 28), 3, **NUMBERS).space)
    assert stages.depth == 0
    assert [len(stage) for stage in stages.genes] == [5, 5, 5]
