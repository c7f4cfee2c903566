"""What a scenario file may say. Every key but ``name``, ``goal`` and ``inputs`` has a default.

The classes are the one source of the YAML schema, of ``--set`` and of docs/scenario.md.
"""

from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from brainray import plugins
from brainray.errors import BrainrayError
from brainray.shapes import Modality

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]
Column = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]

RESERVED_COLUMNS = ("split", "group")


def _no_boolean(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError(f"must be a number, not {value}")
    return value


def _odd(number: int) -> int:
    if number % 2 == 0:
        raise ValueError(f"must be odd, not {number}")
    return number


def _offered(group: str, what: str) -> AfterValidator:
    """Allow the names that installed packages offer in ``brainray.<group>``."""

    def check(name: str) -> str:
        if name not in plugins.names(group):
            allowed = ", ".join(plugins.names(group))
            raise ValueError(f"unknown {what} {name!r}, allowed are {allowed}")
        return name

    return AfterValidator(check)


def _built(strategy: str, options: dict[str, Any]) -> Any:
    """Return an instance of a strategy; ValueError says which option is wrong."""
    try:
        return plugins.build("strategies", strategy, options)
    except BrainrayError as error:
        raise ValueError(str(error)) from error


Number = Annotated[float, Field(strict=False), BeforeValidator(_no_boolean)]
"""A float. Not strict, for YAML takes ``1e-3`` for a string."""

DEFAULT_FUNCTIONS: dict[Modality, tuple[str, ...]] = {
    "image": ("visual_perception", "shape"),
    "audio": ("speech_perception", "listening"),
    "text": ("reading", "language_comprehension"),
}
"""The brain functions of an input whose scenario names none."""


class Section(BaseModel):
    """A part of a scenario: unknown keys and wrong types are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Goal(Section):
    """What the network is to do.

    Attributes:
        task: the kind of task.
        target: the manifest's column to predict.
        metric: what is maximised; accuracies are fractions in [0, 1].
    """

    task: Literal["classification"] = "classification"
    target: Column
    metric: Literal["accuracy"] = "accuracy"

    @field_validator("target")
    @classmethod
    def _not_reserved(cls, target: str) -> str:
        if target in RESERVED_COLUMNS:
            raise ValueError(f"{target!r} cannot be the target: the name is reserved")
        return target


class Input(Section):
    """One input of the scenario; its name is a column of the manifest.

    Attributes:
        modality: how the column is read.
        functions: the brain functions that this input excites.
        networks: the networks that may be used, as in the catalog; by default all that live in
            the activated sub-regions.
    """

    modality: Modality
    functions: tuple[str, ...] = ()
    networks: tuple[Name, ...] = ()

    def excites(self) -> tuple[str, ...]:
        """Return the functions given, or those that its modality excites by default."""
        return self.functions or DEFAULT_FUNCTIONS[self.modality]


class Data(Section):
    """Where the samples come from: a ready data set, or a manifest of one's own.

    Attributes:
        source: ``files`` reads $BRAINRAY_DATA, ``embedded`` what the package ships, ``auto``
            the first of the two that is there. Not used with a manifest.
        name: the ready data set, in the entry-point group ``brainray.datasets``; without it and
            without a manifest, the data set that has the scenario's name.
        manifest: a Parquet or CSV file, a row a sample; relative to the scenario's folder.
        options: of the ready data set's builder.
        strata: columns of numbers over which the report draws the accuracy.
    """

    source: Literal["auto", "files", "embedded"] = "auto"
    name: Annotated[Name, _offered("datasets", "data set")] | None = None
    manifest: Annotated[Path, Field(strict=False)] | None = None
    options: dict[str, Any] = {}
    strata: tuple[Column, ...] = ()

    @model_validator(mode="after")
    def _one_source(self) -> "Data":
        if (self.name is None) == (self.manifest is None):
            raise ValueError("give either 'name' (a ready data set) or 'manifest' (a file)")
        if self.manifest is not None and self.options:
            raise ValueError("'options' belong to a ready data set, a manifest has none")
        return self


class Activation(Section):
    """How sub-regions are activated: by the functions of the inputs, or by observed ROIs.

    Attributes:
        atlas: of the catalog's atlases, e.g. ``brainray``.
        rois: observed ROIs with their strengths; with them the functions of the inputs do not
            count, and only what was observed is active.
        map: a NIfTI file in MNI space from which the observed strengths are read instead
            (``brainray[brain]``); relative to the scenario's folder.
        complete: whether ROIs that were not observed are filled in from those that were.
        prior: what the search is told of the pathway: how strongly sub-regions are active and
            connected by the ``brain``, by the ``distance`` of ROIs alone, ``direct``, without
            spreading, or with ``shuffled`` connections; ``uniform`` says nothing. The networks
            that it may use are the same.
        spreading: the share of activity that spreads on from ROI to ROI.
        edges: the strongest connections of each ROI over which it spreads.
        inhibition: how strongly what all functions excite alike is inhibited.
        threshold: a sub-region is active from the mean plus so many standard deviations on.
    """

    atlas: Name = "brainray"
    rois: dict[str, Annotated[Number, Field(ge=0, allow_inf_nan=False)]] = {}
    map: Annotated[Path, Field(strict=False)] | None = None
    complete: bool = False
    prior: Literal["brain", "uniform", "distance", "direct", "shuffled"] = "brain"
    spreading: Annotated[Number, Field(ge=0, lt=1)] = 0.3
    edges: int = Field(default=20, ge=1, le=10_000)
    inhibition: Annotated[Number, Field(ge=0, le=1)] = 0.5
    threshold: Annotated[Number, Field(ge=0, le=10)] = 0.5

    @model_validator(mode="after")
    def _one_observation(self) -> "Activation":
        if self.rois and self.map is not None:
            raise ValueError("give either 'rois' or 'map'")
        if self.rois and not any(self.rois.values()):
            raise ValueError("rois: at least one strength must be above 0")
        if self.complete and not self.rois and self.map is None:
            raise ValueError("'complete' needs observed ROIs: give 'rois' or 'map'")
        return self


Operator = Literal["concat", "weighted_sum", "bilinear", "attention"]


class Search(Section):
    """How candidates are searched.

    Attributes:
        algorithm: in the entry-point group ``brainray.searchers``.
        budget: distinct candidates to evaluate.
        brood: candidates trained together in one pass.
        lag: brood i sees the values of broods 0 to i - lag; more workers want more.
        depth: the largest number of fusion levels.
        operators: how features meet at a level; a candidate chooses one of them for each.
        representation: ``joint`` fuses the inputs level by level; ``coordinated`` gives each an
            embedding of its own and makes those of one sample similar.
        feedback: whether what is fused gates each input from above, in a second pass.
        hidden: width of a candidate's fusion levels; a narrow one ranks the wirings well enough.
        epochs: of a candidate's training.
        halving: after how many epochs the worse half of a brood stops, ascending and below
            ``epochs``; a candidate that stopped is worth what it had reached. Without any, all
            are trained to the end.
        finalists: the best candidates that are trained to the end.
        workers: broods evaluated at the same time; None is one a CPU. The result does not
            depend on it.
        time_limit_minutes: stop asking after this time; the result then depends on the machine.
    """

    algorithm: Annotated[str, _offered("searchers", "algorithm")] = "evolution"
    budget: int = Field(default=200, ge=1, le=1_000_000)
    brood: int = Field(default=16, ge=1, le=256)
    lag: int = Field(default=3, ge=1, le=1024)
    depth: int = Field(default=4, ge=1, le=4)
    operators: tuple[Operator, ...] = Field(default=("concat",), min_length=1)
    representation: Literal["joint", "coordinated"] = "joint"
    feedback: bool = False
    hidden: int = Field(default=16, ge=1, le=1024)
    epochs: int = Field(default=8, ge=1, le=1000)
    halving: tuple[Annotated[int, Field(ge=1)], ...] = ()
    finalists: int = Field(default=4, ge=1, le=64)
    workers: int | None = Field(default=None, ge=1, le=1024)
    time_limit_minutes: Annotated[Number, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _halving_before_the_end(self) -> "Search":
        if any(a >= b for a, b in pairwise((*self.halving, self.epochs))):
            raise ValueError(
                f"halving {list(self.halving)} must be ascending and below epochs {self.epochs}"
            )
        if self.halving and (self.feedback or self.representation != "joint"):
            raise ValueError(
                "halving needs candidates that are trained together: joint ones without feedback"
            )
        return self

    @model_validator(mode="after")
    def _coordinated_has_no_levels_in_common(self) -> "Search":
        if self.representation == "coordinated" and (
            self.feedback or self.operators != ("concat",)
        ):
            raise ValueError(
                "a coordinated representation joins no features: leave out operators and feedback"
            )
        return self


Odd = Annotated[int, Field(ge=1, le=31), AfterValidator(_odd)]


class Grow(Section):
    """Whether the search grows a new convolutional network, instead of fusing those there are.

    A candidate is a string of layers (paper 3.1.2, Figure 6), as `search` proposes them; finalists
    are trained as `pretraining` says, by `training.workers` that share them. Keys of `search` and
    `training` that describe a fusion network then say nothing.

    Attributes:
        enabled: whether it does; the scenario then has one input, an image or a sound.
        depth: the largest number of layers.
        filters: how many filters a layer may have.
        kernels: heights and widths that a filter may have, odd numbers.
        strides: heights and widths that a stride may have.
        epochs: of a candidate's training, a short one.
        rows: of the training split that a candidate is trained on, drawn at random; None is all.
    """

    enabled: bool = False
    depth: int = Field(default=4, ge=1, le=8)
    filters: tuple[Annotated[int, Field(ge=2, le=1024)], ...] = Field(
        default=(8, 16, 32, 64), min_length=1
    )
    kernels: tuple[Odd, ...] = Field(default=(1, 3, 5, 7), min_length=1)
    strides: tuple[Annotated[int, Field(ge=1, le=8)], ...] = Field(default=(1, 2, 3), min_length=1)
    epochs: int = Field(default=2, ge=1, le=1000)
    rows: int | None = Field(default=1000, ge=1)

    @field_validator("filters", "kernels", "strides")
    @classmethod
    def _rising(cls, numbers: tuple[int, ...]) -> tuple[int, ...]:
        if list(numbers) != sorted(set(numbers)):
            raise ValueError(f"must rise from number to number, not {list(numbers)}")
        return numbers


class Pretraining(Section):
    """How the networks of the activated sub-regions are trained, each alone.

    Attributes:
        epochs: passes over the training split.
        batch_size: samples a step.
        optimizers: one pretrained model a network and optimizer: the optimizer gene's alleles.
        start: stored models to start from instead of from random weights, each for its own
            network; ids or names.
        augmentation: how strongly the training samples are varied anew in each epoch, where the
            network's preparation can: spectrograms are warped to other voices and paces.
        workers: models trained at the same time; None is one a CPU. The result does not depend
            on it.
    """

    epochs: int = Field(default=6, ge=1, le=10_000)
    batch_size: int = Field(default=32, ge=1, le=65_536)
    optimizers: tuple[Literal["adam", "sgd"], ...] = Field(default=("adam", "sgd"), min_length=1)
    start: tuple[Name, ...] = ()
    augmentation: Annotated[Number, Field(ge=0, le=0.5)] = 0.0
    workers: int | None = Field(default=None, ge=1, le=1024)


class Training(Section):
    """How the finalists are trained.

    Attributes:
        strategy: in the entry-point group ``brainray.strategies``.
        options: of the strategy, beside its defaults.
        workers: data-parallel workers.
        hidden: width of a finalist's fusion levels.
        epochs: passes over the training split.
        batch_size: samples a step, of all workers together.
        learning_rate: of Adam, at the start of its cosine.
        keep: whether a finalist is what it is after its ``last`` epoch, or was after the one that
            is ``best`` on validation, where not to be trained at all counts as one: for samples
            unlike those of training, such as new voices.
        augmentation: how strongly the training samples are varied, once, whose features the heads
            of search and training learn from. A network is surer of the very samples that it was
            pretrained on than of new ones; heads that learn from varied ones trust it less.
        fine_tuning_epochs: passes in which the winner is trained on together with its pretrained
            networks; with 0 they stay frozen.
        fine_tuning_rate: of Adam in these passes.
    """

    strategy: Annotated[str, _offered("strategies", "strategy")] = "all_reduce"
    options: dict[str, Any] = {}
    workers: int = Field(default=2, ge=1, le=1024)
    hidden: int = Field(default=32, ge=1, le=1024)
    epochs: int = Field(default=20, ge=1, le=10_000)
    batch_size: int = Field(default=256, ge=1, le=65_536)
    learning_rate: Annotated[Number, Field(gt=0, le=1)] = 3e-3
    keep: Literal["last", "best"] = "last"
    augmentation: Annotated[Number, Field(ge=0, le=0.5)] = 0.0
    fine_tuning_epochs: int = Field(default=0, ge=0, le=10_000)
    fine_tuning_rate: Annotated[Number, Field(gt=0, le=1)] = 3e-4

    @field_validator("options")
    @classmethod
    def _options_of_the_strategy(
        cls, options: dict[str, Any], others: ValidationInfo
    ) -> dict[str, Any]:
        if options and "strategy" in others.data:
            _built(others.data["strategy"], options)
        return options

    @model_validator(mode="after")
    def _best_is_the_same_everywhere(self) -> "Training":
        several = self.keep == "best" and self.workers > 1
        if several and not _built(self.strategy, self.options).alike:
            raise ValueError(
                f"keep 'best' needs the same weights on every worker after each epoch, which "
                f"strategy {self.strategy} with these options does not give"
            )
        return self

    @model_validator(mode="after")
    def _row_a_worker(self) -> "Training":
        if self.batch_size < self.workers:
            raise ValueError(
                f"batch_size {self.batch_size} must be at least workers {self.workers}"
            )
        return self


class Serve(Section):
    """How the winner is exposed.

    Attributes:
        name: of the endpoint; the scenario's name if None.
    """

    name: Name | None = None


class Scenario(Section):
    """Inputs, a goal and data: all that a run needs to know."""

    name: Name
    goal: Goal
    inputs: dict[Column, Input] = Field(min_length=1, max_length=8)
    data: Data
    activation: Activation = Field(default_factory=Activation)
    search: Search = Field(default_factory=Search)
    grow: Grow = Field(default_factory=Grow)
    pretraining: Pretraining = Field(default_factory=Pretraining)
    training: Training = Field(default_factory=Training)
    serve: Serve = Field(default_factory=Serve)

    def excites(self) -> dict[str, tuple[str, ...]]:
        """Return the functions that each input excites."""
        return {name: part.excites() for name, part in self.inputs.items()}

    @model_validator(mode="before")
    @classmethod
    def _named_after_its_data(cls, document: Any) -> Any:
        """Without a data set's name or a manifest, the scenario's own name is the data set's."""
        data = document.get("data") if isinstance(document, dict) else None
        if isinstance(data, dict) and data.get("name") is None and data.get("manifest") is None:
            name = str(document.get("name")).replace("-", "_")
            if name in plugins.names("datasets"):
                return document | {"data": data | {"name": name}}
        return document

    @model_validator(mode="after")
    def _grows_for_one_input(self) -> "Scenario":
        if self.grow.enabled:
            if len(self.inputs) > 1:
                raise ValueError(
                    f"grow.enabled: is for one input, not for {', '.join(self.inputs)}; grow a "
                    "network for each in a run of its own, then name them in inputs.*.networks"
                )
            ((name, part),) = self.inputs.items()
            if part.modality == "text":
                raise ValueError(f"grow.enabled: is for an image or a sound, {name} is a text")
        return self

    @field_validator("inputs")
    @classmethod
    def _distinct_columns(
        cls, inputs: dict[str, Input], others: ValidationInfo
    ) -> dict[str, Input]:
        goal = others.data.get("goal")  # absent if it was refused itself
        for name in inputs:
            if name in RESERVED_COLUMNS or (goal is not None and name == goal.target):
                raise ValueError(f"{name!r} is the name of the target, split or group")
        return inputs
