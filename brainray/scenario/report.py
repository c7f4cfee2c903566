"""What a run says at its end: the JSON of ``brainray run --json``."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """A part of a report."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PathwayPart(Part):
    """The activated sub-regions with their weights, and the connections between them."""

    sub_regions: dict[str, float]
    connections: list[tuple[str, str, float]]


class Candidate(Part):
    """One evaluated genome: its models by input and its validation accuracy, None if it failed."""

    genome: list[int]
    models: dict[str, str]
    value: float | None


class SearchPart(Part):
    """What the search did; ``evaluated`` counts distinct genomes, ``seconds`` its wall time."""

    algorithm: str
    evaluated: int
    failed: int
    seconds: float
    history: list[Candidate]


class Fused(Part):
    """The best fused candidate, before the gate. Accuracies are fractions in [0, 1]."""

    genome: list[int]
    models: dict[str, str]
    taps: list[dict[str, str]]
    operators: list[str]
    depth: int
    validation: float
    test: float


class Unimodal(Part):
    """The best pretrained network of one input, alone."""

    model: str
    validation: float
    test: float


class Reheaded(Part):
    """The winner's fusion network trained with only one input: a better head, no fusion."""

    validation: float
    test: float


class TrainingPart(Part):
    """How the finalists were trained; ``seconds`` is wall time."""

    strategy: str
    workers: int
    seconds: float


class Gate(Part):
    """What was returned, and by how much the fused network led on validation."""

    chosen: Literal["fused", "unimodal"]
    margin: float


class StoredModel(Part):
    """The model that the run returned; ``path`` is its key in the store."""

    id: str
    version: int
    parameters: int
    path: str


class Report(Part):
    """The whole result of one run."""

    run_id: str
    scenario: str
    seed: int
    versions: dict[str, str]
    data: dict[str, Any]
    pathway: PathwayPart
    search: SearchPart
    training: TrainingPart
    best: Fused
    unimodal: dict[str, Unimodal]
    reheaded: dict[str, Reheaded]
    gate: Gate
    model: StoredModel
    seconds: dict[str, float]
