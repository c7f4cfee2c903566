import pytest

from brainray.catalog import Library, tables
from brainray.catalog.database import open_database, upgrade, writing
from brainray.catalog.seeding import seed_functions, seed_networks
from brainray.networks.interface import build_network, build_preparation
from brainray.scenario.model import DEFAULT_FUNCTIONS
from brainray.settings import Settings
from brainray.shapes import MODALITIES


def test_every_name_means_one_sub_region() -> None:
    rows = seed_functions()
    names = [name for row in rows for name in (row["function"], *row["synonyms"].split())]
    assert len(names) == len(set(names))
    assert all(row["sub_region"].startswith(row["region"] + ".") for row in rows)


def test_every_function_has_a_definition_also_in_an_older_catalog(
    library: Library, settings: Settings
) -> None:
    definitions = {row["name"]: row["definition"] for row in library.entries("functions")}
    assert all(definitions.values())
    with writing(open_database(settings.database_url)) as session:
        session.get_one(tables.Function, "color").definition = ""
        session.get_one(tables.Function, "shape").definition = "mine"
    upgrade(settings.database_url)
    found = {row["name"]: row["definition"] for row in library.entries("functions")}
    assert found == definitions | {"shape": "mine"}


@pytest.mark.parametrize(
    ("synonym", "function"),
    [
        ("motion", "visual_motion"),
        ("face", "face_recognition"),
        ("speech", "speech_perception"),
        ("sound", "basic_hearing"),
        ("semantics", "meaning"),
    ],
)
def test_synonyms_mean_the_same(library: Library, synonym: str, function: str) -> None:
    functions = library.functions()
    assert functions[synonym] == functions[function]


def test_short_names_of_the_field_are_known(library: Library) -> None:
    functions = library.functions()
    assert {name: functions[name] for name in ("color", "music", "reading", "fear")} == {
        "color": "vision.color",
        "music": "audition.music",
        "reading": "language.reading",
        "fear": "emotion.fear",
    }


def test_what_a_modality_excites_by_default_has_networks(library: Library) -> None:
    functions = library.functions()
    for modality in MODALITIES:
        sub_regions = {functions[name] for name in DEFAULT_FUNCTIONS[modality]}
        assert len(library.networks(sub_regions, modality)) >= 2


@pytest.mark.parametrize("name", [entry["name"] for entry in seed_networks()])
def test_the_built_in_networks_can_be_built(library: Library, name: str) -> None:
    network = library.network(name)
    assert build_preparation(network.preparation).modality == network.modality
    assert sum(part.numel() for part in build_network(network, classes=10).parameters()) > 0
