"""The catalog over HTTP: the same answers as from Python."""

import hashlib

import pytest
from starlette.testclient import TestClient

from brainray.catalog import Library, Model


@pytest.fixture(scope="module")
def maintainer(library: Library) -> dict[str, str]:
    return {"Authorization": f"Bearer {library.add_key('bob', 'maintainer')}"}


def test_models_are_found_sorted_and_counted(
    browser: TestClient, library: Library, models: list[Model]
) -> None:
    everything = browser.get("/api/models", params={"facets": True}).json()
    assert everything["total"] == len(library.models()) == 5
    assert everything["facets"]["kind"] == {"fused": 3, "unimodal": 2}
    page = browser.get(
        "/api/models",
        params={"filter": "kind = fused AND NOT parameters < 10", "sort": "id:desc", "limit": 2},
    ).json()
    assert [model["id"] for model in page["models"]] == sorted(m.id for m in models)[:0:-1]
    assert (page["total"], page["next_offset"], page["facets"]) == (3, 2, None)
    assert page["models"][0]["sha256"] == library.model(page["models"][0]["id"]).sha256


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"filter": "kind = "}, "filter"),
        ({"filter": "smell = 3"}, "smell"),
        ({"sort": "smell"}, "sort"),
        ({"limit": 0}, "limit: "),
        ({"limit": 1001}, "limit: "),
        ({"offset": -1}, "offset: "),
        ({"offset": "x"}, "offset: "),
    ],
)
def test_what_cannot_be_asked_is_refused(
    params: dict[str, object], reason: str, browser: TestClient
) -> None:
    response = browser.get("/api/models", params=params)
    assert response.status_code == 422
    assert reason in response.json()["detail"]


def test_a_model_is_shown_whole(
    browser: TestClient, library: Library, models: list[Model], backbones: list[Model]
) -> None:
    library.deploy(models[0].id, "shown")
    detail = browser.get(f"/api/models/{models[0].id}").json()
    assert detail["model"]["id"] == models[0].id
    assert set(detail["ancestors"]) == {model.id for model in backbones}
    assert detail["endpoints"] == ["shown"]
    assert detail["code"]
    library.undeploy("shown")
    below = browser.get(f"/api/models/{backbones[0].id}").json()
    assert set(below["descendants"]) == {model.id for model in models}
    assert browser.get("/api/models/none").status_code == 404


def test_weights_are_downloaded_once_and_in_parts(browser: TestClient, models: list[Model]) -> None:
    address = f"/api/models/{models[0].id}/weights"
    whole = browser.get(address)
    assert hashlib.sha256(whole.content).hexdigest() == models[0].sha256
    assert whole.headers["etag"] == f'"{models[0].sha256}"'
    assert models[0].id in whole.headers["content-disposition"]
    again = browser.get(address, headers={"If-None-Match": whole.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = browser.get(address, headers={"If-None-Match": '"other"'})
    assert other.status_code == 200
    part = browser.get(address, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, whole.content[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(whole.content)}"
    beyond = browser.get(address, headers={"Range": "bytes=99999999-"})
    assert beyond.status_code == 416
    stale = browser.get(address, headers={"Range": "bytes=10-19", "If-Range": '"other"'})
    assert (stale.status_code, stale.content) == (200, whole.content)
    assert browser.get("/api/models/none/weights").status_code == 404


def test_a_maintainer_removes_what_nothing_uses(
    browser: TestClient,
    library: Library,
    models: list[Model],
    backbones: list[Model],
    maintainer: dict[str, str],
) -> None:
    address = f"/api/models/{models[2].id}"
    assert browser.delete(address).status_code == 401
    less = {"Authorization": f"Bearer {library.add_key('eve', 'deployer')}"}
    denied = browser.delete(address, headers=less)
    assert (denied.status_code, "maintainer's is needed" in denied.json()["detail"]) == (403, True)
    used = browser.delete(f"/api/models/{backbones[0].id}", headers=maintainer)
    assert (used.status_code, "is a backbone of" in used.json()["detail"]) == (409, True)
    named = browser.delete(f"/api/models/{models[2].name}", headers=maintainer)
    assert (named.status_code, "is no whole id" in named.json()["detail"]) == (409, True)
    assert browser.delete(address, headers=maintainer).status_code == 204
    assert browser.get(address).status_code == 404


def test_the_overview_says_what_there_is(browser: TestClient, library: Library) -> None:
    regions = {row["name"]: row for row in browser.get("/api/regions").json()}
    assert {"vision", "audition", "language", "emotion"} <= set(regions)
    shape = next(p for p in regions["vision"]["sub_regions"] if p["name"] == "vision.shape")
    assert shape["networks"] >= 4
    assert shape["models"] == library.search("region = vision.shape").total > 0
    stats = browser.get("/api/stats", params={"filter": "kind = unimodal"}).json()
    assert stats["total"]["models"] == 2
    assert browser.get("/api/health").json()["status"] == "ok"
    run = library.add_run("r1", "digits", 3, "/nowhere/record.jsonl")
    library.finish_run("r1", "finished", None, {"test": 0.5})
    page = browser.get("/api/runs").json()
    assert page["total"] == 1
    assert page["runs"][0] == browser.get(f"/api/runs/{run.id}").json()
    assert (page["runs"][0]["status"], page["runs"][0]["test"]) == ("finished", 0.5)
    assert browser.get("/api/runs", params={"scenario": "other"}).json()["total"] == 0
    scenarios = {row["name"]: row for row in browser.get("/api/scenarios").json()}
    assert scenarios["audio-visual-digits"]["builtin"]
    assert scenarios["digits"] == {
        "name": "digits",
        "builtin": False,
        "runs": 1,
        "finished_runs": 1,
        "best": 0.5,
    }


def test_the_documentation_needs_nothing_from_elsewhere(browser: TestClient) -> None:
    page = browser.get("/api/docs").text
    assert "http" not in page.replace("<!doctype html>", "")
    for part in ("swagger-ui.css", "swagger-ui-bundle.js"):
        assert f"/api/docs/static/{part}" in page
        assert len(browser.get(f"/api/docs/static/{part}").content) > 10_000
    paths = browser.get("/api/openapi.json").json()["paths"]
    assert {
        "/api/endpoints",
        "/api/endpoints/{name}",
        "/api/endpoints/{name}/predict",
        "/api/endpoints/{name}/rollback",
        "/api/endpoints/{name}/track",
        "/api/health",
        "/api/models",
        "/api/models/{model}",
        "/api/models/{model}/weights",
        "/api/regions",
        "/api/runs",
        "/api/runs/{run}",
        "/api/scenarios",
        "/api/stats",
    } == set(paths)
    assert browser.get("/", follow_redirects=False).headers["location"] == "/api/docs"
