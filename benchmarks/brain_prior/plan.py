"""How large the benchmark is."""

from dataclasses import dataclass
from typing import Literal, get_args

Prior = Literal["uniform", "brain", "distance", "direct", "shuffled"]
PRIORS: tuple[Prior, ...] = get_args(Prior)
ALGORITHMS = ("evolution", "random")


@dataclass(frozen=True)
class Plan:
    """Sizes.

    Attributes:
        changes: of the built-in scenario, as ``--set`` takes them.
        seeds: of the searches; data, networks and banks are those of one.
        budget: candidates of every search.
        brood: candidates that are trained together; the searcher is told of each brood at once.
        shares: of the best value, which a search is to reach; the first one decides.
    """

    changes: tuple[str, ...]
    seeds: int
    budget: int
    brood: int
    shares: tuple[float, ...] = (0.99, 0.995)


NETWORKS = ("lenet3", "lenet5", "mediumnet", "sparsenet")

FULL = Plan(
    changes=(
        "data.source=files",
        "data.options.train=4000",
        "pretraining.epochs=4",
        "pretraining.optimizers=[adam]",
        *(
            f"inputs.{name}.networks=[{', '.join(f'{network}.{name}' for network in NETWORKS)}]"
            for name in ("image", "audio")
        ),
    ),
    seeds=10,
    budget=64,
    brood=8,
)

QUICK = Plan(
    changes=(
        "data.source=embedded",
        "data.options.train=300",
        "data.options.validation=100",
        "data.options.test=100",
        "pretraining.epochs=1",
        "pretraining.optimizers=[adam]",
        "search.epochs=1",
    ),
    seeds=2,
    budget=8,
    brood=4,
)
