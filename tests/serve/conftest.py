"""A catalog of untrained models for the tests of a module, and both applications here."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from brainray.catalog import Library, Model
from brainray.testing.models import add_untrained, add_untrained_fusion
from brainray.testing.places import library_below
from serve.apps import catalog_app, predict_app


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return library_below(tmp_path_factory.mktemp("service"))


@pytest.fixture(scope="module")
def backbones(library: Library) -> list[Model]:
    return [
        add_untrained(library, "lenet3.image", "image"),
        add_untrained(library, "lenet3.audio", "audio"),
    ]


@pytest.fixture(scope="module")
def models(library: Library, backbones: list[Model]) -> list[Model]:
    """Three fused models of the same backbones."""
    return [add_untrained_fusion(library, backbones, seed) for seed in (1, 2, 3)]


@pytest.fixture
def client(library: Library, models: list[Model]) -> Iterator[TestClient]:
    """Predictions, with one endpoint: ``digits``, the first model."""
    library.deploy(models[0].id, "digits")
    with TestClient(predict_app(library), raise_server_exceptions=False) as client:
        yield client
    for endpoint in library.endpoints():
        library.undeploy(endpoint.name)


@pytest.fixture
def browser(library: Library, models: list[Model]) -> Iterator[TestClient]:
    """The catalog."""
    with TestClient(catalog_app(library), raise_server_exceptions=False) as client:
        yield client
