"""Cards: what a user writes about a network or a pretrained model, a YAML file each."""

from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import Field, StringConstraints, ValidationError, field_validator, model_validator

from brainray import plugins
from brainray.errors import CatalogError, NetworkError, PluginError
from brainray.networks.declared import ONNX, build_preparation, zoo_of
from brainray.scenario.load import first_problem
from brainray.scenario.values import Number, Section
from brainray.shapes import Modality

CardName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]
Sha256 = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
Card = TypeVar("Card", bound=Section)


class NetworkCard(Section):
    """A network of one's own.

    Attributes:
        name: unique in the catalog, e.g. ``appearance.image``.
        architecture: ``onnx`` for a graph, a name in the entry-point group
            ``brainray.networks``, or one of a zoo, e.g. ``timm/resnet18``.
        category: its family, e.g. ``MobileNet``.
        modality: of its input.
        preparation: ``{name: ..., options}`` of the entry-point group ``brainray.preparations``.
        sub_regions: where it lives.
        functions: the tasks that it does.
        taps: names of tensors of a graph; by default the last four that are fusable.
        metrics: what its models are measured by.
    """

    name: CardName
    architecture: str
    category: str = Field(min_length=1)
    modality: Modality
    preparation: dict[str, Any]
    sub_regions: tuple[str, ...] = Field(min_length=1)
    functions: tuple[str, ...] = ("classification",)
    taps: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ("accuracy",)

    @field_validator("architecture")
    @classmethod
    def _known(cls, name: str) -> str:
        zoos = plugins.names("zoos")
        allowed = [ONNX, *plugins.names("networks"), *(f"{zoo}/..." for zoo in zoos)]
        if zoo_of(name) not in zoos and name not in allowed:
            raise ValueError(f"unknown architecture {name!r}, allowed are {', '.join(allowed)}")
        return name

    @field_validator("preparation")
    @classmethod
    def _buildable(cls, declared: dict[str, Any]) -> dict[str, Any]:
        if not isinstance(declared.get("name"), str):
            raise ValueError("must have a name")
        try:
            build_preparation(declared)
        except (NetworkError, PluginError) as error:
            raise ValueError(str(error)) from error
        return declared

    @model_validator(mode="after")
    def _goes_together(self) -> "NetworkCard":
        takes = build_preparation(self.preparation).modality
        if takes != self.modality:
            raise ValueError(f"modality is {self.modality}, but the preparation takes {takes}")
        if self.taps and self.architecture != ONNX:
            raise ValueError(
                f"taps of {self.architecture} are its own; they are named for {ONNX} alone"
            )
        return self


class ModelCard(Section):
    """A pretrained model whose weights are to be uploaded.

    Attributes:
        name: models of one name are versions of each other; the network's by default.
        network: of the catalog.
        sub_region: where it lives; by default the first of its network's.
        data_set: id or name of what it was trained on, in the catalog.
        optimizer: that trained it.
        platform: that it was made with, e.g. ``ONNX Runtime 1.32``; it says the file's format.
        labels: the classes in order; a graph may have none.
        fill: a number for every other input of a graph than the one that takes the sample.
        metrics: numbers; ``test``, ``validation`` and ``train`` are accuracies in [0, 1].
        sha256: of the file, to be compared.
        size_bytes: of the file, to be compared.
    """

    name: CardName | None = None
    network: str
    sub_region: str | None = None
    data_set: str
    optimizer: str = "none"
    platform: str
    labels: tuple[str, ...] = ()
    fill: dict[str, Number] = Field(default={})
    metrics: dict[str, Number] = Field(default={})
    sha256: Sha256 | None = None
    size_bytes: int | None = Field(default=None, ge=1)

    @field_validator("labels")
    @classmethod
    def _distinct(cls, labels: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(labels)) != len(labels) or len(labels) == 1:
            raise ValueError("must be at least two different names, or none")
        return labels


def read_card(path: Path, kind: type[Card]) -> Card:
    """Read a card.

    Raises:
        CatalogError: it cannot be read, or says something impossible; the message names file and
            key.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogError(f"{path}: cannot be read: {error}") from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date such as 2020-13-45
        raise CatalogError(f"{path}: is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict):
        raise CatalogError(f"{path}: must be a mapping of keys, not {type(document).__name__}")
    return parse_card(document, kind, str(path))


def parse_card(document: dict[str, Any], kind: type[Card], origin: str) -> Card:
    """Check a card that was read from YAML or JSON.

    Raises:
        CatalogError: naming origin, key path, value and what is allowed.
    """
    # YAML's lists become the tuples that frozen models hold; options stay as they are.
    ready = {
        key: tuple(value) if isinstance(value, list) else value for key, value in document.items()
    }
    try:
        return kind.model_validate(ready)
    except ValidationError as error:
        raise CatalogError(f"{origin}: {first_problem(error, kind, 'the card')}") from error
