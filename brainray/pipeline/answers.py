"""The answers of a run's networks to the test split, as a table that can be read again."""

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from brainray.datasets.dataset import Dataset
from brainray.files import write_atomically
from brainray.shapes import IntArray

ANSWERS_FILE = "test_answers.parquet"


def write_answers(dataset: Dataset, answers: Mapping[str, IntArray], path: Path) -> None:
    """Write, atomically, what each network names for every test row.

    Columns: ``row`` of the source manifest, ``group``, ``target``, the data set's strata, and one
    a network, under its name in ``answers``; classes stand there as their labels.

    Args:
        dataset: of the run.
        answers: class indices of every test row, each `(N,)`, as `evaluate` takes them.
        path: of the file.
    """
    labels = np.array(dataset.classes, dtype=object)
    columns = {
        "row": pa.array(dataset.row_numbers("test")),
        "group": pa.array(dataset.groups("test")),
        "target": pa.array(labels[dataset.target("test")].tolist()),
        **{name: pa.array(dataset.stratum("test", name)) for name in dataset.strata},
        **{name: pa.array(labels[answer_N].tolist()) for name, answer_N in answers.items()},
    }
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer, compression="zstd")
    write_atomically(path, buffer.getvalue())
