"""Which row belongs to train, validation and test, and which keeps its target."""

from collections.abc import Sequence

import numpy as np

from brainray import seeding
from brainray.datasets.dataset import SPLITS
from brainray.errors import DataError
from brainray.shapes import IntArray

SHARES = (70, 15, 15)
"""Percent of the rows for each of `SPLITS`, when the manifest does not say."""

NO_CLASS = -1
"""The class index of a row without a target."""


def split_rows(target: IntArray, groups: Sequence[str | None], seed: int) -> list[str]:
    """Split rows 70/15/15, groups whole, and without groups each class alike.

    What belongs together goes, one after the other, to the split that is furthest behind its
    share; but to train if train has not seen its class yet, and to an empty split if there is
    just enough left to fill those. Rows without a target go to train with all of their group, and
    do not count as a share.

    Args:
        target: class indices or `NO_CLASS`, shape `(N,)`.
        groups: of each row; rows of one group stay together, None is a group of its own.
        seed: the run's seed.

    Returns:
        The split of each row. A split has no row where too little is left for it, see
        `check_split_rows`.
    """
    generator = seeding.numpy_generator(seed, "datasets", "split")
    splits = [""] * len(target)
    counts = dict.fromkeys(SPLITS, 0)
    seen_by_train: set[int] = set()
    # Those that have no choice come first.
    units = sorted(
        _units(target, groups, generator), key=lambda unit: bool((target[unit] != NO_CLASS).all())
    )
    for done, unit in enumerate(units):
        empty = [split for split in SPLITS if counts[split] == 0]
        labelled = [int(target[row]) for row in unit if target[row] != NO_CLASS]
        classes = set(labelled)
        if len(labelled) < len(unit) or not classes <= seen_by_train:
            chosen = "train"
        elif len(units) - done <= len(empty):
            chosen = empty[0]
        else:
            chosen = _furthest_behind(counts, len(unit))
        if chosen == "train":
            seen_by_train |= classes
        counts[chosen] += len(labelled)
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


def check_split_rows(splits: Sequence[str], target: IntArray, groups: Sequence[str | None]) -> None:
    """Refuse what `split_rows` made of too few rows or groups.

    Args:
        splits: of each row, which `split_rows` has chosen.
        target: class indices or `NO_CLASS`, shape `(N,)`.
        groups: of each row.

    Raises:
        DataError: a split has no row.
    """
    empty = [split for split in SPLITS if split not in splits]
    if not empty:
        return
    # A row without a group is one of its own.
    units = [row if group is None else group for row, group in enumerate(groups)]
    unlabelled = {units[row] for row in np.flatnonzero(target == NO_CLASS).tolist()}
    kind = "groups" if any(group is not None for group in groups) else "rows"
    raise DataError(
        f"cannot be split into {', '.join(SPLITS)}: of {len(set(units))} {kind} none is left for "
        f"{' and '.join(empty)}, for train needs one of each class, and those with a missing "
        f"target ({len(unlabelled)}); add {kind}, or a column split"
    )


def check_splits(
    splits: Sequence[str | None],
    groups: Sequence[str | None],
    target: IntArray,
    classes: Sequence[str],
) -> None:
    """Refuse splits that no network can be trained and judged on.

    Args:
        splits: of each row.
        groups: of each row.
        target: class indices or `NO_CLASS`, shape `(N,)`.
        classes: by class index.

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
    known = {int(target[row]) for row, split in enumerate(splits) if split == "train"} | {NO_CLASS}
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


def check_unlabelled(splits: Sequence[str | None], target: IntArray, column: str) -> None:
    """Refuse a row without a target that is not in train.

    Raises:
        DataError: there is one.
    """
    for row in np.flatnonzero(target == NO_CLASS).tolist():
        if splits[row] != "train":
            raise DataError(
                f"row {row}, column {column}: the target is missing, but the row is in "
                f"{splits[row]}; only rows of train may be without one"
            )


def keep_labels(target: IntArray, splits: Sequence[str | None], count: int, seed: int) -> IntArray:
    """Take the targets of all rows of train away but those of a few, each class alike.

    Rows are drawn class by class in turn, so that fewer labels are always among more, and a class
    has fewer than the others only where it has no more.

    Args:
        target: class indices or `NO_CLASS`, shape `(N,)`.
        splits: of each row.
        count: rows of train that keep their target.
        seed: the run's seed.

    Returns:
        What is left of ``target``.

    Raises:
        DataError: a class would have no row, or there are fewer labelled rows.
    """
    train_N = np.asarray(splits) == "train"
    rows = np.flatnonzero(train_N & (target != NO_CLASS))
    classes = len(np.unique(target[rows]))
    if not classes <= count <= len(rows):
        raise DataError(
            f"data.labelled: must be from {classes} (a row of each class) to {len(rows)} (all "
            f"labelled rows of train), not {count}"
        )
    generator = seeding.numpy_generator(seed, "datasets", "labelled")
    turns: dict[int, int] = {}
    by_turn: list[tuple[int, int]] = []
    for row in generator.permutation(rows).tolist():
        turn = turns.setdefault(int(target[row]), 0)
        turns[int(target[row])] += 1
        by_turn.append((turn, row))
    kept = [row for _, row in sorted(by_turn, key=lambda one: one[0])[:count]]
    left = np.where(train_N, NO_CLASS, target)
    left[kept] = target[kept]
    return left
