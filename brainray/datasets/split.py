"""Which row belongs to train, validation and test."""

from collections.abc import Sequence

import numpy as np

from brainray import seeding
from brainray.datasets.dataset import SPLITS
from brainray.errors import DataError
from brainray.shapes import IntArray

SHARES = (70, 15, 15)
"""Percent of the rows for each of `SPLITS`, when the manifest does not say."""


def split_rows(target: IntArray, groups: Sequence[str | None], seed: int) -> list[str]:
    """Split rows 70/15/15, groups whole, and without groups each class alike.

    What belongs together goes, one after the other, to the split that is furthest behind its
    share; but to train if train has not seen its class yet, and to an empty split if there is
    just enough left to fill those.

    Args:
        target: class indices, shape `(N,)`.
        groups: of each row; rows of one group stay together, None is a group of its own.
        seed: the run's seed.

    Returns:
        The split of each row.
    """
    generator = seeding.numpy_generator(seed, "datasets", "split")
    splits = [""] * len(target)
    counts = dict.fromkeys(SPLITS, 0)
    seen_by_train: set[int] = set()
    units = _units(target, groups, generator)
    for done, unit in enumerate(units):
        empty = [split for split in SPLITS if counts[split] == 0]
        classes = {int(target[row]) for row in unit}
        if not classes <= seen_by_train:
            chosen = "train"
        elif len(units) - done <= len(empty):
            chosen = empty[0]
        else:
            chosen = _furthest_behind(counts, len(unit))
        if chosen == "train":
            seen_by_train |= classes
        counts[chosen] += len(unit)
        for row in unit:
            splits[row] = chosen
    return splits


def _units(
    target: IntArray, groups: Sequence[str | None], generator: np.random.Generator
) -> list[list[int]]:
    """Return the rows that stay together: big groups first, then single rows class by class."""
    together: dict[str, list[int]] = {}
    single: list[int] = []
    for row in generator.permutation(len(target)).tolist():
        group = groups[row]
        if group is None:
            single.append(row)
        else:
            together.setdefault(group, []).append(row)
    by_size = sorted(together.values(), key=len, reverse=True)
    by_class = sorted(single, key=lambda row: int(target[row]))
    return by_size + [[row] for row in by_class]


def _furthest_behind(counts: dict[str, int], size: int) -> str:
    total = sum(counts.values()) + size
    behind = [
        share * total - 100 * counts[split] for split, share in zip(SPLITS, SHARES, strict=True)
    ]
    return SPLITS[int(np.argmax(behind))]


def check_splits(
    splits: Sequence[str | None],
    groups: Sequence[str | None],
    target: IntArray,
    classes: Sequence[str],
) -> None:
    """Refuse splits that no network can be trained and judged on.

    Raises:
        DataError: an unknown or empty split, a group in two splits, or a class that train does
            not have.
    """
    check_names(splits)
    for split in SPLITS:
        if split not in splits:
            raise DataError(f"column split: {split} has no row, each split needs one")
    first: dict[str, int] = {}
    for row, group in enumerate(groups):
        if group is not None and splits[row] != splits[first.setdefault(group, row)]:
            raise DataError(
                f"row {row}, column group: {group!r} is in {splits[row]}, but in "
                f"{splits[first[group]]} in row {first[group]}; a group must stay in one split"
            )
    known = {int(target[row]) for row, split in enumerate(splits) if split == "train"}
    for row, class_index in enumerate(target.tolist()):
        if class_index not in known:
            raise DataError(
                f"row {row}: class {classes[class_index]!r} is in {splits[row]}, "
                "but no row of train has it"
            )


def check_names(splits: Sequence[str | None]) -> None:
    """Refuse a row whose split is unknown or missing.

    Raises:
        DataError: there is one.
    """
    for row, split in enumerate(splits):
        if split not in SPLITS:
            raise DataError(
                f"row {row}, column split: is {split!r}, allowed are {', '.join(SPLITS)}"
            )
