"""What was run: runs with their reports, and scenarios."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from brainray.catalog.library import Library
from brainray.catalog.values import Run
from brainray.errors import RunError
from brainray.pipeline.status import status_of
from brainray.scenario.load import builtin_scenarios, load_scenario

from ..schemas import RunPage, RunState, ScenarioState
from .models import Offset
from .problems import responses

router = APIRouter(prefix="/api", tags=["history"], responses=responses(422))


@router.get("/runs", responses=responses(422, 503))
def list_runs(
    request: Request,
    scenario: Annotated[str | None, Query(max_length=200, description="Only its runs.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 20,
    offset: Offset = 0,
) -> RunPage:
    """Return one page of the runs, the newest first."""
    library: Library = request.app.state.library
    runs = library.runs(scenario)
    page = runs[offset : offset + limit]
    end = offset + len(page)
    return RunPage(
        runs=[_state(run) for run in page],
        total=len(runs),
        offset=offset,
        next_offset=end if page and end < len(runs) else None,
    )


@router.get("/runs/{run}", responses=responses(404, 409, 503))
def show_run(run: str, request: Request) -> RunState:
    """Return a run by its id or the id's beginning."""
    return _state(request.app.state.library.run(run))


@router.get("/scenarios", responses=responses(503))
def list_scenarios(request: Request) -> list[ScenarioState]:
    """Return the built-in scenarios and those that were run, by name."""
    library: Library = request.app.state.library
    builtin = {load_scenario(name).name for name in builtin_scenarios()}
    runs: dict[str, list[Run]] = {name: [] for name in builtin}
    for run in library.runs():
        runs.setdefault(run.scenario, []).append(run)
    return [
        ScenarioState(
            name=name,
            builtin=name in builtin,
            runs=len(done),
            finished_runs=sum(run.status == "finished" for run in done),
            best=max((test for run in done if (test := _test(run)) is not None), default=None),
        )
        for name, done in sorted(runs.items())
    ]


def _state(run: Run) -> RunState:
    try:
        status = status_of(run)
    except RunError:
        status = "damaged"  # its record; that is no matter of a list
    return RunState(
        id=run.id,
        scenario=run.scenario,
        seed=run.seed,
        status=status,
        created=run.created,
        finished=run.finished,
        test=_test(run),
        model=run.model_id,
    )


def _test(run: Run) -> float | None:
    value: Any = run.summary.get("test")
    return None if value is None else float(value)
