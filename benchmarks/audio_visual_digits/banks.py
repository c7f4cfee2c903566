"""The feature banks of a finished run."""

import torch
from torch import Tensor

from audio_visual_digits.workbench import Result
from brainray.catalog.library import Library
from brainray.datasets.dataset import open_dataset
from brainray.fusion.bank import FeatureBank, load_bank
from brainray.pipeline.columns import ColumnUnit
from brainray.pipeline.units import BankUnit
from brainray.settings import load_settings


def bank_of(result: Result, name: str, split: str) -> tuple[FeatureBank, Tensor]:
    """Return the bank of an input's best network on a split, and the classes of its rows."""
    library, sha256 = Library.open(load_settings()), result.report["data"]["sha256"]
    model = library.model(result.report["unimodal"][name]["model"])
    spec = library.network(model.network)
    column = ColumnUnit(library.store, sha256, name, split, spec.preparation)
    dataset = open_dataset(library.dataset_path(sha256))
    unit = BankUnit(column, spec, len(dataset.classes), model.key, model.sha256)
    return load_bank(library.store, unit.key), torch.from_numpy(dataset.target(split))
