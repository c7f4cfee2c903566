"""Search against a naive reading of the same rows, on random catalogs and random filters."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete
from sqlmodel import Session

from brainray.catalog import Library, NewModel, tables
from brainray.catalog.database import WRITE
from brainray.catalog.facets import FACETS, facets, stats
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
)
from brainray.catalog.search import page
from brainray.errors import FilterError
from brainray.settings import Settings

DAY = datetime(2026, 11, 24, tzinfo=UTC)
PLACES = (
    "vision.shape",
    "vision.shape.face",
    "vision.shape_x",
    "audition.speech",
    "memory.working",
)
WORKS = {"shape": "vision.shape", "face": "vision.shape.face", "speech": "audition.speech"}
TASKS = ("detection", "classification")
DATA_SETS = {"MNIST": "MNIST", "a" * 64: "digits_100%", "b" * 64: "DIGITS"}
OPTIMIZERS = ("adam", "sgd")
PLATFORMS = ("PyTorch 1.6", "PyTorch 2.13", "ONNX Runtime 1.32")
TIMES = (DAY, DAY - timedelta(microseconds=1), DAY + timedelta(hours=23), DAY + timedelta(days=1))

networks = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(("unimodal", "fused")),
        "category": st.sampled_from(("LeNet", "ResNet")),
        "modality": st.sampled_from(("image", "audio", "audio+image")),
        "places": st.lists(st.sampled_from(PLACES), max_size=3, unique=True),
        "tasks": st.lists(st.sampled_from(TASKS), max_size=2, unique=True),
    }
)
models = st.fixed_dictionaries(
    {
        "name": st.sampled_from(("net_a", "Net%b", "netxa", "digits")),
        "network": st.integers(0, 2),
        "home": st.sampled_from(PLACES),
        "data_set": st.sampled_from(sorted(DATA_SETS)),
        "optimizer": st.sampled_from(OPTIMIZERS),
        "platform": st.sampled_from(PLATFORMS),
        "parameters": st.sampled_from((0, 10**6, 10**6 + 1, 25 * 10**6, 2**40)),
        "size": st.sampled_from((8, 1024)),
        "accuracy": st.none() | st.sampled_from((0.0, 0.5, 0.9, 1.0)),
        "created": st.sampled_from(TIMES),
        "run": st.none() | st.sampled_from(("run-1", "run-2")),
        "parent": st.booleans(),
    }
)
catalogs = st.tuples(st.lists(networks, min_size=3, max_size=3), st.lists(models, max_size=8))

known: dict[str, tuple[Any, ...]] = {
    "id": ("m0", "m1", "x"),
    "name": ("net_a", "Net%b", "x"),
    "version": (1, 2, 3),
    "network": ("n0", "n1", "n2"),
    "kind": ("unimodal", "fused"),
    "region": ("vision", "audition", "memory", *PLACES),
    "home": ("vision", "audition", *PLACES),
    "function": (*WORKS, *TASKS),
    "category": ("LeNet", "ResNet"),
    "modality": ("image", "audio", "text"),
    "data_set": ("MNIST", "a" * 64, "digits_100%", "DIGITS"),
    "parameters": (0, 10**6, 25 * 10**6, 2**40),
    "size": (8, 1024, 5),
    "accuracy": (0.0, 0.5, 0.9, 1.0, 0.7),
    "optimizer": OPTIMIZERS,
    "platform": PLATFORMS,
    "created": (*TIMES, DAY.date(), date(2026, 11, 23)),
    "run": ("run-1", "run-3"),
    "parent": ("m0", "m7"),
}
ordered = [name for name, field in FIELDS.items() if field.type != "text"]
written = [name for name, field in FIELDS.items() if field.type == "text"]
pieces = st.sampled_from(
    ("a", "N", "_", "%", "net_", "SHAPE", "vision.shape", "pytorch 1", "o+i", "0", "\\", "İ")
)


@st.composite
def leaves(draw: st.DrawFn) -> Filter:
    name = draw(st.sampled_from(sorted(FIELDS)))
    match draw(st.integers(0, 4)):
        case 0:
            chosen = st.lists(st.sampled_from(known[name]), min_size=1, max_size=3)
            return In(name, tuple(draw(chosen)))
        case 1:
            name = draw(st.sampled_from(ordered))
            end = st.sampled_from(known[name])
            low, high = draw(end), draw(end)
            out = draw(st.booleans())
            return draw(
                st.sampled_from(
                    (
                        Range(name, low, high),
                        Range(name, low=low, above=out),
                        Range(name, high=high, below=out),
                    )
                )
            )
        case 2:
            return Contains(draw(st.sampled_from(written)), draw(pieces))
        case 3:
            return Missing(name)
        case _:
            return Text(" ".join(draw(st.lists(pieces.filter(str.strip), min_size=1, max_size=2))))


def branches(inner: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    parts = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return st.builds(And, parts) | st.builds(Or, parts) | st.builds(Not, inner)


trees = st.recursive(leaves(), branches, max_leaves=6)

Values = dict[str, tuple[Any, ...]]
"""Of one model: the values of every field, none where it has none."""


def fill(session: Session, catalog: Any) -> list[Values]:
    """Put a catalog into the emptied tables and return what each model is."""
    for table in reversed(tables.Table.metadata.sorted_tables):
        session.exec(delete(table))  # type: ignore[call-overload]
    regions = sorted({place.split(".")[0] for place in PLACES})
    session.add_all(tables.Region(name=name) for name in regions)
    session.add_all(tables.Optimizer(name=name) for name in OPTIMIZERS)
    session.add_all(tables.Platform(name=name, format="onnx") for name in PLATFORMS)
    session.flush()
    session.add_all(tables.SubRegion(name=name, region=name.split(".")[0]) for name in PLACES)
    session.flush()
    session.add_all(tables.Function(name=name, sub_region=place) for name, place in WORKS.items())
    session.add_all(tables.Function(name=name) for name in TASKS)
    for identifier, name in DATA_SETS.items():
        values: Any = {"source": "", "classes": [], "modalities": {}, "rows": {}, "created": DAY}
        session.add(tables.DataSet(id=identifier, name=name, **values))
    drawn, chosen = catalog
    for category in known["category"]:  # known, though no model may have it
        plain: Any = {"architecture": "", "modality": "image", "preparation": {}}
        session.add(tables.Network(name=category, kind="unimodal", category=category, **plain))
    for number, network in enumerate(drawn):
        places = [
            tables.NetworkSubRegion(network=f"n{number}", sub_region=place, position=position)
            for position, place in enumerate(network["places"])
        ]
        tasks = [
            tables.NetworkFunction(network=f"n{number}", function=task, position=position)
            for position, task in enumerate(network["tasks"])
        ]
        fields = {key: network[key] for key in ("kind", "category", "modality")}
        session.add(
            tables.Network(
                name=f"n{number}",
                architecture="",
                preparation={},
                **fields,
                places=places,
                tasks=tasks,
            )
        )
    session.flush()
    versions: Counter[str] = Counter()
    facts = []
    for number, model in enumerate(chosen):
        versions[model["name"]] += 1
        network = drawn[model["network"]]
        parent = f"m{number - 1}" if model["parent"] and number else None
        row = tables.PretrainedModel(
            id=f"m{number}",
            name=model["name"],
            version=versions[model["name"]],
            kind=network["kind"],
            network=f"n{model['network']}",
            sub_region=model["home"],
            modality=network["modality"],
            data_set=model["data_set"],
            optimizer=model["optimizer"],
            platform=model["platform"],
            parent=parent,
            preparation={},
            metrics={},
            accuracy=model["accuracy"],
            spec={},
            recipe=f"{number:064}",
            sha256="",
            key="",
            parameters=model["parameters"],
            size_bytes=model["size"],
            run_id=model["run"],
            created=model["created"],
        )
        session.add(row)
        session.flush()
        places = network["places"]
        works = {w for w, at in WORKS.items() if any(f"{p}.".startswith(f"{at}.") for p in places)}
        facts.append(
            {
                "id": (row.id,),
                "name": (row.name,),
                "version": (row.version,),
                "network": (row.network,),
                "kind": (network["kind"],),
                "region": tuple(places),
                "home": (model["home"],),
                "function": tuple(works | set(network["tasks"])),
                "category": (network["category"],),
                "modality": tuple(network["modality"].split("+")),
                "data_set": (model["data_set"], DATA_SETS[model["data_set"]]),
                "parameters": (model["parameters"],),
                "size": (model["size"],),
                "accuracy": () if model["accuracy"] is None else (model["accuracy"],),
                "optimizer": (model["optimizer"],),
                "platform": (model["platform"],),
                "created": (model["created"],),
                "run": () if model["run"] is None else (model["run"],),
                "parent": () if parent is None else (parent,),
            }
        )
    session.flush()
    return facts


def fits(tree: Filter, model: Values) -> bool:
    """Read a filter naively."""
    match tree:
        case And(parts):
            return all(fits(part, model) for part in parts)
        case Or(parts):
            return any(fits(part, model) for part in parts)
        case Not(part):
            return not fits(part, model)
        case Text():
            looked_at = ("id", "name", "network", "category", "data_set", "function")
            there = [small(value) for field in looked_at for value in model[field]]
            return all(any(small(word) in value for value in there) for word in tree.words)
        case Missing():
            return not model[tree.field]
        case Contains():
            return any(small(tree.text) in small(value) for value in model[tree.field])
        case In(field=field) if field in ("region", "home"):
            return any(
                f"{value}.".startswith(f"{wanted}.")
                for value in model[field]
                for wanted in tree.values
            )
        case In():
            return any(within(v, w, w) for v in model[tree.field] for w in tree.values)
        case Range(low=low, high=high):
            return any(
                within(value, low, high)
                and not (tree.above and within(value, low, low))
                and not (tree.below and within(value, high, high))
                for value in model[tree.field]
            )


def within(value: Any, low: Any, high: Any) -> bool:
    """Say whether a value is from low to high; a day is all of its moments."""
    day = value.date() if isinstance(value, datetime) else value

    def kept(end: Any) -> Any:
        return day if isinstance(end, date) and not isinstance(end, datetime) else value

    return (low is None or kept(low) >= low) and (high is None or kept(high) <= high)


def small(text: str) -> str:
    return "".join(letter.lower() if letter.isascii() else letter for letter in text)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """Gives a transaction that is thrown away; one database serves all examples."""
    folder = tmp_path_factory.mktemp("search")
    places = {"store_url": str(folder), "data": None, "cache": folder, "runs": folder}
    library = Library.open(Settings(database_url=f"sqlite:///{folder / 'c.sqlite'}", **places))
    with Session(library._engine.execution_options(**{WRITE: True})) as session:
        yield session


many = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@many
@given(catalogs, st.lists(trees, min_size=1, max_size=5))
def test_the_database_finds_what_a_naive_reading_finds(
    session: Session, catalog: Any, asked: list[Filter]
) -> None:
    facts = fill(session, catalog)
    for tree in asked:
        wanted = [model["id"][0] for model in facts if fits(tree, model)]
        found = page(session, tree, "id", 1000, 0)
        assert [model.id for model in found.models] == wanted, str(tree)
        assert found.total == len(wanted)


@many
@given(
    catalogs,
    st.none() | trees,
    st.sampled_from(sorted(FIELDS)),
    st.booleans(),
    st.integers(1, 4),
)
def test_pages_follow_each_other_in_order(
    session: Session, catalog: Any, tree: Filter | None, field: str, down: bool, limit: int
) -> None:
    facts = {m["id"][0]: m for m in fill(session, catalog) if tree is None or fits(tree, m)}

    def key(name: str) -> Any:
        values = facts[name][field]
        # A data set is sorted by its name, which comes after the id.
        return values[-1] if field == "data_set" else min(values)

    there = [name for name in facts if facts[name][field]]
    none = sorted((name for name in facts if not facts[name][field]), reverse=down)
    wanted = [*sorted(there, key=lambda name: (key(name), name), reverse=down), *none]
    found: list[str] = []
    offset: int | None = 0
    while offset is not None:
        part = page(session, tree, f"{field}:{'desc' if down else 'asc'}", limit, offset)
        assert part.total == len(wanted)
        found += [model.id for model in part.models]
        offset = part.next_offset
    assert found == wanted


@many
@given(catalogs, st.none() | trees)
def test_a_count_is_what_is_found_with_its_value_added(
    session: Session, catalog: Any, tree: Filter | None
) -> None:
    facts = [model for model in fill(session, catalog) if tree is None or fits(tree, model)]
    counted = facets(session, tree)
    assert counted.total == len(facts)
    assert tuple(counted.by) == FACETS
    for facet, counts in counted.by.items():
        field = "region" if facet == "sub_region" else facet
        for value, count in counts.items():
            assert count == sum(fits(In(field, (value,)), model) for model in facts), (facet, value)
        assert list(counts) == sorted(counts, key=lambda value: (-counts[value], value))
    assert set(counted.by["function"]) == {v for m in facts for v in m["function"]}
    assert set(counted.by["region"]) == {v.split(".")[0] for m in facts for v in m["region"]}
    added = stats(session, tree)
    assert added.total.models == len(facts)
    assert added.total.parameters == sum(model["parameters"][0] for model in facts)
    for group in ("region", "sub_region", "function", "platform"):
        found = {value: totals.models for value, totals in added.by[group].items()}
        assert found == counted.by[group]
    assert sum(totals.models for totals in added.by["size"].values()) == len(facts)


@pytest.fixture
def two(library: Library, new_model: Callable[..., NewModel]) -> Library:
    library.register(new_model(1, metrics={"test": 0.9}))
    library.register(new_model(2, name="other", metrics={}))
    return library


def test_the_library_reads_filters_as_text(two: Library) -> None:
    found = two.search("region = vision AND accuracy > 80%", sort="accuracy:desc")
    assert [model.name for model in found.models] == ["lenet3.image-adam"]
    assert two.search("accuracy is missing").models[0].name == "other"
    assert two.search("function = motion").total == 0  # a synonym of visual_motion
    first = two.search(sort="name:desc", limit=1)
    assert (first.models[0].name, first.total, first.next_offset) == ("other", 2, 1)
    assert two.search(offset=7).models == ()
    assert two.facets("lenet3").by["function"]["classification"] == 2
    assert two.stats("other").by["size"].keys() == {"below 1M"}


def test_an_old_name_of_a_region_is_followed(two: Library) -> None:
    two.rename_region("vision.shape", "vision.form")
    assert two.search("region = vision.shape AND home = vision.form").total == 2
    assert two.facets().by["sub_region"]["vision.form"] == 2


@pytest.mark.parametrize(
    ("filter", "reason"),
    [
        ("region = vison", "position 10: field 'region': 'vison' is not in the catalog, did you"),
        ("a AND optimizer = Adam", "position 19: .* did you mean adam"),
        ("platform IN (nothing)", "known are "),
        ("kind = dream", "known are fused, unimodal"),
        ("a " * 600, "more than 500 conditions"),
    ],
)
def test_what_the_catalog_does_not_know_is_refused(two: Library, filter: str, reason: str) -> None:
    for ask in (two.search, two.facets, two.stats):
        with pytest.raises(FilterError, match=reason):
            ask(filter)


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"sort": "acuracy"}, "sort: field 'acuracy': unknown, did you mean accuracy"),
        ({"sort": "name:down"}, "direction 'down', allowed are asc and desc"),
        ({"limit": 0}, "limit: 0, allowed are 1 to 1000"),
        ({"offset": -1}, "offset: -1, allowed are 0 and more"),
    ],
)
def test_impossible_pages_are_refused(library: Library, asked: Any, reason: str) -> None:
    with pytest.raises(FilterError, match=reason):
        library.search(**asked)
