"""Filters as text: what is read, what is written, and what is refused with its position."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainray.catalog.filters import (
    FIELDS,
    And,
    Contains,
    Filter,
    In,
    Missing,
    Not,
    Or,
    Range,
    Text,
    from_json,
    parse,
    to_json,
)
from brainray.errors import FilterError

texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=8)
values: dict[str, st.SearchStrategy[Any]] = {
    "text": texts | st.sampled_from(["and", "1..2", '"', "\\", "a b", "vision.shape", "PyTorch 1"]),
    "count": st.integers(0, 2**63 - 1) | st.sampled_from([0, 1000, 25_000_000, 4 * 10**9]),
    "fraction": st.floats(0, 1),
    "time": st.dates(date(1970, 1, 1), date(2999, 12, 31))
    | st.datetimes(datetime(1970, 1, 2), datetime(2999, 12, 30), timezones=st.just(UTC)),
}
by_type = {kind: [f.name for f in FIELDS.values() if f.type == kind] for kind in values}
ordered = st.sampled_from(["count", "fraction", "time"])


@st.composite
def memberships(draw: st.DrawFn) -> In:
    kind = draw(st.sampled_from(sorted(values)))
    name = draw(st.sampled_from(by_type[kind]))
    return In(name, tuple(draw(st.lists(values[kind], min_size=1, max_size=3))))


@st.composite
def ranges(draw: st.DrawFn) -> Range:
    kind = draw(ordered)
    name = draw(st.sampled_from(by_type[kind]))
    end = values[kind]
    match draw(st.integers(0, 2)):
        case 0:
            return Range(name, draw(end), draw(end))
        case 1:
            return Range(name, low=draw(end), above=draw(st.booleans()))
        case _:
            return Range(name, high=draw(end), below=draw(st.booleans()))


filled = values["text"].filter(bool)
leaves = st.one_of(
    memberships(),
    ranges(),
    st.builds(Contains, st.sampled_from(by_type["text"]), filled),
    st.builds(Missing, st.sampled_from(sorted(FIELDS))),
    # Some signs are blanks to one rule and none to the other; a word is neither.
    st.builds(Text, filled.map(lambda text: f"{text}a")),
)


def branches(inner: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    parts = st.lists(inner, min_size=2, max_size=4).map(tuple)
    return st.builds(And, parts) | st.builds(Or, parts) | st.builds(Not, inner)


trees = st.recursive(leaves, branches, max_leaves=12)


@given(trees)
def test_a_tree_is_its_text_and_its_json(tree: Filter) -> None:
    assert parse(str(tree)) == tree
    assert from_json(json.loads(json.dumps(to_json(tree)))) == tree


@given(st.text('region=accuracy<>!~()",\\ .0129kM%ANDORTIS\n'))
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    try:
        tree = parse(text)
    except FilterError as error:
        refusal = str(error)
    else:
        assert tree is None or parse(str(tree)) == tree
        return
    assert "\n" not in refusal
    assert refusal.startswith("filter: ")


def test_all_of_the_language_at_once() -> None:
    text = (
        "region = vision AND (function = detection OR function = classification) "
        'AND NOT platform ~ "PyTorch 1" AND accuracy >= 0.9 AND parameters 1M..25M "resnet"'
    )
    assert parse(text) == And(
        (
            In("region", ("vision",)),
            Or((In("function", ("detection",)), In("function", ("classification",)))),
            Not(Contains("platform", "PyTorch 1")),
            Range("accuracy", low=0.9),
            Range("parameters", 1_000_000, 25_000_000),
            Text("resnet"),
        )
    )


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("", None),
        ("  ", None),
        ("Region = vision", In("region", ("vision",))),
        ("data-set = MNIST", In("data_set", ("MNIST",))),
        ("category != LeNet", Not(In("category", ("LeNet",)))),
        ("name !~ digits", Not(Contains("name", "digits"))),
        ("accuracy = 96%", In("accuracy", (0.96,))),
        ("accuracy > .5", Range("accuracy", low=0.5, above=True)),
        ("size < 1.5MiB", Range("size", high=1_572_864, below=True)),
        ("size ..2k", Range("size", high=2000)),
        ("parameters 1G..", Range("parameters", low=10**9)),
        ("created >= 2026-11-24", Range("created", low=date(2026, 11, 24))),
        (
            "created > 2026-11-24T18:00+01:00",
            Range("created", low=datetime(2026, 11, 24, 17, tzinfo=UTC), above=True),
        ),
        ('optimizer IN (adam, "sgd")', In("optimizer", ("adam", "sgd"))),
        ("accuracy is missing", Missing("accuracy")),
        ("cats or dogs", Or((Text("cats"), Text("dogs")))),
        ("a b OR c", Or((And((Text("a"), Text("b"))), Text("c")))),
        ("NOT a b", And((Not(Text("a")), Text("b")))),
        (r'name = "a \"b\" \\"', In("name", ('a "b" \\',))),
    ],
)
def test_what_is_read(text: str, tree: Filter | None) -> None:
    assert parse(text) == tree


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        ("regoin = vision", 1, "field 'regoin': unknown, did you mean region"),
        ("a AND xyz = 3", 7, "field 'xyz': unknown, allowed are id, name"),
        ("accuracy >= high", 13, "field 'accuracy': value 'high', allowed is a fraction in [0, 1]"),
        ("accuracy = 1.2", 12, "value '1.2'"),
        ("accuracy = nan", 12, "value 'nan'"),
        ("parameters = 1.5", 14, "value '1.5', allowed is a whole number"),
        ("parameters = 9999999999999G", 14, "allowed is a whole number"),
        ("parameters 2M..x", 12, "value 'x'"),
        ("created < yesterday", 11, "e.g. 2026-11-24"),
        ("created = 9999-01-01", 11, "from 1970 to 2999"),
        ("network > b", 11, "is text and has no ranges"),
        ("version ~ 1", 11, "is no text to search in"),
        ("region", 7, "the end, allowed is after the field 'region' =, !=, ~"),
        ("region =", 9, "the end, allowed is a value"),
        ("region IN vision", 11, "'vision', allowed is a '('"),
        ("region IN (vision", 18, "the end, allowed is a ')'"),
        ("region IS empty", 11, "allowed is MISSING"),
        ("(a OR b", 8, "allowed is a ')'"),
        ("a AND", 6, "the end, allowed is a condition, a word, NOT or ("),
        ("a ) b", 3, "allowed is AND, OR or the end"),
        ('name = "x', 8, '" is not closed'),
        ("a ! b", 3, "must be != or !~, or be quoted"),
        ("NOT " * 60 + "a", 205, "more than 50 brackets"),
        ('""', 1, "needs a word"),
        ('name ~ ""', 8, "not empty"),
    ],
)
def test_what_is_refused(text: str, place: int, reason: str) -> None:
    with pytest.raises(FilterError) as refused:
        parse(text)
    assert str(refused.value).startswith(f"filter: position {place}: ")
    assert reason in str(refused.value)


def test_conditions_made_in_python_are_checked_too() -> None:
    assert In("region", "vision") & ~Text("a") == And((In("region", ("vision",)), Not(Text("a"))))  # type: ignore[arg-type]
    assert Range("parameters", "1M", "25M") == Range("parameters", 10**6, 25 * 10**6)
    with pytest.raises(FilterError, match="only a range with one end"):
        Range("accuracy", 0.1, 0.9, above=True)
    with pytest.raises(FilterError, match="0 values"):
        In("region", ())
    with pytest.raises(FilterError, match="at least two"):
        And((Text("a"),))
    with pytest.raises(FilterError, match="allowed are and, or, not"):
        from_json({"field": "region", "equals": "vision"})
