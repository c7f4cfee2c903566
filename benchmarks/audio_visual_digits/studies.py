"""What the tables do not say: other voices, operators, forms, fine-tuning, reuse, fitting."""

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from reporting import goal

from audio_visual_digits.banks import bank_of
from audio_visual_digits.plan import INPUTS, Plan
from audio_visual_digits.statistics import accuracy, better, between, difference, mean_sd
from audio_visual_digits.tables import Pairs
from audio_visual_digits.workbench import Job, Result, Workbench, changed_scenario
from brainray.catalog.library import Library
from brainray.datasets.source import build_table
from brainray.files import write_atomically
from brainray.settings import load_settings
from brainray.training.metrics import accuracy_of

OPERATORS = ("concat", "weighted_sum", "bilinear", "attention")
FORMS = {
    "coordinated": ("search.representation=coordinated",),
    "joint with feedback": ("search.feedback=true",),
}


def speakers(plan: Plan, bench: Workbench) -> tuple[list[dict[str, Any]], list[Result]]:
    """Leave out one speaker after the other."""
    results = bench.local([plan.without_speaker(speaker) for speaker in plan.speakers])
    rows = [
        {
            "speaker": speaker,
            "image_alone": round(accuracy(result, "unimodal/image"), 2),
            "audio_alone": round(accuracy(result, "unimodal/audio"), 2),
            "fused": round(accuracy(result, "fused"), 2),
            "gain": difference([result], [better(result, "unimodal")]),
            "over_reheaded": difference([result], [better(result, "reheaded")]),
        }
        for speaker, result in zip(plan.speakers, results, strict=True)
    ]
    return rows, results


