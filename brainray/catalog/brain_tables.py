"""The tables of brain atlases (paper 2.1, 2.2): ROIs, what they do, how they are related.

`brainray.catalog.brain` says what the columns mean. Whatever belongs to an atlas begins with its
name, so that names of ROIs are its own and one range of the key holds it all.
"""

from sqlalchemy import ForeignKeyConstraint
from sqlmodel import Field

from brainray.catalog.columns import Table


class Atlas(Table, table=True):
    """A brain atlas, e.g. ``brainray``."""

    __tablename__ = "atlas"

    name: str = Field(primary_key=True)
    description: str = ""


class Roi(Table, table=True):
    """A region of interest; ``position`` is its place in the order of the atlas, from 0."""

    __tablename__ = "roi"

    atlas: str = Field(foreign_key="atlas.name", primary_key=True)
    name: str = Field(primary_key=True)
    position: int
    label: str
    hemisphere: str
    x: float
    y: float
    z: float
    structure: str
    parent: str
    network: str
    source: str


def _roi(column: str, table: str) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["atlas", column], ["roi.atlas", "roi.name"], name=f"fk_{table}_{column}"
    )


class Association(Table, table=True):
    """How strongly a function excites an ROI; it follows its function, wherever that lives."""

    __tablename__ = "association"
    __table_args__ = (_roi("roi", "association"),)

    atlas: str = Field(primary_key=True)
    function: str = Field(foreign_key="function.name", primary_key=True, index=True)
    roi: str = Field(primary_key=True)
    degree: float
    source: str


class Relation(Table, table=True):
    """How two ROIs are related, by fibres, by activity or by anatomy."""

    __tablename__ = "relation"
    __table_args__ = (_roi("a", "relation"), _roi("b", "relation"))

    atlas: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    a: str = Field(primary_key=True)
    b: str = Field(primary_key=True)
    weight: float
    directed: bool
    length_mm: float | None = None
    source: str
