from typing import Any

import pytest
from pydantic import ValidationError

from brainray.scenario import Report


@pytest.fixture
def old() -> dict[str, Any]:
    """A report as the first version wrote it, without intervals and what goes with them."""
    fused = {
        "genome": [0, 1],
        "models": {"image": "lenet3.image-adam"},
        "taps": [{"image": "conv1"}],
        "operators": ["concat"],
        "depth": 1,
        "validation": 0.9,
        "test": 0.8,
    }
    history = [
        {"genome": [0, 1], "models": {"image": "lenet3.image-adam"}, "value": 0.9},
        {"genome": [1, 1], "models": {"image": "lenet3.image-sgd"}, "value": None},
    ]
    return {
        "run_id": "run",
        "scenario": "mine",
        "seed": 0,
        "versions": {"torch": "2.13"},
        "data": {"name": "digits"},
        "pathway": {"sub_regions": {"vision.shape": 1.0}, "connections": [["a", "b", 0.5]]},
        "search": {
            "algorithm": "random",
            "mode": "synchronous",
            "evaluated": 2,
            "failed": 1,
            "seconds": 1.0,
            "history": history,
        },
        "training": {"strategy": "all_reduce", "workers": 2, "seconds": 1.0},
        "best": fused,
        "unimodal": {"image": {"model": "lenet3.image-adam", "validation": 0.7, "test": 0.6}},
        "reheaded": {"image": {"validation": 0.7, "test": 0.6}},
        "gate": {"chosen": "fused", "margin": 0.2},
        "model": {"id": "mine-1", "version": 1, "parameters": 9, "path": "mine/weights"},
        "seconds": {"search": 1.0},
    }


@pytest.fixture
def document(old: dict[str, Any]) -> dict[str, Any]:
    interval = [0.5, 0.9]
    tested = {"test": 0.6, "interval": interval}
    old["search"]["diagnostics"] = {"pairwise_accuracy": 0.6}
    old["best"] |= {
        "interval": interval,
        "network_taps": {"image": ["conv1", "logits"]},
        "representation": "coordinated",
        "feedback": True,
    }
    old["training"] |= {
        "options": {"period": 5},
        "samples_per_second": 1000.0,
        "seconds_waited": 0.5,
        "bytes_sent": 4096,
    }
    old["unimodal"]["image"] |= {"interval": interval, "learning": "FixMatch"}
    old["reheaded"]["image"]["interval"] = interval
    gain = {"over": "image", "value": 0.2, "interval": [-0.1, 0.4]}
    old["pathway"] |= {
        "integration": {"vision.shape": 0.0},
        "functions": {"image": ["shape"]},
        "inputs": {"image": ["vision.shape"]},
        "rois": {"LOC": 1.0},
        "prior": "brain",
        "atlas": "brainray",
    }
    explained = {
        "model": "lenet3.image-adam",
        "sub_region": "vision.shape",
        "weight": 1.0,
        "rank": 1,
        "asked": True,
        "functions": {"shape": 1.0},
        "spread": 0.25,
        "rois": [
            {
                "name": "LOC",
                "label": "lateral occipital cortex",
                "coordinates": [-40.0, -70.0, -5.0],
                "function": "shape",
                "degree": 4.0,
                "relative": 1.0,
                "strength": 1.0,
            }
        ],
        "connections": [{"to": "audition.speech", "weight": 0.5, "through": ["b"]}],
        "reason": "vision.shape carries shape, which image asked for.",
    }
    return old | {
        "explanation": {"image": explained},
        "units": {"by": "group", "count": 12},
        "gain": {"unimodal": gain, "reheaded": gain},
        "robustness": {"image": {"missing": tested, "shuffled": tested, "others": {"audio": 0.5}}},
        "confusion": {"labels": ["a", "b"], "counts": [[3, 1], [0, 4]]},
        "strata": {
            "snr_db": [
                {
                    "low": -20.0,
                    "high": 10.0,
                    "rows": 8,
                    "fused": 0.6,
                    "interval": None,
                    "unimodal": {"image": 0.5},
                }
            ]
        },
        "grown": {
            "network": "grown-1a2b3c4d.image",
            "architecture": "grown/8x5x3x2x1",
            "layers": [
                {"filters": 8, "height": 5, "width": 3, "stride_height": 2, "stride_width": 1}
            ],
            "sub_region": "vision.shape",
            "optimizer": "adam",
            "parameters": 218,
        },
    }


def test_a_report_survives_json(document: dict[str, Any]):
    report = Report.model_validate(document)
    assert report.search.history[1].value is None
    assert report.pathway.connections == [("a", "b", 0.5)]
    assert Report.model_validate_json(report.model_dump_json()) == report
    assert report.model_dump(mode="json") == document


def test_parts_in_words(document: dict[str, Any]):
    explained = document["explanation"]["image"]
    explained["functions"] = {"shape": 0.7, "color": 0.296, "fear": 0.004}
    found = Report.model_validate(document).explanation["image"]
    assert found.shares() == ["shape 70 %", "color 30 %"]
    assert list(map(str, found.connections)) == ["audition.speech 0.50 (through b)"]


def test_a_report_of_the_first_version_is_still_read(old: dict[str, Any]):
    report = Report.model_validate(old)
    assert report.best.test == 0.8
    assert report.best.interval is report.gain is report.units is report.confusion is None
    assert report.robustness == report.strata == report.best.network_taps == {}
    assert report.explanation == report.pathway.rois == report.pathway.inputs == {}
    assert report.pathway.atlas is report.pathway.prior is None
    assert (report.best.representation, report.best.feedback) == ("joint", False)


@pytest.mark.parametrize("section", ["pathway", "search", "best", "gate", "model", "gain"])
def test_a_report_has_no_other_keys(section: str, document: dict[str, Any]):
    document[section]["other"] = 1
    with pytest.raises(ValidationError, match=rf"{section}\.other\n"):
        Report.model_validate(document)


def test_the_gate_chooses_one_of_three(document: dict[str, Any]):
    document["gate"]["chosen"] = "both"
    with pytest.raises(ValidationError, match="'fused', 'grown' or 'unimodal'"):
        Report.model_validate(document)
