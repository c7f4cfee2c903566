"""How the steps of a run work: search, growing, pretraining, training."""

from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from brainray import plugins
from brainray.errors import BrainrayError
from brainray.scenario.values import Distinct, Name, Number, Section, offered

Operator = Literal["concat", "weighted_sum", "bilinear", "attention"]


def _odd(number: int) -> int:
    if number % 2 == 0:
        raise ValueError(f"must be odd, not {number}")
    return number


NO_STRATEGY, PIPELINE = "none", "pipeline"


def _strategy_or_none(name: str) -> str:
    known = [NO_STRATEGY, PIPELINE, *plugins.names("strategies")]
    if name not in known:
        allowed = ", ".join(known)
        raise ValueError(f"unknown strategy {name!r}, allowed are {allowed}")
    return name


def _no_pipeline(name: str) -> str:
    if name == PIPELINE:
        raise ValueError(
            "pipeline cuts a large chain of layers into stages, and a fusion network is small and "
            "no chain; set pretraining.strategy, or here one of "
            f"{', '.join(plugins.names('strategies'))}"
        )
    return name


def _built(strategy: str, options: dict[str, Any]) -> Any:
    """Return an instance of a strategy; ValueError says which option is wrong."""
    try:
        return plugins.build("strategies", strategy, options)
    except BrainrayError as error:
        raise ValueError(str(error)) from error


class Search(Section):
    """How candidates are searched.

    Attributes:
        algorithm: in the entry-point group ``brainray.searchers``.
        budget: distinct candidates to evaluate.
        brood: candidates trained together in one pass.
        mode: ``synchronous`` gives the same result with any number of workers. In an
            ``asynchronous`` search no worker waits for another: what is asked for depends on all
            that is known then. The order is recorded, so that the run resumes all the same.
        lag: of a synchronous search: brood i sees the values of broods 0 to i - lag; more
            workers want more.
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
        workers: broods evaluated at the same time; None is one a CPU. The result of a synchronous
            search does not depend on it.
        time_limit_minutes: stop asking after this time; the result then depends on the machine.
    """

    algorithm: Annotated[str, offered("searchers", "algorithm")] = "evolution"
    budget: int = Field(default=200, ge=1, le=1_000_000)
    brood: int = Field(default=16, ge=1, le=256)
    mode: Literal["synchronous", "asynchronous"] = "synchronous"
    lag: int = Field(default=3, ge=1, le=1024)
    depth: int = Field(default=4, ge=1, le=4)
    operators: Annotated[tuple[Operator, ...], Distinct] = Field(default=("concat",), min_length=1)
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


class SemiSupervised(Section):
    """How networks learn from labelled and unlabelled rows at once.

    FixMatch (Sohn et al., NeurIPS 2020) where the network's preparation has weak and strong views
    of a sample, as those of images, spectrograms and words have; else pseudo-labels (Lee, 2013).

    Attributes:
        ratio: unlabelled rows a labelled one in a step.
        threshold: the probability from which what the network says of an unlabelled row becomes
            its target.
        weight: of the loss of the unlabelled rows.
    """

    ratio: int = Field(default=7, ge=1, le=64)
    threshold: Annotated[Number, Field(ge=0, le=1)] = 0.95
    weight: Annotated[Number, Field(ge=0, le=1000)] = 1.0


class SelfSupervised(Section):
    """How networks learn from all rows without their targets, before they learn from labelled ones.

    SimCLR (Chen et al., ICML 2020); the network's preparation must have views of a sample.

    Attributes:
        epochs: passes over all rows, before the ``epochs`` of pretraining over the labelled ones.
        batch_size: samples a step, whose views are told apart.
        temperature: the lower, the more the most similar other samples count.
        tuned: what is trained on the labelled rows afterwards, the ``head`` alone or ``all``.
    """

    epochs: int = Field(default=20, ge=1, le=10_000)
    batch_size: int = Field(default=128, ge=2, le=65_536)
    temperature: Annotated[Number, Field(ge=0.001, le=100)] = 0.5
    tuned: Literal["head", "all"] = "all"


class PipelineOptions(Section):
    """How a batch goes through a network that is cut into stages.

    Attributes:
        schedule: of the microbatches' forwards and backwards; ``1f1b`` keeps fewer activations.
        microbatches: of a batch.
    """

    schedule: Literal["1f1b", "gpipe"] = "1f1b"
    microbatches: int = Field(default=4, ge=1, le=1024)


