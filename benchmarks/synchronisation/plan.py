"""How much is measured."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Plan:
    """The sizes of a measurement.

    Attributes:
        source: of the images.
        share: of a core, for each worker: by default four fit on two cores.
        rounds: of everything that is timed; what is compared is timed in turn.
        rows: of a timed epoch.
        batch: rows of a timed step, of all workers together.
        long_rows: of a timed epoch of long steps, for the parts ``dbs`` and ``hpsgd``: a step
            of few rows waits for messages and for the operating system more than it computes, and
            then there is less to save than shares in proportion to speed promise.
        long_batch: rows of a long step.
        learn_rows: training images where accuracies are compared.
        learn_epochs: of these trainings.
        learn_seeds: of the comparison of all rules.
        swarm_rows: training images where PSO-PS is compared with plain averaging.
        swarm_epochs: of these trainings.
        swarm_seeds: of them.
        periods: of both.
        row_seconds: above 0, workers sleep so long for each row instead of computing, and a slow
            one longer: for a machine that is too busy to give them their share. The network is
            then a linear one. For the parts ``dbs`` and ``hpsgd``.
    """

    source: str
    share: float
    rounds: int
    rows: int
    batch: int
    long_rows: int
    long_batch: int
    learn_rows: int
    learn_epochs: int
    learn_seeds: int
    swarm_rows: int
    swarm_epochs: int
    swarm_seeds: int
    periods: tuple[int, ...]
    row_seconds: float = 0.0


FULL = Plan("mnist", 0.4, 5, 4_096, 256, 12_288, 1_024, 10_000, 3, 3, 4_000, 3, 5, (1, 5, 20, 50))
QUICK = Plan("embedded", 0.4, 1, 128, 64, 128, 64, 256, 1, 1, 128, 1, 1, (1, 5))


@dataclass(frozen=True)
class Rule:
    """A strategy with options, under a name of its own."""

    name: str
    strategy: str
    options: dict[str, Any] = field(default_factory=dict)


RULES = (
    Rule("all_reduce", "all_reduce"),
    Rule("dynamic_batch_size", "dynamic_batch_size"),
    Rule("hpsgd", "hpsgd"),
    Rule("local_sgd, period 20", "local_sgd"),
    Rule("easgd, period 4", "easgd"),
    Rule("pso_ps, period 20", "pso_ps"),
    Rule("parameter_server", "parameter_server"),
    Rule("parameter_server, asynchronous", "parameter_server", {"synchronous": False}),
    Rule(
        "parameter_server, asynchronous, parameters",
        "parameter_server",
        {"synchronous": False, "exchange": "parameters", "period": 5},
    ),
)
