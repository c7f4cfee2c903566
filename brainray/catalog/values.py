"""What the catalog gives and takes: plain values without a database behind them."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias

from brainray.catalog.weights import StoredWeights
from brainray.errors import CatalogError
from brainray.shapes import MODALITIES

Kind: TypeAlias = Literal["unimodal", "fused"]
Status: TypeAlias = Literal["running", "finished", "failed", "stopped"]

FORMATS = ("safetensors", "onnx")
"""Of files of weights: what can be read without running code of theirs."""
KINDS: tuple[Kind, ...] = ("unimodal", "fused")
ACCURACIES = ("test", "validation", "train")
"""The metrics that are accuracies, by the split that they were measured on."""
ENDS: tuple[Status, ...] = ("finished", "failed", "stopped")


def recipe_of(parts: Mapping[str, Any]) -> str:
    """Return the recipe of a model: a sha256 of all that would make the same model again.

    Args:
        parts: JSON values, e.g. network, optimizer, epochs, data set, seed; the order of the
            keys does not matter.

    Raises:
        CatalogError: a value is no JSON, or NaN or infinite.
    """
    return hashlib.sha256(json_text("recipe", parts).encode()).hexdigest()


@dataclass(frozen=True)
class NewModel:
    """A model to register; its weights are in the store already.

    Attributes:
        name: models of one name are versions of each other.
        kind: ``unimodal`` has a network and no backbones, ``fused`` the other way round.
        network: name of its network, None for a fused model, whose network is made with it.
        sub_region: where it lives.
        modality: what it takes; a fused model joins several by ``+``, e.g. ``audio+image``.
        data_set: id of what it was trained on: the sha256 of a packed one, else its name.
        optimizer: of the catalog's, e.g. ``adam``.
        platform: of the catalog's, e.g. ``PyTorch 2.13``.
        preparation: of its input; a fused model's is by input name.
        recipe: see `recipe_of`; there is one model a recipe.
        weights: as `brainray.catalog.weights.store_weights` returned them.
        metrics: JSON values; ``train``, ``validation`` and ``test`` are accuracies, fractions in
            [0, 1].
        spec: what else builds it again (fused: genome, backbones, wiring); JSON values.
        backbones: ids of the models that a fused model is made of, in the order of its inputs.
        run_id: the run that made it.
        parent: id of the model whose weights it started from.
        functions: the tasks that a fused model does; those of a unimodal one are its network's.
    """

    name: str
    kind: Kind
    network: str | None
    sub_region: str
    modality: str
    data_set: str
    optimizer: str
    platform: str
    preparation: Mapping[str, Any]
    recipe: str
    weights: StoredWeights
    metrics: Mapping[str, Any] = field(default_factory=dict)
    spec: Mapping[str, Any] = field(default_factory=dict)
    backbones: tuple[str, ...] = ()
    run_id: str | None = None
    parent: str | None = None
    functions: tuple[str, ...] = ("classification",)

    def __post_init__(self) -> None:
        where = f"model {self.name!r}"
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", self.name):
            raise CatalogError(
                f"{where}: the name must be up to 100 letters, digits, '_', '.' and '-', and begin "
                "with a letter or digit"
            )
        if self.kind not in KINDS:
            raise CatalogError(f"{where}: kind {self.kind!r}, allowed are {', '.join(KINDS)}")
        fused = self.kind == "fused"
        if fused == bool(self.network) or fused != bool(self.backbones):
            raise CatalogError(
                f"{where}: a unimodal model has a network and no backbones, a fused model "
                f"backbones and no network; this {self.kind} one has network {self.network!r} "
                f"and backbones {list(self.backbones)}"
            )
        if not set(self.modality.split("+")) <= set(MODALITIES):
            allowed = ", ".join(MODALITIES)
            raise CatalogError(
                f"{where}: modality {self.modality!r}, allowed are {allowed} and several joined "
                "by '+'"
            )
        if len(self.recipe) != 64 or set(self.recipe) - set("0123456789abcdef"):
            raise CatalogError(f"{where}: recipe {self.recipe!r} is not a sha256 in hexadecimal")
        for key in ("preparation", "metrics", "spec"):
            json_text(f"{where}: {key}", getattr(self, key))
        for split, value in self.accuracies.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
                raise CatalogError(
                    f"{where}: metrics.{split} {value!r} is not a fraction in [0, 1]"
                )

    @property
    def accuracies(self) -> dict[str, float]:
        """The accuracies among the metrics, by split, the most telling one first."""
        return {split: self.metrics[split] for split in ACCURACIES if split in self.metrics}


def model_id(new: NewModel) -> str:
    """Return the readable id of a model, which depends on what it is and never on when it came.

    A unimodal model is ``<network>-<optimizer>-<recipe[:8]>``, a fused one
    ``<name>-<recipe[:8]>``.
    """
    stem = new.name if new.kind == "fused" else f"{new.network}-{new.optimizer}"
    return f"{stem}-{new.recipe[:8]}"


@dataclass(frozen=True)
class Model:
    """A registered model: `NewModel` with its id, its version and its file.

    Attributes:
        id: unique, see `model_id`.
        network: of every model; a fused one's is of its own.
        accuracy: on the test split, else on the validation split; a fraction, None if unknown.
        version: 1 for the first model of this name, then 2, …
        sha256: of the weights file.
        key: of the weights file in the store.
        parameters: counted from the weights.
        size_bytes: of the weights file.
        created: UTC.
    """

    id: str
    name: str
    version: int
    kind: Kind
    network: str
    sub_region: str
    modality: str
    data_set: str
    optimizer: str
    platform: str
    parent: str | None
    preparation: dict[str, Any]
    metrics: dict[str, Any]
    accuracy: float | None
    spec: dict[str, Any]
    backbones: tuple[str, ...]
    recipe: str
    sha256: str
    key: str
    parameters: int
    size_bytes: int
    run_id: str | None
    created: datetime

    @property
    def learning(self) -> str:
        """How it was trained: ``supervised``, or what took unlabelled rows, e.g. ``FixMatch``.

        Empty where that is not known, and of a fused model.
        """
        return str(self.spec.get("learning", {}).get("rule", ""))


@dataclass(frozen=True)
class Run:
    """One execution of a scenario.

    Attributes:
        id: unique.
        scenario: its name.
        scenario_sha256: of its definition, None if that was not kept.
        seed: of all that was random.
        status: ``running`` until it ends; a run that was killed stays so.
        created: UTC.
        finished: UTC, None while it runs.
        record: where its record is.
        model_id: the model that it returned.
        summary: JSON values.
    """

    id: str
    scenario: str
    scenario_sha256: str | None
    seed: int
    status: Status
    created: datetime
    finished: datetime | None
    record: str
    model_id: str | None
    summary: dict[str, Any]


@dataclass(frozen=True)
class Totals:
    """How many models, and how large together."""

    models: int = 0
    parameters: int = 0
    size_bytes: int = 0

    def __add__(self, other: "Totals") -> "Totals":
        return Totals(
            self.models + other.models,
            self.parameters + other.parameters,
            self.size_bytes + other.size_bytes,
        )


@dataclass(frozen=True)
class Stats:
    """What the catalog holds (paper 2.4).

    Attributes:
        total: of the models that were asked for.
        by: of these by ``region``, ``sub_region``, ``function``, ``platform`` and ``size``, a
            class of parameters; what has none is left out. A model counts for each value that
            it has.
        counts: rows: regions, sub_regions, functions, networks, data_sets, platforms,
            optimizers, runs.
    """

    total: Totals
    by: dict[str, dict[str, Totals]]
    counts: dict[str, int]


def json_text(where: str, value: Any) -> str:
    """Return ``value`` as JSON with sorted keys.

    Raises:
        CatalogError: it is no JSON, or has NaN or infinite numbers.
    """
    try:
        return json.dumps(value, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise CatalogError(f"{where}: {error}") from error
