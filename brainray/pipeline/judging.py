"""What a stored model is worth on labelled data, its own or others."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from brainray.catalog.library import Library
from brainray.catalog.values import Model
from brainray.datasets.dataset import Dataset, open_dataset
from brainray.datasets.manifest import pack_manifest
from brainray.datasets.table_files import column_names
from brainray.errors import DataError, NetworkError
from brainray.pipeline.evaluation import Truth, confusion_of
from brainray.pipeline.predict import Predictor
from brainray.scenario.report import Confusion, Interval, Units
from brainray.seeding import derive
from brainray.shapes import IntArray, Raw
from brainray.training.intervals import interval

INTERVALS_SEED = derive(0, "intervals")


@dataclass(frozen=True)
class Judgement:
    """What a model reached on a split of a data set.

    Attributes:
        accuracy: a fraction in [0, 1].
        interval: of it; None where there is one group alone.
        units: what the interval draws.
        rows: how many were answered.
        confusion: None with more than `evaluation.CONFUSION_CLASSES` classes.
    """

    accuracy: float
    interval: Interval | None
    units: Units
    rows: int
    confusion: Confusion | None


def own_data(library: Library, model: Model) -> Dataset:
    """Return the data set that a model was trained on.

    Raises:
        CatalogError: the catalog has no file of it.
    """
    return open_dataset(library.dataset_path(model.data_set))


def target_of(library: Library, model: Model) -> str:
    """Return the column that a model was trained to predict, as the scenario of its run has it.

    Raises:
        DataError: no run that the catalog knows made it.
    """
    run = None if model.run_id is None else library.run(model.run_id)
    if run is None or run.scenario_sha256 is None:
        raise DataError(f"--target: is missing; no known run made {model.id}, name the column")
    target: str = library.scenario(run.scenario_sha256)["goal"]["target"]
    return target


def pack_for(predictor: Predictor, manifest: Path, target: str, folder: Path) -> Dataset:
    """Pack a manifest that a model is to be judged by.

    Without a column ``split`` all its rows are test.

    Args:
        predictor: the model; those of its inputs are packed that are columns.
        manifest: ``.parquet`` or ``.csv``.
        target: the column that holds its labels.
        folder: where the packed file is written.

    Raises:
        DataError: naming file, row and column.
    """
    try:
        there = column_names(manifest)
    except DataError as error:
        raise DataError(f"{manifest}: {error}") from error
    inputs = {name: kind for name, kind in predictor.inputs.items() if name in there}
    if not inputs:
        raise DataError(
            f"{manifest}: has no column of an input ({', '.join(predictor.inputs)}), there are "
            f"{', '.join(there)}"
        )
    return pack_manifest(manifest, inputs, target, 0, folder, classes=predictor.labels)


def judge(predictor: Predictor, dataset: Dataset, split: str, batch: int) -> Judgement:
    """Ask a model about a split of a data set.

    Args:
        predictor: the model.
        dataset: with the model's classes.
        split: of it.
        batch: samples that are answered together, at least 1.

    Raises:
        DataError: the split has no row, or the data set has other classes or inputs.
    """
    if dataset.classes != predictor.labels:
        raise DataError(
            f"data set {dataset.name}: has the classes {', '.join(dataset.classes)}, the model "
            f"{', '.join(predictor.labels)}"
        )
    if not dataset.rows(split):
        raise DataError(f"data set {dataset.name}: its split {split} has no row")
    truth = Truth.of(dataset, split)
    answer_N = np.concatenate(list(_answers(predictor, dataset, split, batch)))
    right_N = answer_N == truth.target_N
    groups = len(set(truth.groups))
    return Judgement(
        accuracy=float(right_N.mean()),
        interval=interval(right_N, truth.groups, INTERVALS_SEED) if groups > 1 else None,
        units=Units(by="row" if groups == len(right_N) else "group", count=groups),
        rows=len(right_N),
        confusion=confusion_of(answer_N, truth),
    )


def _answers(predictor: Predictor, dataset: Dataset, split: str, batch: int) -> Iterator[IntArray]:
    """Yield the class index of every row, batch by batch."""
    columns: dict[str, Sequence[Raw | None]] = {
        name: dataset.column(split, name) for name in predictor.inputs if name in dataset.modalities
    }
    index = {label: number for number, label in enumerate(predictor.labels)}
    numbers = dataset.row_numbers(split)
    for start in range(0, len(numbers), batch):
        samples = []
        for row in range(start, min(start + batch, len(numbers))):
            raws = {name: column[row] for name, column in columns.items()}
            try:
                samples.append(
                    predictor.prepare({n: raw for n, raw in raws.items() if raw is not None})
                )
            except (DataError, NetworkError) as error:
                raise DataError(f"{dataset.name}: row {numbers[row]}: {error}") from error
        answers = predictor.answer(samples)
        yield np.array([index[answer.label] for answer in answers], dtype=np.int64)


def note(
    library: Library, model: Model, dataset: Dataset, split: str, judgement: Judgement, add: bool
) -> bool:
    """Note in the catalog what a model reached, if it knows the data set.

    Args:
        library: the catalog.
        model: that was judged.
        dataset: by which.
        split: of it.
        judgement: the outcome.
        add: whether a data set that the catalog does not know comes into it.

    Returns:
        Whether it was noted.

    Raises:
        CatalogError: it cannot be written.
    """
    if add:
        library.add_data_set(dataset, "manifest")
    elif not _knows(library, dataset):
        return False
    library.add_evaluation(model.id, dataset.sha256, split, "accuracy", judgement.accuracy)
    return True


def _knows(library: Library, dataset: Dataset) -> bool:
    return dataset.sha256 in {entry["id"] for entry in library.entries("data-sets")}
