"""Endpoints over HTTP: who may change them, and that no request fails meanwhile."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from brainray.catalog import Library, Model
from brainray.datasets.samples import encode_image
from brainray.errors import UnavailableError
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
    steady: TestClient, library: Library, models: list[Model], deployer: dict[str, str]
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
    for name in ("B%201", "BAD", "-"):
        body = {"model": models[1].id}
        refused = steady.put(f"/api/endpoints/{name}", json=body, headers=deployer)
        assert refused.status_code == 422
        assert "must be up to 63 small letters" in refused.json()["detail"]
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


def test_a_restart_does_without_a_canary_that_is_damaged(
    library: Library, models: list[Model]
) -> None:
    library.deploy(models[0].id, "digits")
    library.deploy(models[1].id, "digits", 0.5)
    path = Path(library.store.local_path(models[1].key))
    whole = path.read_bytes()
    path.write_bytes(whole[:-8])
    try:
        with TestClient(predict_app(library)) as client:
            assert [answered_by(client) for _ in range(4)] == [models[0].id] * 4
            assert "damaged" in client.get(ENDPOINT).json()["problem"]
    finally:
        path.write_bytes(whole)
        library.undeploy("digits")


def test_endpoints_are_followed_whatever_a_model_does(
    steady: TestClient, library: Library, models: list[Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(model: str) -> None:
        raise RuntimeError("a runtime of its own")

    desk = steady.app.state.desk  # type: ignore[attr-defined]
    with monkeypatch.context() as broken:
        broken.setattr(desk._shelf, "load", fails)
        library.deploy(models[1].id, "digits")
        desk.refresh()
        assert "a runtime of its own" in steady.get(ENDPOINT).json()["problem"]
        assert answered_by(steady) == models[0].id
    desk.refresh()
    assert answered_by(steady) == models[1].id


def test_a_change_that_is_made_does_not_look_like_a_failure(
    steady: TestClient,
    library: Library,
    models: list[Model],
    deployer: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unreadable() -> None:
        raise UnavailableError("database: is gone")

    library.deploy(models[1].id, "digits")
    with monkeypatch.context() as broken:
        broken.setattr(steady.app.state.desk, "refresh", unreadable)  # type: ignore[attr-defined]
        back = steady.post(f"{ENDPOINT}/rollback", headers=deployer)
        assert (back.status_code, back.json()["model"]) == (200, models[0].id)
        assert steady.delete(ENDPOINT, headers=deployer).status_code == 204
    library.deploy(models[0].id, "digits")  # the fixture takes it away


def test_a_body_is_bounded_before_any_key_is_looked_at(steady: TestClient) -> None:
    kind = {"content-type": "application/json"}
    declared = kind | {"content-length": str(10**10)}
    assert steady.put(ENDPOINT, content=b"{", headers=declared).status_code == 413
    endless = (b" " * 10_000 for _ in range(1000))
    assert steady.put(ENDPOINT, content=endless, headers=kind).status_code == 413
    broken = steady.put(ENDPOINT, content=b"{", headers=kind)
    assert broken.status_code == 400
    assert broken.json()["detail"] == "body: is no JSON, at character 1"
