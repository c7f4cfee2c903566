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
        fusion_candidates: random fusion networks, of which all rules train the best.
        fusion_seeds: of that training.
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
    fusion_candidates: int
    fusion_seeds: int
    swarm_rows: int
    swarm_epochs: int
    swarm_seeds: int
    periods: tuple[int, ...]
    row_seconds: float = 0.0


FULL = Plan(
    source="mnist",
    share=0.4,
    rounds=5,
    rows=4_096,
    batch=256,
    long_rows=12_288,
    long_batch=1_024,
    learn_rows=10_000,
    learn_epochs=3,
    learn_seeds=3,
    fusion_candidates=16,
    fusion_seeds=3,
    swarm_rows=4_000,
    swarm_epochs=3,
    swarm_seeds=5,
    periods=(1, 5, 20, 50),
)
QUICK = Plan(
    source="embedded",
    share=0.4,
    rounds=1,
    rows=128,
    batch=64,
    long_rows=128,
    long_batch=64,
    learn_rows=256,
    learn_epochs=1,
    learn_seeds=1,
    fusion_candidates=2,
    fusion_seeds=1,
    swarm_rows=128,
    swarm_epochs=1,
    swarm_seeds=1,
    periods=(1, 5),
)


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
