"""From the ``data`` section of a scenario to a packed data set."""

from collections.abc import Mapping
from typing import Literal, TypeAlias

import pyarrow as pa

from brainray import plugins
from brainray.datasets.dataset import Dataset
from brainray.datasets.interface import Builder, MissingFilesError, ReadySource
from brainray.datasets.manifest import pack_manifest, pack_table
from brainray.errors import DataError
from brainray.scenario.model import Data
from brainray.settings import Settings
from brainray.shapes import Modality

Source: TypeAlias = Literal["files", "embedded", "manifest"]
"""What a data set was made of."""


def load_dataset(
    data: Data, inputs: Mapping[str, Modality], target: str, seed: int, settings: Settings
) -> tuple[Dataset, Source]:
    """Pack the scenario's data into the cache, and say what they were made of.

    Args:
        data: the ``data`` section.
        inputs: the scenario's inputs and their modalities.
        target: the column to predict.
        seed: the run's seed.
        settings: where ready data sets and the cache are.

    Raises:
        DataError: the data cannot be found or read, or do not have the scenario's columns.
    """
    folder = settings.cache / "datasets"
    if data.manifest is not None:
        packed = pack_manifest(
            data.manifest, inputs, target, seed, folder, data.strata, labelled=data.labelled
        )
        return packed, "manifest"
    name = str(data.name)
    try:
        table, source = build_table(data, seed, settings)
        packed = pack_table(
            table, name, inputs, target, seed, folder, data.strata, labelled=data.labelled
        )
        return packed, source
    except DataError as error:
        raise DataError(f"data set {name}: {error}") from error


def build_table(data: Data, seed: int, settings: Settings) -> tuple[pa.Table, ReadySource]:
    """Return the manifest table of a ready data set, and what it was made of.

    Args:
        data: with a name.
        seed: of all that is drawn.
        settings: where the files are.

    Raises:
        DataError: a file is missing or damaged, or an option is impossible.
    """
    builder: Builder = plugins.load("datasets", str(data.name))
    if data.source != "auto":
        return builder(data.source, settings.data, data.options, seed), data.source
    try:
        return builder("files", settings.data, data.options, seed), "files"
    except MissingFilesError:  # that is what auto is for; the report names the source
        return builder("embedded", None, data.options, seed), "embedded"
