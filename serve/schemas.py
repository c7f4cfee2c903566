"""What the HTTP API takes and gives; the client has the same shapes."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from brainray.catalog.values import Model


class Prediction(BaseModel):
    """What a model says of one sample.

    Attributes:
        label: the most probable class.
        probabilities: of every class, in [0, 1]; they sum to 1.
        inputs: the inputs that were used.
        endpoint: that was asked.
        model: id of the model that answered.
        version: of the model among those of its name.
    """

    label: str
    probabilities: dict[str, float]
    inputs: list[str]
    endpoint: str
    model: str
    version: int


class TrackingState(BaseModel):
    """What an endpoint tracks with.

    Attributes:
        detector: its name; None where boxes come with the requests.
        detector_options: of the detector, but for those that name files.
        files: sha256 of the detector's files by its option, e.g. ``weights``; ``appearance`` is
            what sees how boxes look.
        tracker: its name.
        tracker_options: of the tracker.
        min_score: boxes of lower scores do not count.
    """

    detector: str | None
    detector_options: dict[str, Any]
    files: dict[str, str]
    tracker: str
    tracker_options: dict[str, Any]
    min_score: float | None


class TrackedBox(BaseModel):
    """An object in a frame.

    Attributes:
        id: its identity, from 1 on, the same from frame to frame.
        left: of the box, in pixels, as are the others.
        conf: confidence of the last detection that belongs to it.
    """

    id: int
    left: float
    top: float
    width: float
    height: float
    conf: float


class TrackedFrame(BaseModel):
    """The objects in a frame: one line of the answer.

    Attributes:
        frame: its number; pictures and videos count from 1.
        seconds: when a video shows it.
        width: of the picture in pixels, if there is one.
        height: of the picture in pixels, if there is one.
        boxes: of the objects that are seen.
    """

    frame: int
    seconds: float | None = None
    width: int | None = None
    height: int | None = None
    boxes: list[TrackedBox]


class TrackingEnd(BaseModel):
    """The last line of an answer that cannot go on.

    Attributes:
        error: what is wrong with the frame, or that there is none.
        frame: its number, None if it is not known.
    """

    error: str
    frame: int | None


class EndpointState(BaseModel):
    """An endpoint as this service answers it.

    Attributes:
        name: in the address.
        model: id of the model that answers; None where objects are tracked.
        canary: id of the model that answers ``share`` of the requests.
        share: in [0, 1); 0 without a canary.
        previous: id of the model that a roll-back brings back.
        revision: counts the changes.
        changed: UTC.
        inputs: modality of every input of the model; None while it is not loaded.
        problem: why the latest change does not answer, None if it does.
        tracking: what it tracks with; None where a model answers.
    """

    name: str
    model: str | None
    canary: str | None
    share: float
    previous: str | None
    revision: int
    changed: datetime
    inputs: dict[str, str] | None
    problem: str | None
    tracking: TrackingState | None = None


class Deployment(BaseModel):
    """What is to answer at an endpoint.

    Attributes:
        model: id, name (the newest version) or the id's beginning; or a run: what it has returned
            or, if it is one of tracking, chosen.
        sequence: for which video a run of tracking has chosen what is to answer.
        canary: share of the requests, in (0, 1); all of them if None.
    """

    model_config = ConfigDict(extra="forbid")

    model: str = Field(min_length=1, max_length=300)
    sequence: str | None = Field(default=None, max_length=300)
    canary: float | None = Field(default=None, gt=0, lt=1)


class Health(BaseModel):
    """Whether the service works.

    Attributes:
        status: ``ok``, or ``degraded`` with what is wrong in ``problem``.
        version: of brainray.
    """

    status: str
    version: str
    problem: str | None


class ModelPage(BaseModel):
    """Some of the models that fit a filter.

    Attributes:
        models: of this page, in order.
        total: how many fit in all.
        offset: how many come before this page.
        next_offset: where the next page begins, None if this is the last one.
        facets: how many of all that fit have each value of a field, if they were asked for.
    """

    models: list[Model]
    total: int
    offset: int
    next_offset: int | None
    facets: dict[str, dict[str, int]] | None


class ModelDetail(BaseModel):
    """A model with what is known of it.

    Attributes:
        model: as the catalog has it.
        code: its nine-field code (paper Table 1).
        ancestors: ids of what it was made from, near ones first.
        descendants: ids of what was made from it, near ones first.
        evaluations: what it reached, in the order in which it was measured.
        endpoints: where it answers.
    """

    model: Model
    code: str
    ancestors: list[str]
    descendants: list[str]
    evaluations: list[dict[str, Any]]
    endpoints: list[str]


class SubRegionState(BaseModel):
    """A part of a region.

    Attributes:
        name: e.g. ``vision.shape``.
        functions: what it does, by name.
        networks: how many live there.
        models: how many models of them.
        parameters: of these models together.
    """

    name: str
    description: str
    functions: list[str]
    networks: int
    models: int
    parameters: int


class RegionState(BaseModel):
    """A brain region, e.g. ``vision``, with its parts."""

    name: str
    description: str
    sub_regions: list[SubRegionState]


class RunState(BaseModel):
    """One execution of a scenario.

    Attributes:
        id: unique.
        scenario: its name.
        status: ``running``, ``finished``, ``failed``, ``stopped`` or ``killed``.
        test: accuracy of its model on the test split, None if there is none.
        model: id of the model that it returned.
    """

    id: str
    scenario: str
    seed: int
    status: str
    created: datetime
    finished: datetime | None
    test: float | None
    model: str | None


class RunPage(BaseModel):
    """Some of the runs, the newest first; see `ModelPage`."""

    runs: list[RunState]
    total: int
    offset: int
    next_offset: int | None


class ScenarioState(BaseModel):
    """A scenario: a built-in one, or one that was run.

    Attributes:
        name: of the scenario.
        builtin: whether it comes with brainray.
        runs: how many there were.
        finished_runs: how many of them came to the end.
        best: the highest test accuracy of them, None if there is none.
    """

    name: str
    builtin: bool
    runs: int
    finished_runs: int
    best: float | None
