"""The client against the real applications on a real socket."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from brainray.catalog import Library, Model
from brainray.client import Client
from brainray.datasets.samples import encode_image
from brainray.errors import DataError, ServiceError
from brainray.pipeline.predict import load_model
from brainray.testing.models import add_untrained, add_untrained_fusion
from brainray.testing.places import library_below
from brainray.testing.samples import picture, sound, wav
from brainray.testing.web import listening, together
from serve.apps import catalog_app, predict_app


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return library_below(tmp_path_factory.mktemp("client"))


@pytest.fixture(scope="module")
def models(library: Library) -> list[Model]:
    parts = [
        add_untrained(library, "lenet3.image", "image"),
        add_untrained(library, "lenet3.audio", "audio"),
    ]
    return [add_untrained_fusion(library, parts, seed) for seed in (1, 2)]


@pytest.fixture(scope="module")
def url(library: Library, models: list[Model]) -> Iterator[str]:
    library.deploy(models[0].id, "digits")
    with listening(together(predict_app(library), catalog_app(library))) as url:
        yield url


def test_every_form_of_a_sample_gets_the_same_answer(
    url: str, library: Library, models: list[Model], tmp_path: Path
) -> None:
    expected = load_model(library, models[0].id)({"image": picture(), "audio": sound()})
    file = tmp_path / "a.wav"
    file.write_bytes(wav(sound()))
    with Client(url) as client:
        for image in (picture(), encode_image(picture())):
            for audio in (sound(), file, file.read_bytes()):
                answer = client.predict("digits", {"image": image, "audio": audio})
                assert answer.label == expected.label
                assert answer.probabilities == pytest.approx(expected.probabilities, abs=1e-5)
                assert answer.inputs == ("image", "audio")
                assert (answer.model, answer.version) == (models[0].id, models[0].version)
        assert client.predict("digits", {"image": picture()}).inputs == ("image",)


def test_endpoints_change_with_a_key(url: str, library: Library, models: list[Model]) -> None:
    with Client(url, key=library.add_key("ann", "deployer")) as client:
        made = client.deploy(models[1].id, "mine")
        assert (made.name, made.model, made.revision) == ("mine", models[1].id, 1)
        assert made in client.endpoints()
        canary = client.deploy(models[0].id, "mine", canary=0.5)
        assert (canary.model, canary.canary, canary.share) == (models[1].id, models[0].id, 0.5)
        assert client.roll_back("mine").canary is None
        client.undeploy("mine")
        assert [endpoint.name for endpoint in client.endpoints()] == ["digits"]
    with Client(url) as client, pytest.raises(ServiceError, match="401: Authorization: a key"):
        client.undeploy("digits")


def test_models_are_found_and_downloaded(url: str, models: list[Model], tmp_path: Path) -> None:
    with Client(url) as client:
        page = client.models("kind = fused", sort="id:desc", limit=1)
        assert (page["total"], len(page["models"])) == (2, 1)
        assert client.model(models[0].id)["model"]["sha256"] == models[0].sha256
        path = client.download(models[0].id, tmp_path / "new")
        assert hashlib.sha256(path.read_bytes()).hexdigest() == models[0].sha256
        with pytest.raises(ServiceError, match="404: model 'none': not in the catalog"):
            client.download("none", tmp_path)
        with pytest.raises(ServiceError, match=r"422: .*smell"):
            client.models("smell = 3")


FRAME = np.zeros((48, 64, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (FRAME.astype(np.float64), "frame 2: is an array of float64 and shape (48, 64, 3), "),
        (FRAME.astype(np.uint16), "frame 2: is an array of uint16"),
        (FRAME[:, :, :1], "frame 2: is an array of uint8 and shape (48, 64, 1), "),
        (FRAME.transpose(2, 0, 1), "shape (3, 48, 64), allowed are uint8 and shape (H, W), (H, "),
        (np.dstack([FRAME, FRAME]), "shape (48, 64, 6)"),
        (FRAME[:0], "shape (0, 64, 3)"),
        ("1.png", "frame 2: is a str, allowed are an array, bytes or a Path"),
    ],
)
def test_what_is_no_frame_is_named(frame: Any, reason: str) -> None:
    with Client("http://127.0.0.1:1") as client, pytest.raises(DataError, match=re.escape(reason)):
        client.track("street", frames=[FRAME, frame])


def test_what_cannot_be_sent_is_refused() -> None:
    with Client("http://127.0.0.1:1") as client:
        for field in ("video", "detections"):
            given: Any = {field: "street.mp4"}
            with pytest.raises(DataError, match=f"{field}: is a str, allowed are bytes or a Path"):
                client.track("street", **given)
        with pytest.raises(DataError, match="input 'image': is an array of float64"):
            client.predict("digits", {"image": FRAME / 255})
        with pytest.raises(DataError, match="input 'image': is a list, allowed are"):
            client.predict("digits", {"image": FRAME.tolist()})


def test_names_stay_one_part_of_the_path() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.raw_path.decode())
        return httpx.Response(404, json={"detail": "not there"})

    client = Client("http://test")
    client._http = httpx.Client(base_url="http://test", transport=httpx.MockTransport(answer))
    name = "a/../b?x=1#y"
    for call in (
        lambda: client.predict(name, {"image": FRAME}),
        lambda: next(client.track(name, frames=[FRAME])),
        lambda: client.deploy("model", name),
        lambda: client.roll_back(name),
        lambda: client.undeploy(name),
        lambda: client.model(name),
    ):
        with pytest.raises(ServiceError, match="404: not there"):
            call()
    quoted = "a%2F..%2Fb%3Fx%3D1%23y"
    endpoint = f"/api/endpoints/{quoted}"
    assert asked == [
        f"{endpoint}/predict",
        f"{endpoint}/track",
        endpoint,
        f"{endpoint}/rollback",
        endpoint,
        f"/api/models/{quoted}",
    ]


def test_who_cannot_be_reached_is_named() -> None:
    with (
        Client("http://127.0.0.1:1") as client,
        pytest.raises(ServiceError, match=r"127\.0\.0\.1:1"),
    ):
        client.endpoints()


def test_a_busy_service_is_asked_again_as_it_says() -> None:
    answers = [httpx.Response(429, headers={"Retry-After": "0"}), httpx.Response(200, json=[])]
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return answers[min(len(asked), len(answers)) - 1]

    client = Client("http://test", retries=2)
    client._http = httpx.Client(base_url="http://test", transport=httpx.MockTransport(answer))
    assert client.endpoints() == []
    assert len(asked) == 2
    answers[1] = answers[0]
    with pytest.raises(ServiceError, match="429"):
        client.endpoints()
    assert len(asked) == 5


def test_what_may_have_been_done_is_not_done_again() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.method)
        return httpx.Response(503, headers={"Retry-After": "0"}, json={"detail": "later"})

    client = Client("http://test", retries=2)
    client._http = httpx.Client(base_url="http://test", transport=httpx.MockTransport(answer))
    for change in (client.roll_back, client.undeploy):
        with pytest.raises(ServiceError, match="503: later"):
            change("digits")
    assert asked == ["POST", "DELETE"]
