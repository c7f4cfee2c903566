"""Predictions over HTTP: what is answered, and what is refused."""

import io
import json
import math
import socket
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image
from starlette.testclient import TestClient

from brainray.catalog import Library, Model
from brainray.datasets.samples import decode_audio, encode_image, encode_pcm
from brainray.pipeline.predict import load_model
from brainray.shapes import Recording
from brainray.testing.samples import picture, sound, text64, wav
from brainray.testing.web import listening
from serve.apps import predict_app
from serve.limits import Limits

PREDICT = "/api/endpoints/digits/predict"
IMAGE, SOUND = encode_image(picture()), wav(sound())


def files(**parts: bytes) -> dict[str, Any]:
    return {name: (f"{name}.bin", content) for name, content in parts.items()}


def test_it_answers_as_the_loaded_model(
    client: TestClient, library: Library, models: list[Model]
) -> None:
    model = load_model(library, models[0].id)
    for inputs in ({"image"}, {"audio"}, {"image", "audio"}):
        raws = {"image": picture(), "audio": sound()}
        expected = model({name: raws[name] for name in inputs})  # type: ignore[type-var]
        given = {"image": IMAGE, "audio": SOUND}
        response = client.post(PREDICT, files=files(**{name: given[name] for name in inputs}))
        assert response.status_code == 200, response.text
        answer = response.json()
        assert answer["label"] == expected.label
        assert answer["probabilities"] == pytest.approx(expected.probabilities, abs=1e-6)
        assert set(answer["inputs"]) == inputs
        assert (answer["model"], answer["version"]) == (models[0].id, models[0].version)
        encoded = {name: text64(given[name]) for name in inputs}
        assert client.post(PREDICT, json=encoded).json() == answer
        missing = {name: encoded.get(name) for name in given}
        assert client.post(PREDICT, json=missing).json() == answer


def test_a_sound_may_be_raw_or_of_another_rate(client: TestClient) -> None:
    recording = sound()
    pcm = (recording.wave_T * 32768).astype("<i2").tobytes()
    as_file = client.post(PREDICT, files=files(audio=SOUND)).json()
    raw = client.post(PREDICT, files=files(audio=pcm), data={"audio_rate": "8000"})
    assert raw.json()["probabilities"] == pytest.approx(as_file["probabilities"], abs=1e-5)
    in_json = client.post(PREDICT, json={"audio": text64(pcm), "audio_rate": 8000})
    assert in_json.json() == raw.json()
    faster = wav(sound(rate=44100))
    assert client.post(PREDICT, files=files(audio=faster)).status_code == 200


REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({"json": {}}, 422, "give at least one of image, audio"),
    ({"json": {"image": None}}, 422, "give at least one"),
    ({"json": []}, 422, "must be an object, not list"),
    ({"json": {"smell": "x"}}, 422, "input 'smell': allowed are image, audio, audio_rate"),
    ({"json": {"image": "no base64!"}}, 422, "input 'image': must be a file"),
    ({"json": {"image": 3}}, 422, "input 'image': must be a file"),
    ({"json": {"image": text64(SOUND)}}, 422, "input 'image': is not an image"),
    ({"json": {"audio": text64(IMAGE)}}, 422, "input 'audio': is not a sound file"),
    ({"json": {"image": text64(IMAGE), "audio_rate": 8000}}, 422, "audio_rate: is given without"),
    ({"json": {"audio": text64(SOUND), "audio_rate": "x"}}, 422, "whole number of Hz, not 'x'"),
    ({"json": {"audio": text64(b"abc"), "audio_rate": 8000}}, 422, "even number of bytes"),
    ({"json": {"audio": text64(b"ab"), "audio_rate": 1}}, 422, "rate of 1 Hz"),
    ({"json": {"image": ""}}, 422, "input 'image': is not an image"),
    ({"content": b"{", "headers": {"content-type": "application/json"}}, 400, "no JSON"),
    (
        {"content": b"[" * 100_000, "headers": {"content-type": "application/json"}},
        400,
        "no JSON",
    ),
    (
        {"content": b"\xff\xfe{", "headers": {"content-type": "application/json"}},
        400,
        "no JSON",
    ),
    ({"content": b"x"}, 415, "allowed are multipart/form-data and application/json"),
    (
        {"content": b"x", "headers": {"content-type": "multipart/form-data; charset=undefined"}},
        415,
        "charset 'undefined': allowed is utf-8",
    ),
    ({"json": {"image": [[]] * 100_000}}, 422, "has more than 100000 of the characters"),
    ({"json": {"x" * 1000: 1}}, 422, f"input {'x' * 40!r}…: allowed are"),
    ({"files": files(image=b"\xff\xd8" + b"\xff\xda" * 200)}, 422, "JPEG of more than 100 scans"),
    ({"content": b"x", "headers": {"content-type": "text/plain"}}, 415, "'text/plain'"),
    (
        {"content": b"x", "headers": {"content-type": "multipart/form-data"}},
        400,
        "no multipart form",
    ),
    (
        {"content": b"--b\r\nno", "headers": {"content-type": "multipart/form-data; boundary=b"}},
        400,
        "no multipart form",
    ),
    ({"files": [("image", ("a", IMAGE)), ("image", ("b", IMAGE))]}, 422, "is given twice"),
    ({"files": files(image=IMAGE[:100])}, 422, "input 'image': is not an image"),
    ({"files": files(audio=SOUND[:30])}, 422, "input 'audio'"),
    ({"files": {f"x{n}": ("x", b"x") for n in range(40)}}, 400, "no multipart form"),
]


