"""What unlabelled rows are worth: networks that learn from few labels, in four ways.

Rows, one an input, a number of labels and a way; test accuracies of every seed:

- supervised on the labelled rows alone, and on all rows with all their labels, the limit;
- semi-supervised: FixMatch on the labelled rows and all others;
- self-supervised: SimCLR on all rows, then the head alone, or all, trained on the labelled ones.

All trainings on labels take the same number of steps of the same batch of labelled rows, with the
defaults of a scenario. Images: MNIST; recordings: FSDD, clean, of speakers that are known. With
``--source embedded`` or ``--quick``: scikit-learn's digits, and synthesized voices that are not.

Called again with the same ``--json`` it goes on where it stopped.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any, cast

import pyarrow as pa
from reporting import document

from brainray.catalog.library import Library
from brainray.datasets import SPLITS, Dataset, pack_table
from brainray.datasets.dataset import UNLABELLED
from brainray.datasets.digit_files import read
from brainray.datasets.embedded import material
from brainray.datasets.material import Digit
from brainray.datasets.samples import encode_image, encode_pcm
from brainray.files import write_atomically
from brainray.pipeline.columns import ColumnUnit
from brainray.pipeline.learning import Learning
from brainray.pipeline.units import LEARNING_RATES, PretrainUnit, accuracy_alone, train_alone
from brainray.seeding import one_thread
from brainray.settings import load_settings
from brainray.shapes import Modality, Recording
from brainray.testing.places import settings_below
from brainray.training.loop import Recipe
from brainray.training.self_supervised import SelfSupervised
from brainray.training.semi_supervised import SemiSupervised

RATE = 8000
NETWORKS = {"image": "lenet3.image", "audio": "lenet3.audio"}
SMALL = {"audio": {"name": "log_spectrogram", "size": 28, "window": 54}}
"""Spectrograms as small as the images: a sixteenth of the usual size, and of the time."""
BATCH = 32


@dataclass(frozen=True)
class Plan:
    """The sizes of a measurement.

    Attributes:
        source: files or embedded.
        rows: of train, validation and test, at most.
        labels: numbers of labelled rows.
        steps: of a training on labelled rows.
        epochs: of the self-supervised training before it.
    """

    source: str
    rows: tuple[int, int, int] = (1_200, 100, 1_000)
    labels: tuple[int, ...] = (40, 250)
    steps: int = 300
    epochs: int = SelfSupervised().epochs

    def ways(self, labels: int) -> dict[str, tuple[int | None, Learning | None]]:
        """Return how many labels each way has, None for all, and how it learns."""
        simclr = SelfSupervised(epochs=self.epochs)
        return {
            "supervised": (labels, None),
            "semi_supervised": (labels, SemiSupervised()),
            "self_supervised, head": (labels, replace(simclr, tuned="head")),
            "self_supervised, all": (labels, replace(simclr, tuned="all")),
        }


@dataclass(frozen=True)
class Bench:
    """Trains one network after the other, in places of its own."""

    plan: Plan
    library: Library
    cache: Path
    tables: dict[tuple[str, int], pa.Table] = field(default_factory=dict)

    def run(
        self, done: list[dict[str, Any]], inputs: list[str], seeds: list[int]
    ) -> Iterator[dict[str, Any]]:
        """Yield a row for each training that is not done."""
        known = {(row["input"], row["labels"], row["way"], row["seed"]) for row in done}
        for name in inputs:
            for seed in seeds:
                trainings: list[tuple[str, int | None, Learning | None]] = [
                    ("supervised", None, None)
                ]
                for labels in self.plan.labels:
                    ways = self.plan.ways(labels).items()
                    trainings += [(way, few, how) for way, (few, how) in ways]
                for way, few, how in trainings:
                    if (name, few, way, seed) not in known:
                        yield self.train(name, few, way, how, seed)

    def train(
        self, name: str, labels: int | None, way: str, learning: Learning | None, seed: int
    ) -> dict[str, Any]:
        """Train a network and return the row of it."""
        dataset = self.dataset(name, labels, seed)
        spec = self.library.network(NETWORKS[name])
        spec = replace(spec, preparation=SMALL.get(name, spec.preparation))
        splits = [split for split in (*SPLITS, UNLABELLED) if dataset.rows(split)]
        rows = dataset.rows("train")
        if isinstance(learning, SemiSupervised):
            rows += dataset.rows(UNLABELLED)
        epochs = max(1, round(self.plan.steps / -(-rows // BATCH)))
        unit = PretrainUnit(
            columns={
                split: ColumnUnit(self.library.store, dataset.sha256, name, split, spec.preparation)
                for split in splits
            },
            spec=spec,
            sub_region=spec.sub_regions[0],
            classes=len(dataset.classes),
            recipe=Recipe(epochs, BATCH, "adam", LEARNING_RATES["adam"]),
            seed=seed,
            learning=learning,
        )
        start = time.monotonic()
        with one_thread():
            network = train_alone(unit)
            test = accuracy_alone(network, unit.columns["test"])
        return {
            "input": name,
            "network": spec.name,
            "labels": labels,
            "way": way,
            "rule": unit.learned["rule"],
            "seed": seed,
            "rows": dict(dataset.row_counts),
            "epochs": epochs,
            "test": round(test, 4),
            "seconds": round(time.monotonic() - start, 1),
        }

    def dataset(self, name: str, labels: int | None, seed: int) -> Dataset:
        """Return the packed samples of one input, with so many labels."""
        if (name, seed) not in self.tables:
            self.tables[name, seed] = self.table(name, seed)
        table, kinds = self.tables[name, seed], {name: cast(Modality, name)}
        dataset = pack_table(table, name, kinds, "digit", seed, self.cache, labelled=labels)
        self.library.add_data_set(dataset, self.plan.source)
        return dataset

    def table(self, name: str, seed: int) -> pa.Table:
        """Return the manifest of one input."""
        sizes = dict(zip(SPLITS, self.plan.rows, strict=True))
        if self.plan.source == "files":
            found, _ = read(load_settings().data, sizes, seed)
        else:
            found = material(seed)
        rows = [
            {name: encoded(digit), "digit": digit.digit, "split": split}
            for split in SPLITS
            for digit in (found[split].images if name == "image" else found[split].recordings)[
                : sizes[split] if name == "image" else None
            ]
        ]
        table = pa.Table.from_pylist(rows)
        if name == "audio":
            table = table.append_column("rate", pa.array([RATE] * len(table)))
        return table


def encoded(digit: Digit) -> bytes:
    if digit.speaker:
        return encode_pcm(Recording(digit.values, RATE))
    return encode_image(digit.values)


def summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return mean and standard deviation over the seeds of each way."""
    values: dict[tuple[str, int | None, str], list[float]] = {}
    for row in rows:
        values.setdefault((row["input"], row["labels"], row["way"]), []).append(row["test"])
    return [
        {
            "input": name,
            "labels": labels,
            "way": way,
            "test": round(mean(found), 4),
            "sd": round(stdev(found), 4) if len(found) > 1 else None,
            "seeds": len(found),
        }
        for (name, labels, way), found in values.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only prove that it runs")
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--source", choices=["files", "embedded"], default=None)
    parser.add_argument("--inputs", nargs="+", choices=list(NETWORKS), default=list(NETWORKS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    options = parser.parse_args()
    source = options.source or ("files" if load_settings().data and not options.quick else None)
    plan = Plan(source or "embedded")
    if options.quick:
        plan = replace(plan, rows=(200, 50, 50), labels=(20,), steps=14, epochs=1)
    inputs, seeds = (["image"], [0]) if options.quick else (options.inputs, options.seeds)
    setting = vars(plan) | {"batch": BATCH, "networks": NETWORKS, "preparations": SMALL}
    rows: list[dict[str, Any]] = []
    if options.json.exists() and not options.quick:
        before = json.loads(options.json.read_text())
        if before["setting"] != json.loads(json.dumps(setting)):
            parser.error(f"--json {options.json}: was measured with another setting")
        rows = before["rows"]["trainings"]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        library = Library.open(settings_below(home))
        bench = Bench(plan, library, home / "cache" / "datasets")
        for row in bench.run(rows, inputs, seeds):
            rows.append(row)
            parts = {"trainings": rows, "summary": summary(rows)}
            report = document(options.quick, setting, parts, [])
            write_atomically(options.json, json.dumps(report, indent=1).encode())
            shown = ("input", "labels", "way", "seed", "test", "seconds")
            print(*(row[key] for key in shown), flush=True)


if __name__ == "__main__":
    main()
