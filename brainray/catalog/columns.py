"""What all tables of the catalog have in common: their base, names of constraints, times."""

from datetime import UTC, datetime

from sqlalchemy import DateTime, Dialect, MetaData, TypeDecorator
from sqlalchemy.orm import registry
from sqlmodel import SQLModel

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
