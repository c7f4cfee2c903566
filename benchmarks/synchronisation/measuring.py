"""What is measured on capped worker processes, round by round."""

import statistics
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any

from brainray import plugins
from brainray.training.calibration import calibrated
from brainray.training.cluster import Slowdown
from brainray.training.loop import Recipe
from brainray.training.simulation import simulate_epochs
from synchronisation.crew import Crew
from synchronisation.digits import network
from synchronisation.plan import Plan
from synchronisation.timing import Order, Probe, Told, probe, train

Rows = list[dict[str, Any]]
SLOW = 1
"""The worker that is slower than the others."""
EPOCHS = 3
FACTORS = (1, 2, 3)


def order(plan: Plan, strategy: str, **others: Any) -> Order:
    """Return a training of this plan."""
    recipe = Recipe(others.pop("epochs", EPOCHS), plan.batch, "adam", 1e-3)
    if plan.row_seconds > 0:
        others |= {"network": "linear", "row_seconds": plan.row_seconds}
    return Order(strategy, recipe, plan.rows, plan.source, share=plan.share, **others)


def long_steps(plan: Plan) -> Plan:
    """Return the plan of an epoch whose steps compute longer than they wait for messages."""
    return replace(plan, rows=plan.long_rows, batch=plan.long_batch)


