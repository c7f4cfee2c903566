"""One path for all data: a manifest table, packed into one Parquet file that workers open."""

from brainray.datasets.dataset import SPLITS, Dataset, open_dataset
from brainray.datasets.manifest import pack_manifest, pack_table
from brainray.datasets.source import load_dataset

__all__ = ["SPLITS", "Dataset", "load_dataset", "open_dataset", "pack_manifest", "pack_table"]
