"""What a scenario file may say. Every key but ``name``, ``goal`` and ``inputs`` has a default.

The classes are the one source of the YAML schema, of ``--set`` and of docs/scenario.md.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from brainray import plugins
from brainray.scenario.steps import NO_STRATEGY, Grow, Pretraining, Search, Training
from brainray.scenario.values import Column, Distinct, Name, Number, Section, offered
from brainray.shapes import Modality

RESERVED_COLUMNS = ("split", "group")

DEFAULT_FUNCTIONS: dict[Modality, tuple[str, ...]] = {
    "image": ("visual_perception", "shape"),
    "audio": ("speech_perception", "listening"),
    "text": ("reading", "language_comprehension"),
}
"""The brain functions of an input whose scenario names none."""


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
    functions: Annotated[tuple[str, ...], Distinct] = ()
    networks: Annotated[tuple[Name, ...], Distinct] = ()

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
        labelled: rows of the train split that keep their target, drawn by the run's seed, of each
            class alike; the others become unlabelled. None keeps all targets.
    """

    source: Literal["auto", "files", "embedded"] = "auto"
    name: Annotated[Name, offered("datasets", "data set")] | None = None
    manifest: Annotated[Path, Field(strict=False)] | None = None
    options: dict[str, Any] = Field(default={})
    strata: tuple[Column, ...] = ()
    labelled: int | None = Field(default=None, ge=2)

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
    rois: dict[str, Annotated[Number, Field(ge=0, allow_inf_nan=False)]] = Field(default={})
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

    def below(self, folder: Path) -> Self:
        """Return the scenario with the files that it names relative to a folder."""
        data, activation = self.data, self.activation
        if data.manifest is not None:  # an absolute path stays what it is
            data = data.model_copy(update={"manifest": folder / data.manifest})
        if activation.map is not None:
            activation = activation.model_copy(update={"map": folder / activation.map})
        return self.model_copy(update={"data": data, "activation": activation})

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
            if self.pretraining.strategy != NO_STRATEGY:
                raise ValueError(
                    f"pretraining.strategy: is {self.pretraining.strategy}, but each network that "
                    "is grown is trained by one worker; it must be none"
                )
            if self.search.halving:
                raise ValueError(
                    "search.halving: needs candidates that are trained together, and each network "
                    "that is grown is trained alone; leave it out"
                )
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
