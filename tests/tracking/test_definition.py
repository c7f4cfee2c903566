"""Detector and tracker of an endpoint: read from YAML, checked, kept."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from brainray.catalog import Library
from brainray.catalog.cards import ModelCard, NetworkCard, parse_card
from brainray.errors import BrainrayError
from brainray.testing.detectors import colors_offered
from brainray.testing.graphs import color_graph, model_bytes
from brainray.testing.places import library_below
from brainray.tracking.definition import TrackingDefinition, deploy, read_definition

DEFINITION = """
detector: {name: colors, weights: colors.bin, min_score: 0.4}
tracker: {name: sort, max_age: 3}
"""

NETWORK = """
name: colors.image
architecture: onnx
category: colors
modality: image
preparation: {name: scaled_image, height: 8, width: 8, deviation: 1.0}
sub_regions: [vision.shape]
functions: [embedding]
taps: [mean]
"""
MODEL = "{network: colors.image, data_set: Walks, platform: ONNX Runtime 1.32}"
COLORS = "detector: {name: colors, weights: colors.bin}"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return library_below(tmp_path_factory.mktemp("definition"))


@pytest.fixture(autouse=True)
def colors() -> Iterator[None]:
    with colors_offered():
        yield


def test_a_definition_is_read_kept_and_found_again(library: Library, tmp_path: Path) -> None:
    (tmp_path / "colors.bin").write_bytes(b"colors")
    path = tmp_path / "street.yaml"
    path.write_text(DEFINITION)
    definition = read_definition(path)
    assert definition == TrackingDefinition(
        "colors",
        {"weights": tmp_path / "colors.bin", "min_score": 0.4},
        "sort",
        {"max_age": 3},
    )
    made = deploy(library, "street", definition)
    (tmp_path / "colors.bin").unlink()  # the store has a copy
    (found,) = Library.open(library.settings).tracking_endpoints()
    assert found == made
    assert (found.detector_options, list(found.files)) == ({"min_score": 0.4}, ["weights"])
    library.undeploy("street")


def test_weights_of_a_url_are_kept_as_those_of_a_file(library: Library, tmp_path: Path) -> None:
    (tmp_path / "colors.bin").write_bytes(b"colors")
    url = (tmp_path / "colors.bin").as_uri()
    path = tmp_path / "far.yaml"
    path.write_text(f"detector: {{name: colors, weights: '{url}'}}")
    definition = read_definition(path)
    assert definition.detector_options == {"weights": url}
    made = deploy(library, "far", definition)
    assert library.store.local_path(made.files["weights"]).read_bytes() == b"colors"
    assert made.detector_options == {}
    library.undeploy("far")


def test_all_but_the_tracker_has_a_default(library: Library, tmp_path: Path) -> None:
    (tmp_path / "boxes.yaml").write_text("tracker: {name: sort}")
    made = deploy(library, "boxes", read_definition(tmp_path / "boxes.yaml"))
    assert (made.detector, made.files, made.tracker_options) == (None, {}, {})
    library.undeploy("boxes")


def test_what_sees_how_boxes_look_is_kept_with_how_it_is_read(
    library: Library, tmp_path: Path
) -> None:
    (tmp_path / "colors.bin").write_bytes(b"colors")
    graph = tmp_path / "looks.onnx"
    graph.write_bytes(model_bytes(color_graph()))
    path = tmp_path / "street.yaml"
    path.write_text(f"{COLORS}\nappearance: looks.onnx")
    made = deploy(library, "street", read_definition(path))
    assert (list(made.files), made.appearance) == (["appearance", "weights"], {})
    library.add_named_data_set("Walks", "")
    library.add_network(parse_card(yaml.safe_load(NETWORK), NetworkCard, "network"))
    card = parse_card(yaml.safe_load(MODEL), ModelCard, "model")
    library.upload(library.declare_card(card), graph)
    path.write_text(f"{COLORS}\nappearance: colors.image")
    of_model = deploy(library, "street", read_definition(path))
    assert of_model.revision == 2
    assert of_model.files == made.files  # the same bytes
    assert of_model.appearance is not None
    assert of_model.appearance["tap"]["name"] == "mean"
    assert of_model.appearance["preparation"]["name"] == "scaled_image"
    (found,) = Library.open(library.settings).tracking_endpoints()
    assert found == of_model
    library.undeploy("street")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[]", "document: allowed are keys with values"),
        ("tracker: sort", "tracker: allowed are keys with values, as in {name: sort}"),
        ("detector: [nanodet]", "detector: allowed are keys with values"),
        ("{", "is not YAML"),
        ("camera: {}", "camera: Extra inputs are not permitted"),
        ("tracker: {max_age: 3}", "tracker.name: Field required"),
        ("tracker: {name: best}", "trackers: unknown name 'best'"),
        ("tracker: {name: sort, max_age: -3}", "sort: max_age is -3"),
        ("tracker: {name: two_stage, camera: pictures}", "tracker: two_stage is to see the camera"),
        ("tracker: {name: two_stage, camera: boxes}", "two_stage: camera is 'boxes'"),
        (
            "appearance: a.onnx",
            "appearance: looks at pictures; boxes come without",
        ),
        ("tracker: {name: sort}\nappearance: a.onnx", "appearance: makes no difference to sort"),
        (f"{COLORS}\nappearance: none.onnx", "none.onnx: cannot be read"),
        (f"{COLORS}\nappearance: nobody", "model 'nobody': not in the catalog"),
        ("detector: {name: best}", "detectors: unknown name 'best'"),
        ("detector: {name: colors}", "colors: weights is missing"),
        ("detector: {name: nanodet, weights: no.onnx}", "no.onnx: cannot be read"),
        ("detector: {name: hog, smell: 1}", "hog: smell is no option"),
    ],
)
def test_what_cannot_be_is_refused_by_name(
    library: Library, tmp_path: Path, text: str, reason: str
) -> None:
    path = tmp_path / "street.yaml"
    path.write_text(text)
    (tmp_path / "colors.bin").write_bytes(b"colors")
    with pytest.raises(BrainrayError) as refused:
        deploy(library, "street", read_definition(path))
    assert reason in str(refused.value)
    assert library.tracking_endpoints() == []
