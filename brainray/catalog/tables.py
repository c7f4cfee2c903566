"""The tables of the catalog (paper 2.4, Fig. 4).

Dictionaries are keyed by their names, files by their sha256 and models and runs by their ids,
so that a row can be read without a join. Column types are portable: the database may be SQLite
or PostgreSQL.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, MetaData, TypeDecorator
from sqlalchemy.orm import registry
from sqlmodel import Field, Relationship, SQLModel, UniqueConstraint

from brainray.errors import CatalogError

CONSTRAINT_NAMES = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "ix": "ix_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """A point in time: aware in Python, UTC in the database (SQLite keeps no time zone)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a time without a zone and turn any other into UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise CatalogError(f"time {value}: must have a time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the time as aware UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Table(SQLModel, registry=registry(metadata=MetaData(naming_convention=CONSTRAINT_NAMES))):
    """Base of the catalog's tables, with a metadata of their own."""


class Region(Table, table=True):
    """A brain region, e.g. ``vision``."""

    __tablename__ = "region"

    name: str = Field(primary_key=True)


class NetworkSubRegion(Table, table=True):
    """In which sub-regions a network lives."""

    __tablename__ = "network_sub_region"

    network: str = Field(foreign_key="network.name", primary_key=True)
    sub_region: str = Field(foreign_key="sub_region.name", primary_key=True, index=True)
    position: int


class SubRegion(Table, table=True):
    """A part of a region, e.g. ``vision.shape``."""

    __tablename__ = "sub_region"

    name: str = Field(primary_key=True)
    region: str = Field(foreign_key="region.name", index=True)


class Function(Table, table=True):
    """What a sub-region does, e.g. ``visual_motion`` with the synonym ``motion``."""

    __tablename__ = "function"

    name: str = Field(primary_key=True)
    sub_region: str = Field(foreign_key="sub_region.name", index=True)
    synonyms: list[str] = Field(sa_type=JSON, default_factory=list)


class Network(Table, table=True):
    """A basic model: an architecture and the preparation of its input."""

    __tablename__ = "network"

    name: str = Field(primary_key=True)
    architecture: str
    category: str
    modality: str
    preparation: dict[str, Any] = Field(sa_type=JSON)
    places: list[NetworkSubRegion] = Relationship(
        sa_relationship_kwargs={"lazy": "selectin", "order_by": "NetworkSubRegion.position"}
    )


class DataSet(Table, table=True):
    """A packed data set in the store; ``rows`` counts the samples of each split."""

    __tablename__ = "data_set"

    sha256: str = Field(primary_key=True)
    name: str = Field(index=True)
    source: str
    classes: list[str] = Field(sa_type=JSON)
    modalities: dict[str, str] = Field(sa_type=JSON)
    rows: dict[str, int] = Field(sa_type=JSON)
    key: str
    created: datetime = Field(sa_type=UtcDateTime)


class ModelBackbone(Table, table=True):
    """The pretrained models that a fused model is made of, in the order of its inputs."""

    __tablename__ = "model_backbone"

    fused: str = Field(foreign_key="pretrained_model.id", primary_key=True)
    position: int = Field(primary_key=True)
    backbone: str = Field(foreign_key="pretrained_model.id", index=True)


class PretrainedModel(Table, table=True):
    """A network with weights. ``network`` is null for a fused model.

    ``run_id`` is no foreign key: a model outlives the run that made it.
    """

    __tablename__ = "pretrained_model"
    __table_args__ = (UniqueConstraint("name", "version"),)

    id: str = Field(primary_key=True)
    name: str
    version: int
    kind: str = Field(index=True)
    network: str | None = Field(foreign_key="network.name", index=True)
    sub_region: str = Field(foreign_key="sub_region.name", index=True)
    modality: str
    data_set: str = Field(foreign_key="data_set.sha256", index=True)
    optimizer: str
    platform: str
    preparation: dict[str, Any] = Field(sa_type=JSON)
    metrics: dict[str, Any] = Field(sa_type=JSON)
    spec: dict[str, Any] = Field(sa_type=JSON)
    recipe: str = Field(unique=True)
    sha256: str = Field(index=True)
    key: str
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


class Run(Table, table=True):
    """One execution of a scenario; its record is a file of its own."""

    __tablename__ = "run"

    id: str = Field(primary_key=True)
    scenario: str = Field(index=True)
    seed: int = Field(sa_type=BigInteger)
    status: str
    created: datetime = Field(sa_type=UtcDateTime)
    finished: datetime | None = Field(default=None, sa_type=UtcDateTime)
    record: str
    model_id: str | None = Field(default=None, foreign_key="pretrained_model.id")
    summary: dict[str, Any] = Field(sa_type=JSON)