def speaker_goal(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return what networks should reach on a voice they have never heard."""
    return goal("fused_with_an_unknown_speaker", mean([row["fused"] for row in rows]), 86.0)


def operators(plan: Plan, bench: Workbench, pairs: Pairs) -> list[dict[str, Any]]:
    """Compare the operators, each alone, at the same budget."""
    changes = {name: (f"search.operators=[{name}]",) for name in OPERATORS if name != "concat"}
    changes["chosen by the search"] = (f"search.operators=[{', '.join(OPERATORS)}]",)
    return _variants(plan, bench, pairs, "concat", changes)


def forms(plan: Plan, bench: Workbench, pairs: Pairs) -> list[dict[str, Any]]:
    """Compare the joint form with the others at the same budget."""
    return _variants(plan, bench, pairs, "joint", FORMS)


def fine_tuning(plan: Plan, bench: Workbench, pairs: Pairs) -> list[dict[str, Any]]:
    """Train the winner on together with its networks; what that gains and costs."""
    changes = (f"training.fine_tuning_epochs={plan.fine_tuning_epochs}",)
    return _variants(plan, bench, pairs, "frozen", {"fine-tuned": changes})


def transfer(
    plan: Plan, bench: Workbench, pairs: Pairs, spoken: Sequence[Result]
) -> list[dict[str, Any]]:
    """Reuse stored networks on a new task, against random weights, for as many epochs.

    Two kinds of tasks: the voice of a speaker that the stored networks have never heard, and noise
    up to 10 dB louder than the speech, which they know up to as loud as it. Each keeps the
    recordings of its splits apart.

    Args:
        plan: sizes.
        bench: runs it.
        pairs: the runs whose networks meet other noise.
        spoken: the runs whose networks meet an unknown speaker, in the order of ``plan.speakers``.
    """
    sources = {
        "other speakers": [
            (source, _own_manifest(bench, plan, speaker))
            for speaker, source in zip(plan.speakers, spoken, strict=True)
        ],
        "other noise": [
            (source, ["data.options.snr_db=[-10, 0]"]) for source in pairs[plan.studied[0]]
        ],
    }
    rows = []
    for task, known in sources.items():
        if not known:
            continue
        stored, scratch = (
            bench.local(
                [
                    _adapted(plan, f"transfer/{task}/{number}/{name}", source, changes, reuse)
                    for number, (source, changes) in enumerate(known)
                ]
            )
            for name, reuse in (("stored", True), ("scratch", False))
        )
        for network in ("unimodal/audio", "fused"):
            rows.append(
                {
                    "task": task,
                    "network": network,
                    "stored": mean_sd([accuracy(result, network) for result in stored]),
                    "scratch": mean_sd([accuracy(result, network) for result in scratch]),
                    "difference": between(stored, scratch, network),
                }
            )
    return rows


def _adapted(plan: Plan, name: str, source: Result, changes: Sequence[str], reuse: bool) -> Job:
    """Return the run of a new task with the networks of another run's winner.

    Args:
        plan: sizes.
        name: of the job.
        source: the other run.
        changes: what makes the task.
        reuse: whether to start from the other run's networks or from random weights.
    """
    library = Library.open(load_settings())
    models = {part: library.model(source.report["unimodal"][part]["model"]) for part in INPUTS}
    start = ", ".join(model.id for model in models.values()) if reuse else ""
    own = [
        *(f"inputs.{part}.networks=[{model.network}]" for part, model in models.items()),
        *changes,
        f"pretraining.epochs={plan.adapting_epochs}",
        f"pretraining.start=[{start}]",
    ]
    return plan.local(name.replace(" ", "-"), source.report["seed"], own)


def _own_manifest(bench: Workbench, plan: Plan, speaker: str) -> list[str]:
    """Write one speaker's pairs as a manifest whose splits share no recording."""
    path = bench.folder / "manifests" / f"{speaker}.parquet"
    if not path.exists():
        scenario = changed_scenario(plan.without_speaker(speaker).changes)
        table, _ = build_table(scenario.data, plan.seeds[0], load_settings())
        own = table.filter(pa.compute.equal(table["split"], "test"))
        recordings = sorted(set(own["group"].to_pylist()))
        order = np.random.default_rng(plan.seeds[0]).permutation(len(recordings))
        place = {recordings[number]: rank / len(order) for rank, number in enumerate(order)}
        splits = [_split(place[recording]) for recording in own["group"].to_pylist()]
        own = own.set_column(own.schema.get_field_index("split"), "split", pa.array(splits))
        path.parent.mkdir(parents=True, exist_ok=True)
        buffer = pa.BufferOutputStream()
        pq.write_table(own, buffer)
        write_atomically(path, buffer.getvalue().to_pybytes())
    return ["data.name=null", "data.options={}", f"data.manifest={path}"]


def _split(place: float) -> str:
    """Return the split of a recording by its place in a random order, in [0, 1)."""
    return "train" if place < 0.5 else "validation" if place < 0.6 else "test"


def fitting(plan: Plan, bench: Workbench) -> list[dict[str, Any]]:
    """Fuse under-, well- and over-trained networks (the paper's explanation of its Table 8)."""
    cases = [(pair, epochs) for pair in plan.fitting for epochs in plan.fitting_epochs]
    jobs = [
        plan.variant(
            f"fitting-{epochs}",
            pair,
            plan.seeds[0],
            [f"data.options.train={plan.fitting_rows}", f"pretraining.epochs={epochs}"],
        )
        for pair, epochs in cases
    ]
    rows = []
    for (pair, epochs), result in zip(cases, bench.local(jobs), strict=True):
        row: dict[str, Any] = {"image": pair[0], "audio": pair[1], "epochs": epochs}
        for name in INPUTS:
            bank, target_N = bank_of(result, name, "train")
            row[f"{name}_train"] = round(100 * accuracy_of(bank.logits.argmax(1), target_N), 2)
            row[f"{name}_test"] = round(accuracy(result, f"unimodal/{name}"), 2)
        row["fused"] = round(accuracy(result, "fused"), 2)
        row["gain"] = difference([result], [better(result, "unimodal")])
        row["over_reheaded"] = difference([result], [better(result, "reheaded")])
        rows.append(row)
    return rows


def _variants(
    plan: Plan,
    bench: Workbench,
    pairs: Pairs,
    usual: str,
    changes: Mapping[str, Sequence[str]],
) -> list[dict[str, Any]]:
    """Return a row for every studied pair and variant, the usual one first."""
    found: dict[tuple[tuple[str, str], str], list[Result]] = {
        (pair, usual): pairs[pair] for pair in plan.studied
    }
    cases = [(pair, name) for pair in plan.studied for name in changes]
    jobs = [
        plan.variant(name, pair, seed, changes[name]) for pair, name in cases for seed in plan.seeds
    ]
    results = iter(bench.local(jobs))
    for case in cases:
        found[case] = [next(results) for _ in plan.seeds]
    return [
        {
            "image": pair[0],
            "audio": pair[1],
            "variant": name,
            "fused": mean_sd([accuracy(result, "fused") for result in own]),
            "against_usual": None if name == usual else between(own, pairs[pair], "fused"),
            "better_on_validation": _better_on_validation(own, pairs[pair]),
            "shuffled_image": mean_sd([accuracy(result, "shuffled/image") for result in own]),
            "seconds": round(mean([result.report["wall_seconds"] for result in own]), 1),
        }
        for (pair, name), own in sorted(
            found.items(), key=lambda item: (plan.studied.index(item[0][0]), item[0][1] != usual)
        )
    ]


def _better_on_validation(results: Sequence[Result], usual: Sequence[Result]) -> int:
    """Return how many of the runs are better on validation than the usual ones."""
    best = [[r.report["best"]["validation"] for r in runs] for runs in (results, usual)]
    return sum(one > other for one, other in zip(*best, strict=True))
