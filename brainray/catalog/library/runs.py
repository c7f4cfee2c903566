"""Runs and their scenarios."""

from collections.abc import Mapping
from typing import Any

from sqlmodel import col, select

from brainray.catalog import queries, registration, tables
from brainray.catalog.database import reading, writing
from brainray.catalog.library.base import Base
from brainray.catalog.values import Run, Status


class Runs(Base):
    """The history of what was run."""

    def add_run(
        self,
        run_id: str,
        scenario: str,
        seed: int,
        record: str,
        definition: Mapping[str, Any] | None = None,
    ) -> Run:
        """Note that a run has begun or, with the same id, that it goes on.

        Args:
            run_id: unique.
            scenario: its name.
            seed: of all that is random.
            record: where its record is.
            definition: of the scenario, JSON values; it is kept by its sha256.

        Raises:
            CatalogError: a run of this id has another scenario or seed.
        """
        with writing(self._engine) as session:
            return queries.run_value(
                registration.begin_run(session, run_id, scenario, seed, record, definition)
            )

    def finish_run(
        self,
        run_id: str,
        status: Status,
        model_id: str | None = None,
        summary: Mapping[str, Any] | None = None,
    ) -> Run:
        """Note how a run has ended.

        Args:
            run_id: the whole id.
            status: ``finished``, ``failed`` or ``stopped``.
            model_id: the model that it returned.
            summary: JSON values.

        Raises:
            CatalogError: there is no such run or model, or the status is no end.
        """
        with writing(self._engine) as session:
            return queries.run_value(
                registration.end_run(session, run_id, status, model_id, summary or {})
            )

    def runs(self, scenario: str | None = None) -> list[Run]:
        """Return the runs, of one scenario or all, the newest first."""
        query = select(tables.Run).order_by(col(tables.Run.created).desc(), tables.Run.id)
        if scenario is not None:
            query = query.where(tables.Run.scenario == scenario)
        with reading(self._engine) as session:
            return [queries.run_value(row) for row in session.exec(query)]

    def run(self, what: str) -> Run:
        """Return a run by its id or the id's beginning.

        Raises:
            CatalogError: there is none, or several ids begin so.
        """
        with reading(self._engine) as session:
            return queries.run_value(queries.run_row(session, what))

    def scenario(self, sha256: str) -> dict[str, Any]:
        """Return the definition of a scenario that was run, by its sha256.

        Raises:
            CatalogError: there is none.
        """
        with reading(self._engine) as session:
            row = session.get(tables.Scenario, sha256)
            if row is None:
                known = session.exec(select(tables.Scenario.sha256)).all()
                raise queries.unknown("scenario", sha256, known)
            return dict(row.definition)
