"""A report without a run behind it."""

from typing import Any

from brainray.scenario import Report


def made_up_report() -> Report:
    """Return one with two inputs, two levels, a stratum, and two active ROIs."""
    tested: dict[str, Any] = {"test": 0.8, "interval": (0.7, 0.9)}
    gain: dict[str, Any] = {"value": 0.05, "interval": (-0.01, 0.11)}
    roi: dict[str, Any] = {"label": "lateral occipital cortex", "coordinates": (-40.0, -70.0, -5.0)}
    roi |= {"function": "shape", "degree": 4.0, "relative": 1.0, "strength": 0.875}
    explained: dict[str, Any] = {
        "weight": 0.75,
        "rank": 1,
        "asked": True,
        "functions": {"shape": 0.7, "color": 0.2, "motion": 0.06, "fear": 0.04},
        "spread": 0.1,
        "rois": [roi | {"name": name} for name in ("LOC", "V4", "V1", "V2")],
        "connections": [],
        "reason": "It carries shape.",
    }
    bins: list[dict[str, Any]] = [
        {"low": -20.0, "high": 0.5, "rows": 40, "fused": 0.7, "interval": (0.6, 0.8)},
        {"low": 0.5, "high": 10.0, "rows": 1, "fused": 1.0, "interval": None},
    ]
    return Report.model_validate(
        {
            "run_id": "made-up-1",
            "scenario": "made-up",
            "seed": 3,
            "versions": {"torch": "2.13"},
            "data": {
                "name": "digits",
                "source": "files",
                "sha256": "ab" * 32,
                "rows": {"train": 100, "test": 41},
                "sources": {"a.parquet": "cd" * 32},
            },
            "pathway": {
                "sub_regions": {"vision.shape": 1.0, "audition.speech": 0.5},
                "connections": [("vision.shape", "audition.speech", 0.5)],
                "integration": {"vision.shape": 0.25, "audition.speech": 0.0},
                "functions": {"image": ["shape"], "audio": ["speech_perception"]},
                "inputs": {"image": ["vision.shape"], "audio": ["audition.speech"]},
                "rois": {"LOC": 1.0, "STG": 0.5},
                "atlas": "small",
            },
            "search": {
                "algorithm": "evolution",
                "evaluated": 3,
                "failed": 1,
                "seconds": 2.0,
                "history": [
                    {"genome": [n], "models": {"image": "i", "audio": "a"}, "value": value}
                    for n, value in enumerate([0.7, None, 0.9])
                ],
            },
            "training": {"strategy": "all_reduce", "workers": 2, "seconds": 1.0},
            "best": tested
            | {
                "genome": [0, 1],
                "models": {"image": "lenet.image-1", "audio": "mediumnet.audio-2"},
                "taps": [
                    {"image": "conv1", "audio": "logits"},
                    {"image": "logits", "audio": "conv2"},
                ],
                "operators": ["concat", "weighted_sum"],
                "depth": 2,
                "validation": 0.9,
                "network_taps": {
                    "image": ["conv1", "logits"],
                    "audio": ["conv1", "conv2", "logits"],
                },
            },
            "unimodal": {
                "image": tested | {"model": "lenet.image-1", "validation": 0.5},
                "audio": tested | {"model": "mediumnet.audio-2", "validation": 0.8},
            },
            "reheaded": {
                "image": tested | {"validation": 0.5},
                "audio": tested | {"validation": 0.8},
            },
            "gate": {"chosen": "fused", "margin": 0.1},
            "model": {"id": "made-up-9", "version": 2, "parameters": 1234, "path": "p"},
            "seconds": {"search": 2.0},
            "units": {"by": "group", "count": 17},
            "gain": {
                "unimodal": gain | {"over": "audio"},
                "reheaded": gain | {"over": "image", "value": -0.02},
            },
            "robustness": {
                "image": {"missing": tested, "shuffled": tested, "others": {"audio": 0.75}},
                "audio": {"missing": tested, "shuffled": tested, "others": {"image": 0.4}},
            },
            "confusion": {"labels": ["no", "yes"], "counts": [[20, 1], [2, 18]]},
            "strata": {
                "snr_db": [part | {"unimodal": {"image": 0.4, "audio": 0.6}} for part in bins],
                "never_known": [],
            },
            "explanation": {
                "image": explained
                | {
                    "model": "lenet.image-1",
                    "sub_region": "vision.shape",
                    "connections": [
                        {"to": "audition.speech", "weight": 0.34, "through": ["language.reading"]},
                        {"to": "language.reading", "weight": 0.9, "through": []},
                    ],
                },
                "audio": explained
                | {"model": "mediumnet.audio-2", "sub_region": "audition.speech", "asked": False},
            },
        }
    )
