from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainray.datasets.dataset import SPLITS
from brainray.datasets.split import check_splits, split_rows
from brainray.errors import DataError


@settings(deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 4), st.none() | st.sampled_from("abcdefgh")), min_size=1
    ),
    seed=st.integers(0, 9),
)
def test_every_row_has_a_split_and_groups_stay_whole(
    rows: list[tuple[int, str | None]], seed: int
) -> None:
    target = np.array([label for label, _ in rows])
    groups = [group for _, group in rows]
    splits = split_rows(target, groups, seed)
    assert len(splits) == len(rows)
    assert set(splits) <= set(SPLITS)
    for group in set(groups) - {None}:
        assert len({split for split, g in zip(splits, groups, strict=True) if g == group}) == 1
    in_train = {label for label, split in zip(target, splits, strict=True) if split == "train"}
    assert in_train == set(target)
    assert splits == split_rows(target, groups, seed)


@settings(deadline=None)
@given(counts=st.lists(st.integers(20, 80), min_size=2, max_size=6), seed=st.integers(0, 9))
def test_without_groups_each_class_is_split_alike(counts: list[int], seed: int) -> None:
    target = np.repeat(np.arange(len(counts)), counts)
    splits = np.array(split_rows(target, [None] * len(target), seed))
    for label, count in enumerate(counts):
        found = Counter(splits[target == label].tolist())
        for split, share in zip(SPLITS, (0.7, 0.15, 0.15), strict=True):
            assert abs(found[split] - share * count) <= 2
    assert abs((splits == "train").mean() - 0.7) < 0.03


def test_groups_come_near_the_shares() -> None:
    groups: list[str | None] = [f"g{i % 40}" for i in range(1000)]
    splits = Counter(split_rows(np.arange(1000) % 3, groups, 0))
    assert splits == {"train": 700, "validation": 150, "test": 150}


@pytest.mark.parametrize("count", [3, 4, 5])
def test_a_few_equal_groups_fill_every_split(count: int) -> None:
    groups: list[str | None] = [f"g{i % count}" for i in range(60)]
    assert set(split_rows(np.arange(60) // 30, groups, 0)) == set(SPLITS)


def test_another_seed_splits_otherwise() -> None:
    target = np.arange(100) % 2
    assert split_rows(target, [None] * 100, 0) != split_rows(target, [None] * 100, 1)


@pytest.mark.parametrize(
    ("splits", "groups", "message"),
    [
        (
            ["train", "dev", "test", "train"],
            [None] * 4,
            "row 1, column split: is 'dev', allowed are train, validation, test",
        ),
        (["train", "validation", "test", None], [None] * 4, "row 3, column split: is None"),
        (["train", "test", "test", "train"], [None] * 4, "validation has no row"),
        (
            ["train", "validation", "test", "train"],
            ["a", "b", "a", None],
            "row 2, column group: 'a' is in test, but in train in row 0",
        ),
        (
            ["train", "validation", "test", "validation"],
            [None] * 4,
            "row 3: class 'cat' is in validation, but no row of train has it",
        ),
    ],
)
def test_useless_splits_are_refused(
    splits: list[str | None], groups: list[str | None], message: str
) -> None:
    target = np.array([0, 0, 0, 1])
    with pytest.raises(DataError, match=message):
        check_splits(splits, groups, target, ["dog", "cat"])
