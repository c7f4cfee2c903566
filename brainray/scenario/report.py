"""What a run says at its end: the JSON of ``brainray run --json``.

Accuracies are fractions in [0, 1]. Fields with a default came later: a record written before them
is still read, and says nothing of them.
"""

from typing import Any, Literal

from pydantic import Field

from brainray.scenario.brain import Explanation, PathwayPart
from brainray.scenario.parts import Part

Interval = tuple[float, float]
"""The lower and the upper end of a 95 % interval (`brainray.training.intervals`)."""


class Candidate(Part):
    """One evaluated genome: its models by input and its validation accuracy, None if it failed.

    A grown candidate is no stored model: its architecture stands for it.
    """

    genome: list[int]
    models: dict[str, str]
    value: float | None


class SearchPart(Part):
    """What the search did; ``evaluated`` counts distinct genomes, ``seconds`` its wall time.

    ``diagnostics`` are the searcher's own, by name, for example how well NAO's networks do.
    """

    algorithm: str
    mode: str = "synchronous"
    evaluated: int
    failed: int
    seconds: float
    history: list[Candidate]
    diagnostics: dict[str, float] = Field(default_factory=dict)


class Fused(Part):
    """The best fused candidate, or the best grown one, before the gate.

    A grown network is one model of one input, as deep as it has layers, and fuses nothing: it has
    no taps and operators.

    Attributes:
        genome: its code.
        models: the model of each input.
        taps: for each level, the tap that each input brings; an input may be absent.
        operators: of each level.
        depth: number of levels, or of layers.
        validation: accuracy on the validation split.
        test: accuracy on the test split.
        interval: of ``test``.
        network_taps: all taps of each input's network, from its input to its output.
        representation: ``joint`` or ``coordinated``.
        feedback: whether what is fused gates the inputs from above.
    """

    genome: list[int]
    models: dict[str, str]
    taps: list[dict[str, str]]
    operators: list[str]
    depth: int
    validation: float
    test: float
    interval: Interval | None = None
    network_taps: dict[str, list[str]] = Field(default_factory=dict)
    representation: str = "joint"
    feedback: bool = False


class GrownLayer(Part):
    """One layer of a grown network: its filters, their height and width, and their stride."""

    filters: int
    height: int
    width: int
    stride_height: int
    stride_width: int


class Grown(Part):
    """The network that a run has grown.

    Attributes:
        network: its name in the catalog.
        architecture: the string that was searched.
        layers: from the input to the output.
        sub_region: where it lives.
        optimizer: that trained it.
        parameters: of its model.
    """

    network: str
    architecture: str
    layers: list[GrownLayer]
    sub_region: str
    optimizer: str
    parameters: int


class Unimodal(Part):
    """The best pretrained network of one input, alone; the interval is of ``test``.

    ``learning`` is the algorithm that trained it: ``supervised``, or one that also takes unlabelled
    rows, such as ``FixMatch``.
    """

    model: str
    validation: float
    test: float
    interval: Interval | None = None
    learning: str = "supervised"


class Reheaded(Part):
    """The winner's fusion network trained with only one input: a better head, no fusion."""

    validation: float
    test: float
    interval: Interval | None = None


class Units(Part):
    """What the intervals draw: groups of the test split, or its rows where none has a group."""

    by: Literal["group", "row"]
    count: int


class Gain(Part):
    """The fused network's test accuracy minus another's on the same rows, in [-1, 1].

    Attributes:
        over: the input of the other network, the better one of its kind on the test split.
        value: the difference.
        interval: of the difference, paired.
    """

    over: str
    value: float
    interval: Interval | None


class Gains(Part):
    """What fusion gains over the better unimodal and over the better re-headed network.

    A grown network is compared with the unimodal one alone.
    """

    unimodal: Gain
    reheaded: Gain | None


class Accuracy(Part):
    """An accuracy on the test split, with its interval."""

    test: float
    interval: Interval | None


class Robustness(Part):
    """The fused network where one input fails.

    Attributes:
        missing: where the input is missing.
        shuffled: where it is another row's.
        others: what the unimodal networks of the other inputs reach on the test split.
    """

    missing: Accuracy
    shuffled: Accuracy
    others: dict[str, float]


class Confusion(Part):
    """How often the fused network answers what, on the test split.

    Attributes:
        labels: the classes.
        counts: a row a true class, a column an answer.
    """

    labels: list[str]
    counts: list[list[int]]


class Bin(Part):
    """The test rows whose stratum lies between two edges.

    Attributes:
        low: the lower edge; it belongs to the bin.
        high: the upper edge; it belongs to the next bin, if there is one. Where it equals the
            lower one, the rows have just this value.
        rows: how many there are.
        fused: the fused network's accuracy.
        interval: of ``fused``; None where fewer than two units fall into the bin.
        unimodal: the accuracy of each input's unimodal network.
    """

    low: float
    high: float
    rows: int
    fused: float
    interval: Interval | None
    unimodal: dict[str, float]


class TrainingPart(Part):
    """How the finalists were trained.

    Attributes:
        strategy: by which workers synchronised.
        workers: how many.
        seconds: wall time of the step, starting workers included.
        options: of the strategy, beside its defaults.
        samples_per_second: rows of all workers together, while networks were trained.
        seconds_waited: by the first worker, for the others and the wire.
        bytes_sent: size of the messages of the first worker.
    """

    strategy: str
    workers: int
    seconds: float
    options: dict[str, Any] = Field(default_factory=dict)
    samples_per_second: float | None = None
    seconds_waited: float | None = None
    bytes_sent: int | None = None


class Gate(Part):
    """What was returned, and by how much the fused or grown network led on validation."""

    chosen: Literal["fused", "grown", "unimodal"]
    margin: float


class StoredModel(Part):
    """The model that the run returned; ``path`` is its key in the store."""

    id: str
    version: int
    parameters: int
    path: str


class Report(Part):
    """The whole result of one run.

    ``robustness`` and ``explanation`` (of the best fused candidate's models) are by input and
    ``strata`` by column; there is no ``confusion`` of more than 50 classes. Where a network was
    ``grown``, it stands wherever else the fused network does.
    """

    run_id: str
    scenario: str
    seed: int
    versions: dict[str, str]
    data: dict[str, Any]
    pathway: PathwayPart
    search: SearchPart
    training: TrainingPart
    best: Fused
    unimodal: dict[str, Unimodal]
    reheaded: dict[str, Reheaded]
    gate: Gate
    model: StoredModel
    seconds: dict[str, float]
    units: Units | None = None
    gain: Gains | None = None
    robustness: dict[str, Robustness] = Field(default_factory=dict)
    confusion: Confusion | None = None
    strata: dict[str, list[Bin]] = Field(default_factory=dict)
    explanation: dict[str, Explanation] = Field(default_factory=dict)
    grown: Grown | None = None

    @property
    def made(self) -> Literal["fused", "grown"]:
        """The kind of network that the run has made."""
        return "fused" if self.grown is None else "grown"

    @property
    def title(self) -> str:
        """How tables call that network, e.g. ``fused, depth 2`` or ``grown, depth 3``."""
        return f"{self.made}, depth {self.best.depth}"
