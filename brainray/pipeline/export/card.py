"""A stored model as a model card: Markdown with the front matter of Hugging Face."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from brainray.catalog.code import encode
from brainray.catalog.evaluations import Evaluation
from brainray.catalog.library import Library
from brainray.catalog.values import Model
from brainray.pipeline.markdown import brackets, markdown_table, percent
from brainray.pipeline.publication import JSON_FILE
from brainray.scenario import Report

PIPELINES = {
    "image": "image-classification",
    "audio": "audio-classification",
    "text": "text-classification",
}
"""Hugging Face's name of the task of a model with one modality; it has none for several."""


def model_card(library: Library, model: Model) -> str:
    """Return the card: what the catalog and the report of the model's run say, nothing else.

    Args:
        library: the catalog.
        model: of it, with classes.
    """
    front = yaml.safe_dump(_front(library, model), sort_keys=False, allow_unicode=True)
    parts = [f"---\n{front}---", f"# {model.name}", *_sections(library, model)]
    return "\n\n".join(parts) + "\n"


def _front(library: Library, model: Model) -> dict[str, Any]:
    modalities = model.modality.split("+")
    task = {} if len(modalities) > 1 else {"pipeline_tag": PIPELINES[modalities[0]]}
    return {
        "license": "unknown",  # the catalog knows none
        "library_name": "brainray",
        **task,
        "tags": ["brainray", model.kind, *modalities],
        "datasets": [_data_set(library, model.data_set)["name"]],
        "metrics": ["accuracy"],
        "model-index": [{"name": model.id, "results": list(_results(library, model))}],
    }


def _results(library: Library, model: Model) -> Iterator[dict[str, Any]]:
    for one in _newest(library, model):
        data = _data_set(library, one.data_set)
        yield {
            "task": {"type": PIPELINES.get(model.modality, "classification")},
            "dataset": {
                "name": data["name"],
                "type": data["name"],
                "split": one.split,
                "revision": one.data_set,
            },
            "metrics": [{"type": one.metric, "value": round(one.value, 6)}],
        }


def _newest(library: Library, model: Model) -> list[Evaluation]:
    """Return what the model reached; of numbers of the same thing the last one."""
    found = library.evaluations(model.id)
    return list({(one.data_set, one.split, one.metric): one for one in found}.values())


def _data_set(library: Library, identifier: str) -> dict[str, Any]:
    return library.entry("data-sets", identifier)


def _sections(library: Library, model: Model) -> Iterator[str]:
    yield _facts(library, model)
    yield "## Inputs"
    yield _inputs(model)
    yield f"Classes: {', '.join(model.spec['labels'])}"
    yield "## Results"
    rows = [
        (_data_set(library, one.data_set)["name"], one.split, one.metric, f"{one.value:.4f}")
        for one in _newest(library, model)
    ]
    yield markdown_table(("data set", "split", "metric", "value"), rows)
    report = _report(library, model)
    if report is not None:
        yield f"Its run, {report.run_id}, compared on the test split (accuracy in %):"
        yield _compared(report)
    yield "## Lineage"
    links = library.lineage(model.id).ancestors
    yield (
        markdown_table(
            ("model", "made from", "as"), [(n.newer, n.older, n.relation) for n in links]
        )
        if links
        else "Trained from random weights."
    )


def _facts(library: Library, model: Model) -> str:
    rows = [
        ("id", model.id),
        ("version", model.version),
        ("code", encode(library.code(model.id))),
        ("sub-region", model.sub_region),
        ("parameters", f"{model.parameters:,}"),
        ("optimizer", model.optimizer),
        ("platform", model.platform),
        ("sha256", model.sha256),
        ("created", f"{model.created:%Y-%m-%d}"),
    ]
    return markdown_table(("", "value"), rows)


def _inputs(model: Model) -> str:
    declared = (
        model.preparation if model.kind == "fused" else {model.spec["input"]: model.preparation}
    )
    rows = [
        (name, one["name"], ", ".join(f"{k} {v}" for k, v in one.items() if k != "name"))
        for name, one in declared.items()
    ]
    return markdown_table(("input", "preparation", "options"), rows)


def _report(library: Library, model: Model) -> Report | None:
    """Return the report of the run that returned this fused model, if it is still there."""
    if model.run_id is None or model.kind != "fused":
        return None
    path = Path(library.run(model.run_id).record).parent / JSON_FILE
    if not path.is_file():
        return None
    try:
        report = Report.model_validate_json(path.read_bytes())
    except ValidationError:  # of another version
        return None
    return report if report.model.id == model.id else None


def _compared(report: Report) -> str:
    rows = [("fused", percent(report.best.test), brackets(report.best.interval))]
    for name, alone in report.unimodal.items():
        rows.append((f"{name} alone", percent(alone.test), brackets(alone.interval)))
    for name, part in report.robustness.items():
        missing = part.missing
        rows.append((f"fused without {name}", percent(missing.test), brackets(missing.interval)))
    return markdown_table(("network", "accuracy", "95 % interval"), rows)