def timed(crew: Crew, wanted: Order, slower: float = 1.0) -> dict[str, Any]:
    """Have all workers train; return the seconds of each epoch, until the last worker's end."""
    orders = [wanted] * crew.size
    if wanted.row_seconds > 0:
        orders[SLOW] = replace(wanted, row_seconds=wanted.row_seconds * slower)
    else:
        orders[SLOW] = replace(wanted, share=wanted.share / slower)
    told: list[Told] = crew.do(train, *orders)
    marks = [max(ends) for ends in zip(*(one.ends for one in told), strict=True)]
    spent = marks[-1] - marks[0]
    epochs = wanted.recipe.epochs
    steps = epochs * -(-told[0].effort.rows // epochs // wanted.recipe.batch_size)
    computing = [one.effort.seconds - one.effort.seconds_waited for one in told]
    return {
        "slept": wanted.row_seconds > 0,
        "epochs": [end - begin for begin, end in pairwise(marks)],
        "seconds": spent,
        "step_computing": statistics.median(computing) / steps,
        "steps": steps,
        "cores": [one.cpu_seconds / spent for one in told],
    }


def warm_up(crew: Crew, plan: Plan) -> None:
    """Have all workers load the images and train for an epoch, as fast as they can."""
    for strategy in ("all_reduce", "hpsgd"):
        once = order(plan, strategy, epochs=1, latency_seconds=1e-3)
        crew.do(train, replace(once, share=1.0))


def row(part: str, found: dict[str, Any], **others: Any) -> dict[str, Any]:
    """Return a row of the report, rounded."""
    return {
        "part": part,
        "simulated": False,
        "computing": "slept" if found["slept"] else "done",
        **others,
        "epochs": [round(seconds, 3) for seconds in found["epochs"]],
        "seconds": round(found["seconds"], 3),
        "cores": [round(cores, 2) for cores in found["cores"]],
    }


def beside_ddp(crew: Crew, plan: Plan) -> tuple[Rows, dict[str, float]]:
    """Compare all-reduce with torch's DistributedDataParallel on the same processes.

    Returns:
        Rows, and by network the median over rounds of the product's time to torch's.
    """
    rows: Rows = []
    ratios: dict[str, float] = {}
    for name in ("lenet5", "wide"):
        rounds = []
        for number in range(plan.rounds + 1):
            took = {}
            for strategy in ("all_reduce", "ddp"):
                found = timed(crew, order(plan, strategy, network=name, epochs=1))
                took[strategy] = found["seconds"]
                if number > 0:  # the first one is warm-up
                    rows.append(row("ddp", found, network=name, strategy=strategy, round=number))
            rounds.append(took["all_reduce"] / took["ddp"])
        ratios[name] = statistics.median(rounds[1:])
    return rows, ratios


def with_a_slow_worker(crew: Crew, plan: Plan) -> tuple[Rows, dict[int, float]]:
    """Compare dynamic batch sizes with all-reduce where one worker is so many times slower.

    Returns:
        Rows, and by factor the median over rounds: of the share of the ideal saving that is
        reached in the third epoch; for factor 1 of the time more than all-reduce took, in all.
    """
    rows: Rows = []
    reached: dict[int, list[float]] = {factor: [] for factor in FACTORS}
    plan = long_steps(plan)
    for number in range(1, plan.rounds + 1):
        for factor in FACTORS:
            fixed, dynamic = (
                timed(crew, order(plan, strategy), factor)
                for strategy in ("all_reduce", "dynamic_batch_size")
            )
            for strategy, found in (("all_reduce", fixed), ("dynamic_batch_size", dynamic)):
                about = {"strategy": strategy, "slower": factor, "round": number}
                rows.append(row("dbs", found, **about))
            if factor == 1:
                reached[1].append(dynamic["seconds"] / fixed["seconds"] - 1)
            else:
                saved = 1 - dynamic["epochs"][-1] / statistics.mean(fixed["epochs"])
                reached[factor].append(saved / ideal_saving(crew.size, factor))
    return rows, {factor: statistics.median(values) for factor, values in reached.items()}


def ideal_saving(workers: int, factor: float) -> float:
    """Return what shares in proportion to speed save, where one worker is slower."""
    return 1 - workers / (factor * (workers - 1 + 1 / factor))


def with_latency(crew: Crew, plan: Plan) -> tuple[Rows, float]:
    """Compare HPSGD with all-reduce where a message takes as long as a step's computation.

    Returns:
        Rows, and the median over rounds of the share of the communication that HPSGD hides.
    """
    plan = long_steps(plan)
    rows: Rows = []
    hidden = []
    for number in range(1, plan.rounds + 1):
        without = timed(crew, order(plan, "all_reduce"))
        latency = without["step_computing"]
        rows.append(row("hpsgd", without, strategy="all_reduce", latency_ms=0, round=number))
        took = {}
        for strategy in ("all_reduce", "hpsgd"):
            found = timed(crew, order(plan, strategy, latency_seconds=latency))
            took[strategy] = found["seconds"]
            about = {"strategy": strategy, "latency_ms": round(1e3 * latency, 1), "round": number}
            rows.append(row("hpsgd", found, **about))
        visible = took["hpsgd"] - without["seconds"]
        hidden.append(1 - visible / (took["all_reduce"] - without["seconds"]))
    return rows, statistics.median(hidden)


def predicted(crew: Crew, plan: Plan) -> tuple[Rows, list[float]]:
    """Calibrate the simulator on the workers, and compare what it says with what they take.

    Returns:
        Rows, and the error of each prediction as a share of the measured time.
    """
    size = crew.size
    weights = sum(parameter.numel() for parameter in network("lenet5", 0).parameters())
    part = plan.batch // size
    rows: Rows = []
    errors = []
    cases: list[tuple[str, float, bool]] = [
        ("all_reduce", 1.0, False),
        ("all_reduce", 1.0, True),
        ("hpsgd", 1.0, True),
        ("all_reduce", 2.0, False),
        ("dynamic_batch_size", 2.0, False),
    ]
    for strategy, slower, late in cases:
        latency = 0.02 if late else 0.0
        asked = Probe(
            plan.share,
            (part // 4, part, 2 * part),
            (1, weights, 4 * weights),
            max(2, 4 * plan.rounds),
            latency,
            plan.source,
            "lenet5",
        )
        told = crew.do(probe, asked)
        steps = [sample for own, _ in told for sample in own]
        merges = [sample for _, own in told for sample in own]
        slowdowns = (Slowdown(SLOW, slower),) if slower > 1 else ()
        cluster = calibrated(size, steps, merges, 4.0 * weights, slowdowns)
        wanted = order(plan, strategy, latency_seconds=latency)
        found = timed(crew, wanted, slower)
        images = found["steps"] // EPOCHS * plan.batch
        simulated = simulate_epochs(
            partial(plugins.build, "strategies", strategy, {}),
            cluster,
            images,
            plan.batch,
            EPOCHS,
        )
        total = sum(simulated.epochs)
        errors.append(total / found["seconds"] - 1)
        about = {"workers": size, "strategy": strategy, "slower": slower}
        rows.append(
            row("calibration", found, **about, latency_ms=1e3 * latency)
            | {
                "predicted": [round(seconds, 3) for seconds in simulated.epochs],
                "error_percent": round(100 * errors[-1], 1),
                "row_ms": round(1e3 * cluster.row_seconds, 3),
                "step_ms": round(1e3 * cluster.step_seconds, 3),
                "merge_ms": round(1e3 * cluster.merge_seconds(1.0), 2),
            }
        )
    return rows, errors
