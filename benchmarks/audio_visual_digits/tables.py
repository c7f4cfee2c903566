"""Tables 7 and 8 of the paper beside ours: every network alone, every pair fused."""

from statistics import mean
from typing import Any

from reporting import goal

from audio_visual_digits import paper
from audio_visual_digits.plan import INPUTS, Plan
from audio_visual_digits.statistics import accuracy, better, difference, mean_sd
from audio_visual_digits.workbench import Result, Workbench

Pairs = dict[tuple[str, str], list[Result]]
"""The results of each pair, one a seed."""


def measure(plan: Plan, bench: Workbench) -> tuple[dict[str, Any], Pairs]:
    """Run all networks together, then every pair, for every seed; return rows and results.

    ``seconds_a_seed`` are only of seeds whose networks were all trained in this run: what an
    earlier one had trained already would make the time look short.
    """
    together: list[Result] = []
    pairs: Pairs = {pair: [] for pair in plan.pairs}
    seconds: list[float] = []
    for seed in plan.seeds:
        together.append(bench.on_ray(plan.all_networks(seed)))
        results = bench.local([plan.pair(pair, seed) for pair in plan.pairs])
        for pair, result in zip(plan.pairs, results, strict=True):
            pairs[pair].append(result)
        if together[-1].report["trained"] == len(INPUTS) * len(plan.networks):
            spent = sum(result.report["wall_seconds"] for result in results) / bench.workers
            seconds.append(round(together[-1].report["wall_seconds"] + spent, 1))
    rows = {
        "unimodal": [_alone(plan, pairs, name, number) for number, name in enumerate(INPUTS)],
        "fused": [_fused(pair, results) for pair, results in pairs.items()],
        "all_networks": _together(together),
        "seconds_a_seed": seconds,
    }
    return rows, pairs


def goals(rows: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what the tables should reach, with what they do."""
    fused = rows["fused"]
    found = [
        goal("worst_gain_over_better_unimodal", min(row["gain"]["points"] for row in fused), 0.0),
        goal(
            "worst_lower_bound_over_reheaded",
            min(row["over_reheaded"]["interval"][0] for row in fused),
            -0.5,
        ),
        goal("best_fused", max(row["fused"][0] for row in fused), 98.6),
        goal(
            "worst_change_by_a_missing_input",
            min(min(row["missing_image"], row["missing_audio"]) for row in fused),
            -2.0,
        ),
        goal(
            "worst_change_by_a_shuffled_weaker_input",
            min(row["shuffled_weaker"] for row in fused),
            -2.0,
        ),
    ]
    if seconds := rows["seconds_a_seed"]:
        found.append(goal("minutes_a_seed", max(seconds) / 60, 40.0, better="lower"))
    return found


def _alone(plan: Plan, pairs: Pairs, name: str, number: int) -> dict[str, Any]:
    """Return an input's row: each network by itself, from the first pair that has it."""
    row: dict[str, Any] = {"input": name}
    for network in plan.networks:
        results = next(found for pair, found in pairs.items() if pair[number] == network)
        ours = mean_sd([accuracy(result, f"unimodal/{name}") for result in results])
        row[network] = {"ours": ours, "paper": paper.UNIMODAL[name][network]}
    return row


def _fused(pair: tuple[str, str], results: list[Result]) -> dict[str, Any]:
    """Return a pair's row; changes are means over the seeds, in points."""
    alone = {
        name: mean([accuracy(result, f"unimodal/{name}") for result in results]) for name in INPUTS
    }

    def change(what: str, spoiled: str) -> float:
        other = next(name for name in INPUTS if name != spoiled)
        found = mean([accuracy(result, f"{what}/{spoiled}") for result in results])
        return round(found - alone[other], 2)

    weaker, stronger = sorted(INPUTS, key=lambda name: alone[name])
    return {
        "image": pair[0],
        "audio": pair[1],
        "image_alone": round(alone["image"], 2),
        "audio_alone": round(alone["audio"], 2),
        "fused": mean_sd([accuracy(result, "fused") for result in results]),
        "paper": paper.FUSED.get(pair),
        "gain": difference(results, [better(result, "unimodal") for result in results]),
        "over_reheaded": difference(results, [better(result, "reheaded") for result in results]),
        "missing_image": change("without", "image"),
        "missing_audio": change("without", "audio"),
        "shuffled_weaker": change("shuffled", weaker),
        "shuffled_stronger": change("shuffled", stronger),
    }


def _together(results: list[Result]) -> dict[str, Any]:
    return {
        "fused": mean_sd([accuracy(result, "fused") for result in results]),
        "gain": difference(results, [better(result, "unimodal") for result in results]),
        "over_reheaded": difference(results, [better(result, "reheaded") for result in results]),
        "models": [result.report["best"]["models"] for result in results],
        "seconds": [result.report["wall_seconds"] for result in results],
    }
