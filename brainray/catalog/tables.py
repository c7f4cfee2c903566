"""The tables of the catalog (paper 2.4, Fig. 4).

Dictionaries are keyed by their names, files by their sha256 and models and runs by their ids,
so that a row can be read without a join. A new value of a dictionary is a row, never a
migration. Column types are portable: the database may be SQLite or PostgreSQL.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Index, text
from sqlmodel import Field, Relationship, UniqueConstraint

from brainray.catalog.brain_tables import Association, Atlas, Relation, Roi
from brainray.catalog.columns import Table, UtcDateTime

__all__ = [
    "ApiKey",
    "Association",
    "Atlas",
    "DataSet",
    "DetectorFile",
    "Draft",
    "Endpoint",
    "Evaluation",
    "Function",
    "ModelBackbone",
    "Network",
    "NetworkFunction",
    "NetworkSubRegion",
    "Optimizer",
    "Platform",
    "PretrainedModel",
    "Region",
    "RegionChange",
    "Relation",
    "Roi",
    "Run",
    "Scenario",
    "SubRegion",
    "Table",
    "TrackingEndpoint",
]

# Dictionaries


class Region(Table, table=True):
    """A brain region, e.g. ``vision``."""

    __tablename__ = "region"

    name: str = Field(primary_key=True)
    description: str = ""


class SubRegion(Table, table=True):
    """A part of a region, e.g. ``vision.shape``, or of a coarser part: ``vision.shape.face``."""

    __tablename__ = "sub_region"

    name: str = Field(primary_key=True)
    region: str = Field(foreign_key="region.name", index=True)
    description: str = ""


class Function(Table, table=True):
    """What a sub-region does, e.g. ``visual_motion`` with the synonym ``motion``.

    Without a sub-region it is a task of networks, e.g. ``classification``.
    """

    __tablename__ = "function"

    name: str = Field(primary_key=True)
    sub_region: str | None = Field(default=None, foreign_key="sub_region.name", index=True)
    definition: str = ""
    synonyms: list[str] = Field(sa_type=JSON, default_factory=list)


class Platform(Table, table=True):
    """What computes a model, e.g. ``PyTorch 2.13``, and the format of its files."""

    __tablename__ = "platform"

    name: str = Field(primary_key=True)
    format: str


class Optimizer(Table, table=True):
    """What trained a model, e.g. ``adam``."""

    __tablename__ = "optimizer"

    name: str = Field(primary_key=True)
    description: str = ""


class DataSet(Table, table=True):
    """A data set; ``rows`` counts the samples of each split.

    A packed one lies in the store and has its sha256 as id. One that is known by name alone, as
    models that were trained elsewhere have it, has its name as id and no file.
    """

    __tablename__ = "data_set"

    id: str = Field(primary_key=True)
    name: str = Field(index=True)
    source: str
    classes: list[str] = Field(sa_type=JSON)
    modalities: dict[str, str] = Field(sa_type=JSON)
    rows: dict[str, int] = Field(sa_type=JSON)
    sha256: str | None = None
    key: str | None = None
    created: datetime = Field(sa_type=UtcDateTime)


# Networks


class NetworkSubRegion(Table, table=True):
    """In which sub-regions a network lives."""

    __tablename__ = "network_sub_region"

    network: str = Field(foreign_key="network.name", primary_key=True)
    sub_region: str = Field(foreign_key="sub_region.name", primary_key=True, index=True)
    position: int


class NetworkFunction(Table, table=True):
    """Which tasks a network does."""

    __tablename__ = "network_function"

    network: str = Field(foreign_key="network.name", primary_key=True)
    function: str = Field(foreign_key="function.name", primary_key=True, index=True)
    position: int


class Network(Table, table=True):
    """A basic model: an architecture and the preparation of its input; or a fusion of several.

    ``features`` and ``taps`` are computed from the architecture, ``metrics`` names what its
    models are measured by. A fusion network is made with the first model of it.
    """

    __tablename__ = "network"

    name: str = Field(primary_key=True)
    kind: str
    architecture: str
    category: str
    modality: str
    preparation: dict[str, Any] = Field(sa_type=JSON)
    features: dict[str, Any] = Field(sa_type=JSON, default_factory=dict)
    taps: list[dict[str, Any]] = Field(sa_type=JSON, default_factory=list)
    metrics: list[str] = Field(sa_type=JSON, default_factory=list)
    places: list[NetworkSubRegion] = Relationship(
        sa_relationship_kwargs={"lazy": "selectin", "order_by": "NetworkSubRegion.position"}
    )
    tasks: list[NetworkFunction] = Relationship(
        sa_relationship_kwargs={"lazy": "selectin", "order_by": "NetworkFunction.position"}
    )


# Models

ASKED = (
    "network",
    "data_set",
    "optimizer",
    "platform",
    "accuracy",
    "parameters",
    "size_bytes",
    "created",
)
"""What filters ask most: indexes hold it, so that counting and sorting read no models."""

SORTED = ("accuracy", "parameters", "size_bytes", "created", "name", "version")


class ModelBackbone(Table, table=True):
    """The pretrained models that a fused model is made of, in the order of its inputs."""

    __tablename__ = "model_backbone"

    fused: str = Field(foreign_key="pretrained_model.id", primary_key=True)
    position: int = Field(primary_key=True)
    backbone: str = Field(foreign_key="pretrained_model.id", index=True)


class PretrainedModel(Table, table=True):
    """A network with weights. ``parent`` is the model whose weights it started from.

    ``run_id`` is no foreign key: a model outlives the run that made it.
    """

    __tablename__ = "pretrained_model"
    __table_args__ = (
        UniqueConstraint("name", "version"),
        Index("ix_pretrained_model_asked", *ASKED),
        *(
            Index(f"ix_pretrained_model_by_{key}", key, "id", *(c for c in ASKED if c != key))
            for key in SORTED
        ),
        # Facets count by these two.
        Index(
            "ix_pretrained_model_by_work",
            "optimizer",
            "platform",
            *(column for column in ASKED if column not in ("optimizer", "platform")),
        ),
        # PostgreSQL reads an index backward only with the missing values first.
        Index(
            "ix_pretrained_model_by_accuracy_falling",
            text("accuracy DESC NULLS LAST"),
            text("id DESC"),
            *(column for column in ASKED if column != "accuracy"),
        ).ddl_if(dialect="postgresql"),
    )

    id: str = Field(primary_key=True)
    name: str
    version: int
    kind: str = Field(index=True)
    network: str = Field(foreign_key="network.name")
    sub_region: str = Field(foreign_key="sub_region.name", index=True)
    modality: str
    data_set: str = Field(foreign_key="data_set.id", index=True)
    optimizer: str = Field(foreign_key="optimizer.name")
    platform: str = Field(foreign_key="platform.name")
    parent: str | None = Field(default=None, foreign_key="pretrained_model.id", index=True)
    preparation: dict[str, Any] = Field(sa_type=JSON)
    metrics: dict[str, Any] = Field(sa_type=JSON)
    accuracy: float | None = None
    spec: dict[str, Any] = Field(sa_type=JSON)
    recipe: str = Field(unique=True)
    sha256: str = Field(index=True)
    key: str = Field(index=True)
    parameters: int = Field(sa_type=BigInteger)
    size_bytes: int = Field(sa_type=BigInteger)
    run_id: str | None = Field(index=True)
    created: datetime = Field(sa_type=UtcDateTime)
    parts: list[ModelBackbone] = Relationship(
        sa_relationship_kwargs={
            "lazy": "selectin",
            "order_by": "ModelBackbone.position",
            "foreign_keys": "ModelBackbone.fused",
        }
    )


class Evaluation(Table, table=True):
    """One number that a model reached on one split of a data set."""

    __tablename__ = "evaluation"

    id: int | None = Field(default=None, primary_key=True)
    model: str = Field(foreign_key="pretrained_model.id", index=True)
    data_set: str = Field(foreign_key="data_set.id")
    split: str
    metric: str
    value: float
    run_id: str | None = None
    created: datetime = Field(sa_type=UtcDateTime)


class Draft(Table, table=True):
    """A pretrained model that is declared and waits for its weights; no model yet."""

    __tablename__ = "draft"

    id: str = Field(primary_key=True)
    name: str
    network: str = Field(foreign_key="network.name")
    sub_region: str = Field(foreign_key="sub_region.name")
    data_set: str = Field(foreign_key="data_set.id")
    optimizer: str = Field(foreign_key="optimizer.name")
    platform: str = Field(foreign_key="platform.name")
    preparation: dict[str, Any] = Field(sa_type=JSON)
    metrics: dict[str, Any] = Field(sa_type=JSON)
    spec: dict[str, Any] = Field(sa_type=JSON)
    created: datetime = Field(sa_type=UtcDateTime)


# Service


class Endpoint(Table, table=True):
    """A name under which a model answers over HTTP.

    ``share`` of the requests go to ``canary``, the others to ``model``; ``previous`` is what
    answered before. ``revision`` counts the changes, so that a service sees that there was one.
    """

    __tablename__ = "endpoint"

    name: str = Field(primary_key=True)
    model: str = Field(foreign_key="pretrained_model.id", index=True)
    canary: str | None = Field(default=None, foreign_key="pretrained_model.id", index=True)
    share: float = 0.0
    previous: str | None = Field(default=None, foreign_key="pretrained_model.id", index=True)
    revision: int
    changed: datetime = Field(sa_type=UtcDateTime)


class TrackingEndpoint(Table, table=True):
    """A name under which objects are tracked over HTTP: a detector, a tracker, their options.

    It has no name that an `Endpoint` has. ``detector`` is None where boxes come with the requests;
    boxes of either kind count from ``min_score`` on, all of them if that is None.
    ``appearance`` says how the `DetectorFile` of this name is read, which sees how boxes look;
    it is None where nothing does.
    """

    __tablename__ = "tracking_endpoint"

    name: str = Field(primary_key=True)
    detector: str | None = None
    detector_options: dict[str, Any] = Field(sa_type=JSON)
    tracker: str
    tracker_options: dict[str, Any] = Field(sa_type=JSON)
    min_score: float | None = None
    appearance: dict[str, Any] | None = Field(sa_type=JSON, default=None)
    revision: int
    changed: datetime = Field(sa_type=UtcDateTime)


class DetectorFile(Table, table=True):
    """A file of a tracking endpoint: what an option of its detector names, or ``appearance``."""

    __tablename__ = "detector_file"

    id: str = Field(primary_key=True)
    endpoint: str = Field(foreign_key="tracking_endpoint.name", index=True)
    option: str
    key: str = Field(index=True)
    sha256: str


class ApiKey(Table, table=True):
    """A key for maintenance over HTTP; only its sha256 is kept."""

    __tablename__ = "api_key"

    name: str = Field(primary_key=True)
    role: str
    sha256: str = Field(unique=True)
    created: datetime = Field(sa_type=UtcDateTime)


# History


class Scenario(Table, table=True):
    """A scenario that was run, as it was read."""

    __tablename__ = "scenario"

    sha256: str = Field(primary_key=True)
    name: str = Field(index=True)
    definition: dict[str, Any] = Field(sa_type=JSON)
    created: datetime = Field(sa_type=UtcDateTime)


class Run(Table, table=True):
    """One execution of a scenario; its record is a file of its own."""

    __tablename__ = "run"

    id: str = Field(primary_key=True)
    scenario: str = Field(index=True)
    scenario_sha256: str | None = Field(default=None, foreign_key="scenario.sha256")
    seed: int = Field(sa_type=BigInteger)
    status: str
    created: datetime = Field(sa_type=UtcDateTime)
    finished: datetime | None = Field(default=None, sa_type=UtcDateTime)
    record: str
    model_id: str | None = Field(default=None, foreign_key="pretrained_model.id")
    summary: dict[str, Any] = Field(sa_type=JSON)


class RegionChange(Table, table=True):
    """What was done to regions and sub-regions: ``names`` became ``into``."""

    __tablename__ = "region_change"

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(sa_type=UtcDateTime)
    action: str
    names: list[str] = Field(sa_type=JSON)
    into: list[str] = Field(sa_type=JSON)
