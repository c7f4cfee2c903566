import pytest
import torch
from torch import Tensor, nn

from brainray.errors import TrainingError
from brainray.training.interface import Push
from brainray.training.replica import NetworkReplica
from brainray.training.strategies.parameter_server import ParameterServer


def server(size: int, **options):
    """Return a server of the parameters (0, 0) with plain SGD of rate 1."""
    parameter = nn.Parameter(torch.zeros(2))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    return ParameterServer(**options).server(
        NetworkReplica([parameter], optimizer, [1.0] * 100), size
    )


def push(first: float, second: float, version: int = 0, rows: int = 1, of: int = 2) -> Push:
    return Push("step", torch.tensor([first, second]), rows, of, version)


def told(pulls) -> list[tuple[int, list[float], int]]:
    return [(rank, pull.vector.tolist(), pull.version) for rank, pull in pulls]


def test_a_synchronous_server_answers_all_when_the_last_has_pushed():
    made = server(2)
    assert made.receive(1, push(1, 0, rows=3, of=4)) == []
    assert told(made.receive(0, push(0, 4, rows=1, of=4))) == [
        (0, [-0.75, -1.0], 1),
        (1, [-0.75, -1.0], 1),
    ]


def test_an_asynchronous_server_answers_at_once_and_counts_versions():
    made = server(2, synchronous=False)
    assert told(made.receive(1, push(2, 0))) == [(1, [-1.0, 0.0], 1)]
    assert told(made.receive(1, push(2, 0, version=1))) == [(1, [-2.0, 0.0], 2)]
    assert told(made.receive(0, push(0, 2))) == [(0, [-2.0, -1.0], 3)]
    assert made.stalest == 2


def test_who_is_too_far_ahead_waits_for_the_slowest():
    made = server(3, synchronous=False, staleness=1)
    assert [rank for rank, _ in made.receive(0, push(1, 1))] == [0]
    assert made.receive(0, push(1, 1)) == []
    assert [rank for rank, _ in made.receive(1, push(1, 1))] == [1]
    assert [rank for rank, _ in made.receive(2, push(1, 1))] == [0, 2]


def test_nobody_waits_for_a_worker_that_has_left():
    made = server(2, synchronous=False, staleness=0)
    assert made.receive(0, push(1, 1)) == []
    assert told(made.receive(1, Push("leave"))) == [(0, [-0.5, -0.5], 1)]
    # The last weights come when all have left.
    assert told(made.receive(0, Push("leave"))) == [(1, [-0.5, -0.5], 1), (0, [-0.5, -0.5], 1)]


def test_movements_of_parameters_are_weighted_and_added():
    made = server(2, synchronous=False, exchange="parameters")
    assert told(made.receive(0, push(1, 2, rows=3, of=4))) == [(0, [0.75, 1.5], 1)]


def test_a_worker_without_rows_changes_nothing():
    made = server(2, synchronous=False)
    assert told(made.receive(0, push(1, 1, rows=0))) == [(0, [0.0, 0.0], 0)]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"synchronous": "yes"}, "synchronous: must be true or false, not 'yes'"),
        ({"exchange": "weights"}, "exchange: must be one of gradients, parameters, not 'weights'"),
        ({"period": 2}, "period: must be 1 with 'exchange: gradients'"),
        ({"staleness": -1}, "staleness: must be a whole number from 0 to 1000000, not -1"),
    ],
)
def test_impossible_options_are_refused(options, reason: str):
    with pytest.raises(TrainingError) as raised:
        ParameterServer(**options)
    assert str(raised.value) == reason


def test_answers_are_copies():
    made = server(1, synchronous=False)
    ((_, pull),) = made.receive(0, Push("join"))
    vector: Tensor = pull.vector
    vector += 1
    assert told(made.receive(0, Push("join"))) == [(0, [0.0, 0.0], 0)]
