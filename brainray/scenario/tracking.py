"""What a scenario file may say whose task is tracking.

Every key but ``name`` and ``goal.task`` has a default.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from brainray.files import below
from brainray.scenario.model import Activation, Input
from brainray.scenario.values import Column, Distinct, Name, Number, Section, offered

OBJECTIVES = ("idf1", "mota", "hota", "switches")
File = Annotated[Path, Field(strict=False)]


class TrackingGoal(Section):
    """What is followed, and what counts.

    Attributes:
        task: the kind of task.
        objective: what is maximized, because the ranking depends on it: ``idf1``, ``mota``,
            ``hota``, ``switches`` (as few as can be), or a weight for each of several.
        most_milliseconds: CPU time a frame that a candidate may take: the detector, looks, the
            camera in pictures, association. With a limit the result depends on the machine.
    """

    task: Literal["tracking"]
    objective: dict[str, Number] = Field(default={"idf1": 1.0}, validate_default=True)
    most_milliseconds: Annotated[Number, Field(gt=0)] | None = None

    @property
    def is_share(self) -> bool:
        """Whether the objective is a share, which may be said in percent: one score, unweighted."""
        (name, weight), *more = self.objective.items()
        return not more and name != "switches" and weight == 1

    @field_validator("objective", mode="before")
    @classmethod
    def _known_scores(cls, objective: Any) -> Any:
        weights = {objective: 1.0} if isinstance(objective, str) else objective
        if not isinstance(weights, dict) or not weights:
            raise ValueError(f"must be a score or a weight for each of several, not {objective!r}")
        for name, weight in weights.items():
            if name not in OBJECTIVES:
                raise ValueError(f"unknown score {name!r}, allowed are {', '.join(OBJECTIVES)}")
            if isinstance(weight, int | float) and not 0 < weight < float("inf"):
                raise ValueError(f"the weight of {name} must be above 0, not {weight}")
        return weights


class TrackingData(Section):
    """Where the sequences come from, and which part of them is for choosing.

    Attributes:
        source: ``files`` reads $BRAINRAY_DATA/mot17, ``embedded`` makes people up who walk on
            lines, ``auto`` is the first of the two that is there. Not used with files of one's own.
        input: a MOT sequence or a folder of them (``det/*.txt``, ``gt/gt.txt``, perhaps
            ``img1``), a video, or a folder of images; relative to the scenario's folder, as all
            files.
        detections: files with recorded boxes of one or more detectors: Parquet, or text of one
            sequence. Boxes of one sequence belong to the only one there is, others by their names.
            A detector is called as its file, or as the folder where the files of several are called
            the same.
        truth: a file with the ground truth, in place of ``gt/gt.txt``.
        appearance: what sees how boxes look in the pictures, so that trackers can know people again
            by it: an ONNX file, or a model of the catalog that is one. Whether that helps is
            searched, too.
        sequences: those that count, by name; by default all.
        split: ``halves`` chooses on the first half of each sequence and reports on the second;
            ``sequences`` reports on those named in ``report`` and chooses on the others.
        report: the sequences that are reported on, with ``split: sequences``.
    """

    source: Literal["auto", "files", "embedded"] = "auto"
    input: File | None = None
    detections: tuple[File, ...] = ()
    truth: File | None = None
    appearance: Annotated[str, Field(min_length=1)] | None = None
    sequences: tuple[Name, ...] = ()
    split: Literal["halves", "sequences"] = "halves"
    report: tuple[Name, ...] = ()

    @model_validator(mode="after")
    def _fits_together(self) -> "TrackingData":
        if (self.split == "sequences") != bool(self.report):
            raise ValueError("'report' belongs to 'split: sequences', which needs it")
        if self.appearance is not None and self.input is None:
            raise ValueError("'appearance' looks at pictures, give 'input'")
        if self.truth is not None and self.input is None and not self.detections:
            raise ValueError("'truth' alone has no boxes: give 'input' or 'detections'")
        return self

    @property
    def own(self) -> bool:
        """Whether it names files of one's own."""
        return self.input is not None or bool(self.detections)


class LiveDetector(Section):
    """A detector that looks at the pictures of the sequences.

    Attributes:
        detector: in the entry-point group ``brainray.detectors``.
        weights: file of its weights, relative to the scenario's folder, or a URL from which it is
            fetched once.
        spec: what `onnx` needs beside it.
        config: what `yolov3` needs beside it (Darknet's ``.cfg``), and `detr` may have
            (``config.json``).
        options: others, by name.
    """

    detector: Annotated[str, offered("detectors", "detector")]
    weights: Annotated[str, Field(min_length=1)] | None = None
    spec: File | None = None
    config: File | None = None
    options: dict[str, Any] = Field(default={})

    @property
    def kind(self) -> str:
        """What it is: its architecture, where the detector may have one of several."""
        return str(self.options.get("architecture", self.detector))

    def arguments(self) -> dict[str, Any]:
        """Return the detector's options, people alone being looked for by default."""
        files = {"weights": self.weights, "spec": self.spec, "config": self.config}
        given = {name: path for name, path in files.items() if path is not None}
        return {"classes": ["person"]} | given | _lists(self.options)

    def below(self, folder: Path) -> Self:
        """Return the detector with the files that it names relative to a folder."""
        update: dict[str, Any] = {
            name: below(folder, place)
            for name in ("weights", "spec", "config")
            if (place := getattr(self, name)) is not None
        }
        if "weights" in update:
            update["weights"] = str(update["weights"])
        return self.model_copy(update=update)


class TrackingSearch(Section):
    """How candidates are searched: detector, score threshold, tracker and its options.

    Attributes:
        algorithm: in the entry-point group ``brainray.searchers``.
        budget: distinct candidates to evaluate, in each search.
        brood: candidates evaluated together.
        mode: as of a search for networks: in an ``asynchronous`` one no worker waits for another,
            and the result depends on who is ready when.
        lag: of a synchronous search: brood i sees the values of broods 0 to i - lag; more
            workers want more.
        workers: broods evaluated at the same time; None is one a CPU. The result of a synchronous
            search does not depend on it.
        time_limit_minutes: stop asking after this time; the result then depends on the machine.
        each: ``sequence`` searches for each sequence by itself, as cameras differ; ``all``
            searches for one setting that suits all of them.
        detectors: that may be chosen, by name; by default all that have boxes of the sequences.
        min_scores: from which score on boxes may count, the first of which is tried first; by
            default 0 to .8 in steps of .1.
        trackers: those that may be chosen, with the values that each of their options may have,
            the first of which is tried first; by default a choice of all built-in ones.
    """

    algorithm: Annotated[str, offered("searchers", "algorithm")] = "evolution"
    budget: int = Field(default=60, ge=1, le=1_000_000)
    brood: int = Field(default=6, ge=1, le=256)
    mode: Literal["synchronous", "asynchronous"] = "synchronous"
    lag: int = Field(default=3, ge=1, le=1024)
    workers: int | None = Field(default=None, ge=1, le=1024)
    time_limit_minutes: Annotated[Number, Field(gt=0)] | None = None
    each: Literal["sequence", "all"] = "sequence"
    detectors: Annotated[tuple[Name, ...], Distinct] = ()
    min_scores: Annotated[tuple[Annotated[Number, Field(allow_inf_nan=False)], ...], Distinct] = ()
    trackers: dict[Name, dict[Column, Annotated[tuple[Any, ...], Distinct]]] = Field(default={})


class TrackingScenario(Section):
    """Videos, a goal and detectors: all that a run needs to know."""

    name: Name
    goal: TrackingGoal
    inputs: dict[Column, Input] = Field(
        default={
            "video": Input(modality="image", functions=("visual_motion", "object_recognition"))
        },
        min_length=1,
        max_length=1,
    )
    data: TrackingData = Field(default_factory=TrackingData)
    detectors: dict[Name, LiveDetector] = Field(default={})
    activation: Activation = Field(default_factory=Activation)
    search: TrackingSearch = Field(default_factory=TrackingSearch)

    def excites(self) -> dict[str, tuple[str, ...]]:
        """Return the functions that each input excites."""
        return {name: part.excites() for name, part in self.inputs.items()}

    def below(self, folder: Path) -> Self:
        """Return the scenario with the files that it names relative to a folder."""

        def place(path: Path | None) -> Path | None:
            return None if path is None else folder / path

        data = self.data.model_copy(
            update={
                "input": place(self.data.input),
                "truth": place(self.data.truth),
                "appearance": _file_below(folder, self.data.appearance),
                "detections": tuple(folder / path for path in self.data.detections),
            }
        )
        detectors = {name: one.below(folder) for name, one in self.detectors.items()}
        activation = self.activation.model_copy(update={"map": place(self.activation.map)})
        return self.model_copy(
            update={"data": data, "detectors": detectors, "activation": activation}
        )

    @model_validator(mode="after")
    def _fits_together(self) -> "TrackingScenario":
        if self.detectors and self.data.input is None:
            raise ValueError("detectors: they look at pictures, give data.input")
        if self.data.split == "sequences" and self.search.each == "sequence":
            raise ValueError(
                "search.each: must be all with data.split sequences, which reports on others than "
                "it chooses on"
            )
        ((name, part),) = self.inputs.items()
        if part.modality != "image":
            raise ValueError(f"inputs.{name}.modality: must be image, not {part.modality}")
        return self


def _file_below(folder: Path, appearance: str | None) -> str | None:
    """Return a file relative to a folder; the name of a model stays."""
    if appearance is None or not appearance.lower().endswith(".onnx"):
        return appearance
    return str(folder / appearance)


def _lists(options: dict[str, Any]) -> dict[str, Any]:
    """Return options with the lists that YAML had: a frozen scenario holds tuples."""
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in options.items()
    }
