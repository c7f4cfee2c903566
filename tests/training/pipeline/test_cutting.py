from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainray.errors import TrainingError
from brainray.training.pipeline.cutting import Chain, Cut, Flow, LayerCost, cut

SIZES = st.integers(0, 20)
LAYERS = st.lists(
    # eighths of a second: sums of them are exact
    st.builds(
        lambda eighths, state, kept, out: LayerCost("layer", eighths / 8, state, kept, out),
        st.integers(0, 40),
        SIZES,
        SIZES,
        SIZES,
    ),
    min_size=1,
    max_size=7,
)
FLOWS = st.builds(Flow, st.integers(1, 6), st.sampled_from(["1f1b", "gpipe"]))


def chain(*layers: tuple[float, int, int, int], flow: Flow = Flow(1)) -> Chain:  # noqa: B008
    named = (LayerCost(f"layer {n} (Any)", *costs) for n, costs in enumerate(layers))
    return Chain(tuple(named), flow)


def every_cut(layers: int, stages: int) -> list[Cut]:
    inner = combinations(range(1, layers), stages - 1)
    return [
        tuple(range(*ends) for ends in zip((0, *starts), (*starts, layers), strict=True))
        for starts in inner
    ]


def needed(chain: Chain, parts: Cut) -> int:
    return max(chain.stage_bytes(part, stage, len(parts)) for stage, part in enumerate(parts))


@settings(max_examples=150, deadline=None)
@given(LAYERS, FLOWS, st.data())
def test_no_cut_that_fits_has_a_faster_slowest_stage(layers, flow, data):
    network = Chain(tuple(layers), flow)
    stages = data.draw(st.integers(1, len(layers)))
    possible = every_cut(len(layers), stages)
    limit = data.draw(st.none() | st.integers(1, max(needed(network, c) for c in possible) + 1))
    fitting = [c for c in possible if limit is None or needed(network, c) <= limit]
    if not fitting:
        with pytest.raises(TrainingError, match=rf"limit_bytes is {limit:,};"):
            cut(network, stages, limit)
        return
    found = cut(network, stages, limit)
    assert found in fitting
    slowest = [max(network.seconds(part) for part in c) for c in [found, *fitting]]
    assert slowest[0] == min(slowest)


def test_seconds_and_not_the_number_of_layers_decide():
    assert cut(chain((6, 0, 0, 0), (1, 0, 0, 0), (2, 0, 0, 0), (2, 0, 0, 0)), 2) == (
        range(0, 1),
        range(1, 4),
    )


def test_a_limit_moves_the_cut():
    network = chain((4, 10, 0, 0), (2, 50, 0, 0), (2, 50, 0, 0), (1, 10, 0, 0))
    assert cut(network, 2) == (range(0, 1), range(1, 4))
    assert cut(network, 2, limit_bytes=60) == (range(0, 2), range(2, 4))


def test_a_stage_keeps_state_activations_in_flight_and_what_neighbours_send():
    layers = ((1, 1000, 100, 10), (1, 2000, 200, 20), (1, 4000, 400, 40))
    piped, filled = (chain(*layers, flow=Flow(8, name)) for name in ("1f1b", "gpipe"))
    parts = (range(0, 1), range(1, 2), range(2, 3))
    # Of three stages 3, 2 and 1 microbatches are in flight; 8 places for each tensor received.
    assert [piped.stage_bytes(part, stage, 3) for stage, part in enumerate(parts)] == [
        1000 + 3 * 110 + 8 * 10,
        2000 + 2 * 220 + 8 * (10 + 20),
        4000 + 1 * 440 + 8 * 20,
    ]
    assert filled.stage_bytes(range(1, 3), 1, 2) == 6000 + 8 * 640 + 8 * 10


def test_what_does_not_fit_is_named_with_its_bytes_and_what_would_fit():
    network = chain((1, 600, 0, 0), (1, 600, 0, 0), (1, 700, 0, 0))
    message = (
        r"^stage 0 of 2 \(layer 0 \(Any\) to layer 1 \(Any\)\): needs 1,200 bytes in the cut that "
        r"needs least, limit_bytes is 1,000; 3 stages fit$"
    )
    with pytest.raises(TrainingError, match=message):
        cut(network, 2, limit_bytes=1000)


def test_a_layer_that_is_too_large_by_itself_is_named():
    network = chain((1, 1, 0, 0), (1, 600, 0, 0), (1, 1, 0, 0))
    message = r"layer 1 \(Any\) needs 600 by itself, so no number of stages fits$"
    with pytest.raises(TrainingError, match=message):
        cut(network, 2, limit_bytes=500)


def test_what_is_received_may_be_too_much_for_every_number_of_stages():
    network = chain((1, 10, 0, 50), (1, 10, 0, 50), (1, 10, 0, 0))
    with pytest.raises(TrainingError, match="no larger number of stages fits: take smaller"):
        cut(network, 2, limit_bytes=69)


def test_1f1b_fills_up_the_microbatches_that_a_batch_lacks():
    layers = [(1, 100, 10, 1)] * 4
    piped, filled = (chain(*layers, flow=Flow(2, name)) for name in ("1f1b", "gpipe"))
    assert piped.stage_bytes(range(0, 1), 0, 4) == 100 + 4 * 11 + 4 * 1
    assert filled.stage_bytes(range(0, 1), 0, 4) == 100 + 2 * 11 + 2 * 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: cut(chain((1, 0, 0, 0)), 2), "^stages: must be a whole number from 1 to 1, not 2"),
        (lambda: cut(chain((1, 0, 0, 0)), 0), "^stages: "),
        (lambda: cut(chain((1, 0, 0, 0)), 1, 0), "^limit_bytes: "),
        (lambda: chain(), "^layers: "),
        (lambda: Flow(0), "^microbatches: "),
        (lambda: Flow(1, "zigzag"), "^schedule: must be one of 1f1b, gpipe, not 'zigzag'"),
    ],
)
def test_impossible_arguments_are_refused(wrong, message):
    with pytest.raises(TrainingError, match=message):
        wrong()