class Pretraining(Section):
    """How the networks of the activated sub-regions are trained, each alone.

    Attributes:
        epochs: passes over the training split: its labelled rows, or with ``semi_supervised``
            learning all of them.
        batch_size: labelled samples a step.
        optimizers: one pretrained model a network and optimizer: the optimizer gene's alleles.
        start: stored models to start from instead of from random weights, each for its own
            network; ids or names.
        augmentation: how strongly the training samples are varied anew in each epoch, where the
            network's preparation can: spectrograms are warped to other voices and paces.
        workers: models trained at the same time; None is one a CPU. The result does not depend
            on it. With a strategy: the workers of each model, one model after the other.
        strategy: ``none``: one worker trains a model; or one of ``training.strategy``, by which
            all workers train each model together: for few and large networks. ``pipeline`` cuts
            each network into as many stages as there are workers, one a worker.
        options: of the strategy, beside its defaults; of ``pipeline``: ``schedule`` and
            ``microbatches``.
        memory_limit: bytes that a worker has for what the training of a network keeps, of a stage
            if it is cut. A network that needs more is refused, with the number of stages that
            would do. null: no limit.
        learning: ``supervised`` from labelled rows alone, or from unlabelled ones, too. Of a
            frozen network only a head is trained, and always supervised.
        semi_supervised: how, if ``learning`` says so.
        self_supervised: how, if ``learning`` says so.
    """

    epochs: int = Field(default=6, ge=1, le=10_000)
    batch_size: int = Field(default=32, ge=1, le=65_536)
    optimizers: Annotated[tuple[Literal["adam", "sgd"], ...], Distinct] = Field(
        default=("adam", "sgd"), min_length=1
    )
    start: tuple[Name, ...] = ()
    augmentation: Annotated[Number, Field(ge=0, le=0.5)] = 0.0
    workers: int | None = Field(default=None, ge=1, le=1024)
    learning: Literal["supervised", "semi_supervised", "self_supervised"] = "supervised"
    semi_supervised: SemiSupervised = Field(default_factory=SemiSupervised)
    self_supervised: SelfSupervised = Field(default_factory=SelfSupervised)
    strategy: Annotated[str, AfterValidator(_strategy_or_none)] = NO_STRATEGY
    options: dict[str, Any] = Field(default={})
    memory_limit: int | None = Field(default=None, ge=1, le=1 << 40)

    @field_validator("options")
    @classmethod
    def _options_of_the_strategy(
        cls, options: dict[str, Any], others: ValidationInfo
    ) -> dict[str, Any]:
        strategy = others.data.get("strategy")
        if options and strategy == NO_STRATEGY:
            raise ValueError("are those of a strategy, and pretraining.strategy is none")
        if options and strategy == PIPELINE:
            try:
                PipelineOptions.model_validate(options)
            except ValidationError as error:
                first = error.errors()[0]
                option, allowed = str(first["loc"][0]), ", ".join(PipelineOptions.model_fields)
                if first["type"] == "extra_forbidden":
                    raise ValueError(
                        f"{option}: unknown option of a pipeline, allowed are {allowed}"
                    ) from error
                raise ValueError(
                    f"{option}: {first['msg']}, not {first['input']!r}; "
                    f"options of a pipeline are {allowed}"
                ) from error
        elif options and strategy is not None:
            _built(strategy, options)
        return options

    @model_validator(mode="after")
    def _possible_together(self) -> "Pretraining":
        if self.strategy == NO_STRATEGY:
            return self
        if self.workers is None:
            raise ValueError(f"strategy {self.strategy} needs a number of workers, not null")
        if self.strategy == PIPELINE and self.workers < 2:
            raise ValueError("strategy pipeline needs at least 2 workers: one a stage")
        if self.batch_size < self.workers:
            raise ValueError(
                f"batch_size {self.batch_size} must be at least workers {self.workers}"
            )
        if self.learning != "supervised":
            raise ValueError(
                f"strategy {self.strategy} cannot be combined with learning {self.learning}: set "
                "learning supervised, or strategy none"
            )
        if self.augmentation > 0:
            raise ValueError(
                f"strategy {self.strategy} cannot be combined with augmentation: each worker would "
                "vary its samples otherwise than one process does; set augmentation 0, or strategy "
                "none"
            )
        return self


class Training(Section):
    """How the finalists are trained.

    Attributes:
        strategy: in the entry-point group ``brainray.strategies``.
        options: of the strategy, beside its defaults.
        workers: data-parallel workers.
        min_workers: on a cluster that nodes join and leave: with how many workers it begins where
            there are not more, and goes on when others leave. null: it begins with all, and goes
            on with any that are left. Those who join are taken up to ``workers``.
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
        checkpoint_seconds: between two checkpoints of a training, of pretraining, too, which are
            written at the end of an epoch; an interrupted run goes on from the last one. null:
            none.
    """

    strategy: Annotated[str, AfterValidator(_no_pipeline), offered("strategies", "strategy")] = (
        "all_reduce"
    )
    options: dict[str, Any] = Field(default={})
    workers: int = Field(default=2, ge=1, le=1024)
    min_workers: int | None = Field(default=None, ge=1, le=1024)
    hidden: int = Field(default=32, ge=1, le=1024)
    epochs: int = Field(default=20, ge=1, le=10_000)
    batch_size: int = Field(default=256, ge=1, le=65_536)
    learning_rate: Annotated[Number, Field(gt=0, le=1)] = 3e-3
    keep: Literal["last", "best"] = "last"
    augmentation: Annotated[Number, Field(ge=0, le=0.5)] = 0.0
    fine_tuning_epochs: int = Field(default=0, ge=0, le=10_000)
    fine_tuning_rate: Annotated[Number, Field(gt=0, le=1)] = 3e-4
    checkpoint_seconds: Annotated[Number, Field(ge=0, le=86_400)] | None = 60.0

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
    def _fewest_are_not_more(self) -> "Training":
        if self.min_workers is not None and self.min_workers > self.workers:
            raise ValueError(
                f"min_workers {self.min_workers} must be at most workers {self.workers}"
            )
        return self

    @model_validator(mode="after")
    def _row_a_worker(self) -> "Training":
        if self.batch_size < self.workers:
            raise ValueError(
                f"batch_size {self.batch_size} must be at least workers {self.workers}"
            )
        return self
