"""Endpoints over HTTP: who may change them, and that no request fails meanwhile."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from brainray.catalog import Library, Model
from brainray.datasets.samples import encode_image
from brainray.testing.samples import picture
from serve.apps import predict_app

ENDPOINT = "/api/endpoints/digits"
FILES = {"image": ("image.png", encode_image(picture()))}


@pytest.fixture(scope="module")
def deployer(library: Library) -> dict[str, str]:
    return {"Authorization": f"Bearer {library.add_key('ann', 'deployer')}"}


@pytest.fixture
def steady(library: Library, models: list[Model]) -> Iterator[TestClient]:
    """A service that sees changes of its own only."""
    library.deploy(models[0].id, "digits")
    with TestClient(predict_app(library)) as client:
        yield client
    library.undeploy("digits")


def answered_by(client: TestClient) -> str:
    response = client.post(f"{ENDPOINT}/predict", files=FILES)
    assert response.status_code == 200, response.text
    return str(response.json()["model"])


def test_a_new_version_answers_and_the_old_one_comes_back(
    steady: TestClient, models: list[Model], deployer: dict[str, str]
) -> None:
    first, second = models[0].id, models[1].id
    assert answered_by(steady) == first
    changed = steady.put(ENDPOINT, json={"model": second}, headers=deployer)
    assert changed.status_code == 200, changed.text
    assert (changed.json()["model"], changed.json()["previous"]) == (second, first)
    assert changed.json()["inputs"] == {"image": "image", "audio": "audio"}
    assert steady.get(ENDPOINT).json() == changed.json()
    assert steady.get("/api/endpoints").json() == [changed.json()]
    assert answered_by(steady) == second
    back = steady.post(f"{ENDPOINT}/rollback", headers=deployer)
    assert back.json()["model"] == answered_by(steady) == first


def test_a_canary_gets_its_share(
    steady: TestClient, models: list[Model], deployer: dict[str, str]
) -> None:
    first, second = models[0].id, models[1].id
    given = steady.put(ENDPOINT, json={"model": second, "canary": 0.25}, headers=deployer)
    assert (given.json()["model"], given.json()["canary"], given.json()["share"]) == (
        first,
        second,
        0.25,
    )
    answers = [answered_by(steady) for _ in range(40)]
    assert answers.count(second) == 10
    steady.post(f"{ENDPOINT}/rollback", headers=deployer)
    assert {answered_by(steady) for _ in range(8)} == {first}


def test_only_keys_of_the_role_change_anything(
    steady: TestClient, library: Library, models: list[Model], deployer: dict[str, str]
) -> None:
    body = {"model": models[1].id}
    for headers in ({}, {"Authorization": "Bearer no"}, {"Authorization": "Basic eA=="}):
        for response in (
            steady.put(ENDPOINT, json=body, headers=headers),
            steady.post(f"{ENDPOINT}/rollback", headers=headers),
            steady.delete(ENDPOINT, headers=headers),
        ):
            assert response.status_code == 401
            assert "a key is needed" in response.json()["detail"]
            assert response.headers["www-authenticate"] == "Bearer"
    assert library.endpoint("digits").model == models[0].id
    assert steady.put(ENDPOINT, json=body, headers=deployer).status_code == 200


def test_what_cannot_be_deployed_is_refused(
    steady: TestClient, library: Library, deployer: dict[str, str]
) -> None:
    for body, status, reason in (
        ({"model": "none"}, 404, "model 'none': not in the catalog"),
        ({"model": ""}, 422, "model: "),
        ({}, 422, "model: Field required"),
        ({"model": "x", "canary": 2}, 422, "canary: "),
        ({"model": "x", "share": 2}, 422, "share: "),
        ([], 422, "body"),
    ):
        response = steady.put(ENDPOINT, json=body, headers=deployer)
        assert (response.status_code, reason in response.json()["detail"]) == (status, True)
    assert (
        steady.put("/api/endpoints/BAD", json={"model": "x"}, headers=deployer).status_code == 404
    )
    assert library.endpoint("digits").revision == 1


def test_an_undeployed_endpoint_is_gone(
    steady: TestClient, library: Library, models: list[Model], deployer: dict[str, str]
) -> None:
    put = steady.put("/api/endpoints/other", json={"model": models[2].id}, headers=deployer)
    assert put.status_code == 200
    assert steady.delete("/api/endpoints/other", headers=deployer).status_code == 204
    assert steady.get("/api/endpoints/other").status_code == 404
    gone = steady.delete("/api/endpoints/other", headers=deployer)
    assert "endpoint 'other': not in the catalog" in gone.json()["detail"]


def test_what_is_deployed_elsewhere_answers_here(
    steady: TestClient, library: Library, models: list[Model]
) -> None:
    """A command, or another replica, changes the catalog; the service follows it."""
    library.deploy(models[1].id, "digits")
    library.deploy(models[2].id, "new")
    response = steady.post("/api/endpoints/new/predict", files=FILES)
    assert response.json()["model"] == models[2].id
    assert answered_by(steady) == models[1].id
    library.undeploy("new")


def test_a_damaged_version_leaves_the_old_one_answering(
    steady: TestClient, library: Library, models: list[Model], deployer: dict[str, str]
) -> None:
    path = Path(library.store.local_path(models[2].key))
    whole = path.read_bytes()
    path.write_bytes(whole[:-8])
    try:
        refused = steady.put(ENDPOINT, json={"model": models[2].id}, headers=deployer)
        assert refused.status_code == 409
        library.deploy(models[2].id, "digits")
        steady.app.state.desk.refresh()  # type: ignore[attr-defined]
        state = steady.get(ENDPOINT).json()
        assert (state["model"], answered_by(steady)) == (models[0].id, models[0].id)
        assert "damaged" in state["problem"]
    finally:
        path.write_bytes(whole)
    steady.app.state.desk.refresh()  # type: ignore[attr-defined]
    assert steady.get(ENDPOINT).json()["problem"] is None
    assert answered_by(steady) == models[2].id


def test_no_request_fails_while_versions_change(
    steady: TestClient, models: list[Model], deployer: dict[str, str]
) -> None:
    codes: list[int] = []
    stopping = threading.Event()

    def ask() -> None:
        while not stopping.is_set():
            codes.append(steady.post(f"{ENDPOINT}/predict", files=FILES).status_code)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for model in models * 3:
        assert steady.put(ENDPOINT, json={"model": model.id}, headers=deployer).status_code == 200
    stopping.set()
    for thread in threads:
        thread.join()
    assert len(codes) > 9
    assert set(codes) == {200}
