"""What OpenAPI allows, and what it does not, never ends in a server error."""

from collections.abc import Iterator

import hypothesis
import pytest
import schemathesis
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from brainray.catalog import Library, Model
from brainray.testing.web import listening, together
from serve.apps import catalog_app, openapi_document, predict_app

SCHEMA = schemathesis.openapi.from_dict(openapi_document())
CHECKS = [not_a_server_error, response_schema_conformance, status_code_conformance]


@pytest.fixture(scope="module")
def url(library: Library, models: list[Model]) -> Iterator[str]:
    library.deploy(models[0].id, "digits")
    with listening(together(predict_app(library), catalog_app(library))) as url:
        yield url


@pytest.fixture(scope="module")
def headers(library: Library) -> dict[str, str]:
    return {"Authorization": f"Bearer {library.add_key('fuzz', 'maintainer')}"}


@SCHEMA.parametrize()
@hypothesis.settings(
    max_examples=25, suppress_health_check=list(hypothesis.HealthCheck), derandomize=True
)
def test_no_request_is_a_server_error(case: Case, url: str, headers: dict[str, str]) -> None:
    response = case.call(base_url=url, headers=headers)
    case.validate_response(response, checks=CHECKS)
