"""What the inputs of a run choose among is settled when it begins, whatever the catalog becomes."""

from pathlib import Path

import pytest

from brainray.atlas.interface import Activation, Pathway
from brainray.catalog import Library
from brainray.catalog.cards import ModelCard, NetworkCard, parse_card
from brainray.errors import RunError
from brainray.pipeline import run as pipeline
from brainray.pipeline.excitation import Excitation
from brainray.pipeline.local import local_runner
from brainray.pipeline.record import Event, Record
from brainray.pipeline.run import run_scenario
from brainray.pipeline.selection import Selection
from brainray.pipeline.status import recorded_scenario
from brainray.scenario import Report, Scenario
from brainray.settings import Settings
from brainray.testing.graphs import picture_graph, picture_weights

SEED = 2


class Killed(BaseException):
    """As if the process had been killed."""


@pytest.fixture(autouse=True)
def without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "publish", lambda report, folder, atlas: None)


@pytest.fixture(scope="module")
def free(scenario: Scenario) -> Scenario:
    """Captions may use every network; pictures a frozen one, whatever graphs it has."""
    pictures = scenario.inputs["picture"].model_copy(update={"networks": ("mine.image",)})
    search = scenario.search.model_copy(update={"epochs": 1, "budget": 12})
    return scenario.model_copy(
        update={"inputs": scenario.inputs | {"picture": pictures}, "search": search}
    )


def upload(library: Library, folder: Path, scale: float) -> str:
    """Upload a graph of the network mine.image, and return the model's id."""
    weights = {name: scale * weight for name, weight in picture_weights().items()}
    file = folder / f"{scale}.onnx"
    file.write_bytes(picture_graph(weights=weights))
    card = {"network": "mine.image", "data_set": "elsewhere", "platform": "ONNX Runtime 1.32"}
    return library.upload(library.declare_card(parse_card(card, ModelCard, "card")), file).id


def prepared(settings: Settings, folder: Path) -> Library:
    """Return a catalog with a frozen network of one graph."""
    library = Library.open(settings)
    library.add_named_data_set("elsewhere")
    card = {
        "name": "mine.image",
        "architecture": "onnx",
        "category": "Mine",
        "modality": "image",
        "preparation": {"name": "grey_image", "size": 28},
        "sub_regions": ["vision.shape"],
    }
    library.add_network(parse_card(card, NetworkCard, "card"))
    upload(library, folder, 1.0)
    return library


@pytest.fixture(scope="module")
def undisturbed(
    free: Scenario, settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Report:
    home = tmp_path_factory.mktemp("undisturbed")
    elsewhere = Settings(
        database_url=f"sqlite:///{home / 'catalog.sqlite'}",
        store_url=str(home / "store"),
        data=None,
        cache=settings.cache,
        runs=home / "runs",
    )
    prepared(elsewhere, home)
    return run_scenario(free, SEED, elsewhere, local_runner)


@pytest.mark.parametrize("moment", ["pathway", "brood"])
def test_what_the_catalog_becomes_meanwhile_changes_nothing(
    moment: str,
    free: Scenario,
    undisturbed: Report,
    empty: Settings,
    settings: Settings,
    tmp_path: Path,
) -> None:
    here = empty.model_copy(update={"cache": settings.cache})
    library = prepared(here, tmp_path)

    def kill(event: Event) -> None:
        if event["event"] == moment:
            raise Killed

    with pytest.raises(Killed):
        run_scenario(free, SEED, here, local_runner, kill)
    more = upload(library, tmp_path, 2.0)
    text = library.network("fasttext.text")
    card = {
        "name": "another.text",
        "architecture": text.architecture,
        "category": "Another",
        "modality": "text",
        "preparation": text.preparation,
        "sub_regions": ["language.reading"],
    }
    library.add_network(parse_card(card, NetworkCard, "card"))
    library.rename_region("language", "speech")
    library.rename_region("speech.reading", "speech.script")
    library.rename_region("vision.shape", "vision.form")
    (folder,) = here.runs.iterdir()
    wanted, seed = recorded_scenario(Record(folder))
    report = run_scenario(wanted, seed, here, local_runner, run_id=folder.name)
    assert report.search.history == undisturbed.search.history
    assert report.best == undisturbed.best
    assert report.model == undisturbed.model
    assert library.model(report.best.models["picture"]).sub_region == "vision.form"
    regions = {place.partition(".")[0] for place in report.pathway.sub_regions}
    assert {"speech", "vision"} <= regions
    assert "language" not in regions
    first, second = Record(folder).events("pathway")
    assert second["networks"] == first["networks"]
    assert second["graphs"] == first["graphs"]
    assert more not in second["graphs"]["mine.image"]
    # A new run may use what has come.
    models = run_scenario(free, SEED, here, local_runner).run_id
    (event,) = Record(here.runs / models).events("pathway")
    assert more in event["graphs"]["mine.image"]
    assert "another.text" in event["networks"]["caption"]


def test_merged_places_count_once_and_moved_networks_have_a_home(empty: Settings) -> None:
    library = Library.open(empty)
    text = library.network("fasttext.text")
    first, second, third = text.sub_regions
    pathway = Pathway({first: 1.0, second: 0.5}, ((first, second, 0.5),), {first: 0.2, second: 0.1})
    activation = Activation(pathway, {"caption": (first, second)}, {"pMTG_L": 1.0})
    homes = {text.name: text.sub_regions}
    selection = Selection(Excitation(activation, pathway), {"caption": [text]}, {}, homes)
    event = selection.to_json()
    assert Selection.recorded(event, library) == selection
    library.merge_regions([first, second], "language.both")
    merged = Selection.recorded(event, library)
    both = Pathway({"language.both": 1.0}, (), {"language.both": 0.2})
    assert merged.pathway == both
    assert merged.prior({"m": text.name}) == selection.prior({"m": text.name})
    assert merged.excitation.activation.inputs == {"caption": ("language.both",)}
    (spec,) = merged.networks["caption"]
    assert merged.home(spec) == "language.both"
    shape = Activation(Pathway({"vision.shape": 1.0}, ()), {}, {})
    elsewhere = Selection(Excitation(shape, None), {}, {}, {})
    assert elsewhere.home(spec) == spec.sub_regions[0]
    assert third in spec.sub_regions


def test_a_record_of_before_there_was_a_mechanism_is_read(empty: Settings) -> None:
    older = {
        "sub_regions": {"vision.shape": 1.0, "vision.other": 0.5},
        "connections": [["vision.shape", "vision.other", 0.5]],
        "networks": {"picture": ["lenet3.image"]},
    }
    selection = Selection.recorded(older, Library.open(empty))
    assert selection.pathway.sub_regions == older["sub_regions"]
    assert selection.excitation.guide is None  # its search was told nothing


def test_what_is_gone_is_named(empty: Settings) -> None:
    library = Library.open(empty)
    pathway = {"sub_regions": {"vision.shape": 1.0}, "connections": []}
    gone = pathway | {"networks": {"picture": ["mine.image"]}, "graphs": {}}
    with pytest.raises(RunError, match=r"no longer there, start a new one: network 'mine\.image'"):
        Selection.recorded(gone, library)
    gone = pathway | {"networks": {}, "graphs": {"mine.image": ["mine.image-123"]}}
    with pytest.raises(RunError, match=r"no longer there, .*model 'mine\.image-123'"):
        Selection.recorded(gone, library)