@pytest.mark.parametrize(("request_", "status", "reason"), REFUSED)
def test_what_cannot_be_answered_is_refused_by_name(
    request_: dict[str, Any], status: int, reason: str, client: TestClient
) -> None:
    response = client.post(PREDICT, **request_)
    assert response.status_code == status, response.text
    assert reason in response.json()["detail"]


def test_bombs_and_large_bodies_are_refused_before_they_are_decoded(
    library: Library, models: list[Model]
) -> None:
    library.deploy(models[0].id, "digits")
    limits = Limits(body_bytes=200_000, pixels=1_000_000, seconds=20, audio_samples=1_000_000)
    buffer = io.BytesIO()
    Image.new("L", (2000, 2000)).save(buffer, "PNG")
    with TestClient(predict_app(library, limits)) as client:
        bomb = client.post(PREDICT, files=files(image=buffer.getvalue()))
        assert (bomb.status_code, bomb.json()["detail"]) == (
            422,
            "input 'image': has 2000 x 2000 pixels, at most 1000000 are allowed",
        )
        silence = io.BytesIO()
        soundfile.write(silence, np.zeros(8000 * 60, np.int16), 8000, format="FLAC")
        long = client.post(PREDICT, files=files(audio=silence.getvalue()))
        assert long.status_code == 422
        assert "lasts 60.0 s, at most 20 are allowed" in long.json()["detail"]
        large = client.post(PREDICT, files=files(image=b"x" * 200_000))
        assert large.status_code == 413
        declared = client.post(
            PREDICT,
            content=b"x",
            headers={"content-type": "application/json", "content-length": str(10**10)},
        )
        assert declared.status_code == 413
        assert declared.headers["connection"] == "close"
        chunks = client.post(
            PREDICT,
            content=(b"x" * 10_000 for _ in range(1000)),
            headers={"content-type": "application/json"},
        )
        assert chunks.status_code == 413
        assert client.post(PREDICT, files=files(image=IMAGE)).status_code == 200


def test_a_larger_sample_is_answered_too(client: TestClient) -> None:
    buffer = io.BytesIO()
    Image.fromarray(picture()).resize((1200, 1200)).save(buffer, "PNG")
    answer = client.post(PREDICT, files=files(image=buffer.getvalue()))
    assert answer.status_code == 200
    assert math.isclose(sum(answer.json()["probabilities"].values()), 1, abs_tol=1e-5)


def test_a_sound_of_any_rate_and_depth_is_prepared_as_in_training(
    client: TestClient, library: Library, models: list[Model]
) -> None:
    model = load_model(library, models[0].id)
    loud = Recording(sound().wave_T * np.float32(8), 8000)
    expected = model({"audio": decode_audio(encode_pcm(loud), 8000)})
    buffer = io.BytesIO()
    soundfile.write(buffer, loud.wave_T, 8000, format="WAV", subtype="FLOAT")
    answer = client.post(PREDICT, files=files(audio=buffer.getvalue())).json()
    assert answer["probabilities"] == pytest.approx(expected.probabilities, abs=1e-6)
    assert model({"audio": loud}) == expected
    odd = {"audio": text64(bytes(2000)), "audio_rate": 383_993}  # a prime
    assert client.post(PREDICT, json=odd).status_code == 200


def test_an_unknown_endpoint_is_not_found(client: TestClient) -> None:
    response = client.post("/api/endpoints/digit/predict", json={})
    assert response.status_code == 404
    assert response.json() == {
        "detail": "endpoint 'digit': not in the catalog, did you mean digits"
    }
    assert client.get(PREDICT).status_code == 405
    assert client.post("/api/endpoints/digits/no").status_code == 404


def test_a_model_of_one_input_answers(
    client: TestClient, library: Library, backbones: list[Model]
) -> None:
    library.deploy(backbones[0].id, "pictures")
    answer = client.post("/api/endpoints/pictures/predict", files=files(image=IMAGE))
    assert (answer.status_code, answer.json()["inputs"]) == (200, ["image"])
    refused = client.post("/api/endpoints/pictures/predict", files=files(audio=SOUND))
    assert "input 'audio': allowed are image" in refused.json()["detail"]


def test_the_answer_is_json_that_any_parser_reads(client: TestClient) -> None:
    response = client.post(PREDICT, files=files(image=IMAGE))
    assert response.headers["content-type"] == "application/json"
    assert set(json.loads(response.content)) == {
        "label",
        "probabilities",
        "inputs",
        "endpoint",
        "model",
        "version",
    }


def test_a_body_that_does_not_arrive_is_not_waited_for(
    library: Library, models: list[Model]
) -> None:
    library.deploy(models[0].id, "digits")
    head = (
        f"POST {PREDICT} HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
        "Content-Length: 100\r\n\r\n{"
    )
    with listening(predict_app(library, Limits(body_seconds=0.2))) as url:
        host, _, port = url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            connection.sendall(head.encode())
            answer = connection.makefile("rb").read().decode()
    assert answer.startswith("HTTP/1.1 408 ")
    assert "had not arrived after 0.2 s" in answer
