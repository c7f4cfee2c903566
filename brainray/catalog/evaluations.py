"""What models reached: a row a number, written with the model and by later evaluations."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlmodel import Session, col, select

from brainray.catalog import queries, tables
from brainray.errors import CatalogError


@dataclass(frozen=True)
class Evaluation:
    """One number that a model reached.

    Attributes:
        model: its id.
        data_set: id of what it was measured on.
        split: of it, e.g. ``test``.
        metric: e.g. ``accuracy``.
        value: finite; accuracies are fractions in [0, 1].
        run_id: the run that measured it, None for another one.
        created: UTC.
    """

    model: str
    data_set: str
    split: str
    metric: str
    value: float
    run_id: str | None
    created: datetime


def add_evaluation(
    session: Session,
    model: str,
    data_set: str,
    split: str,
    metric: str,
    value: float,
    run_id: str | None,
) -> Evaluation:
    """Add a number; see `brainray.catalog.library.Library.add_evaluation`."""
    if not math.isfinite(value) or (metric == "accuracy" and not 0 <= value <= 1):
        allowed = "a fraction in [0, 1]" if metric == "accuracy" else "a finite number"
        raise CatalogError(f"evaluation of {model!r}: {metric} {value!r} is not {allowed}")
    row = tables.Evaluation(
        model=queries.model_row(session, model).id,
        data_set=queries.data_set_row(session, data_set).id,
        split=split,
        metric=metric,
        value=value,
        run_id=run_id,
        created=datetime.now(UTC),
    )
    session.add(row)
    session.flush()
    return _value(row)


def evaluations_of(session: Session, model: str) -> list[Evaluation]:
    """Return what a model reached, in the order in which it was measured."""
    table = tables.Evaluation
    query = select(table).where(table.model == queries.model_row(session, model).id)
    return [_value(row) for row in session.exec(query.order_by(col(table.id)))]


def _value(row: tables.Evaluation) -> Evaluation:
    return Evaluation(**row.model_dump(exclude={"id"}))
