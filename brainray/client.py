"""A typed client of the HTTP service.

::

    from brainray.client import Client

    with Client("http://127.0.0.1:8000") as client:
        answer = client.predict("digits", {"image": image, "audio": recording})
        answer.label, answer.probabilities, answer.inputs
        for frame in client.track("street", video=Path("street.mp4")):
            frame.frame, [(box.id, box.left, box.top) for box in frame.boxes]
"""

import io
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any, Self, TypeAlias
from urllib.parse import quote

import httpx
import numpy as np
import soundfile

from brainray.datasets.samples import encode_image
from brainray.errors import DataError, ServiceError
from brainray.files import write_atomically
from brainray.shapes import Array, Raw, Recording

Sample: TypeAlias = Raw | bytes | Path
"""An image, a recording or a text as in Python, or an encoded file: its bytes or its path."""
Picture: TypeAlias = Array | bytes | Path
"""A uint8 image `(H, W)`, `(H, W, 3)` or with alpha, which is left out, `(H, W, 4)`, or an encoded
file: its bytes or its path."""

FULL, UNAVAILABLE = 429, 503
"""A full service has done nothing yet, so any request may be sent again; one that cannot reach its
catalog may have, so only those that change nothing the second time are.
"""


@dataclass(frozen=True)
class Prediction:
    """What a model says of one sample.

    Attributes:
        label: the most probable class.
        probabilities: of every class, in [0, 1]; they sum to 1.
        inputs: the inputs that were used.
        endpoint: that was asked.
        model: id of the model that answered.
        version: of the model among those of its name.
    """

    label: str
    probabilities: dict[str, float]
    inputs: tuple[str, ...]
    endpoint: str
    model: str
    version: int


@dataclass(frozen=True)
class TrackedBox:
    """An object in a frame.

    Attributes:
        id: its identity, from 1 on, the same from frame to frame.
        left: of the box, in pixels, as are the others.
        conf: confidence of the last detection that belongs to it.
    """

    id: int
    left: float
    top: float
    width: float
    height: float
    conf: float


@dataclass(frozen=True)
class TrackedFrame:
    """The objects in a frame.

    Attributes:
        frame: its number; pictures and videos count from 1.
        boxes: of the objects that are seen.
        seconds: when a video shows it.
        width: of the picture in pixels, None where detections were given.
        height: of the picture in pixels, None where detections were given.
    """

    frame: int
    boxes: tuple[TrackedBox, ...]
    seconds: float | None = None
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True)
class Endpoint:
    """An endpoint as the service answers it.

    Attributes:
        name: in the address.
        model: id of the model that answers; None where objects are tracked.
        canary: id of the model that answers ``share`` of the requests, None if there is none.
        share: in [0, 1).
        previous: id of the model that a roll-back brings back.
        revision: counts the changes.
        changed: UTC.
        inputs: modality of every input; None while the model is not loaded.
        problem: why the latest change does not answer, None if it does.
        tracking: detector, tracker and their options; None where a model answers.
    """

    name: str
    model: str | None
    canary: str | None
    share: float
    previous: str | None
    revision: int
    changed: datetime
    inputs: dict[str, str] | None
    problem: str | None
    tracking: dict[str, Any] | None


class Client:
    """Asks a service. What it refuses, or that it cannot be reached, is a `ServiceError`.

    Args:
        url: of the service, e.g. ``http://127.0.0.1:8000``.
        key: for deploying and maintaining, as `brainray keys add` has printed it.
        timeout_seconds: of a request.
        retries: how often a request is sent again that the service is too busy for.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        key: str | None = None,
        timeout_seconds: float = 60.0,
        retries: int = 4,
    ) -> None:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=timeout_seconds)
        self._retries = retries

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def predict(self, endpoint: str, inputs: Mapping[str, Sample]) -> Prediction:
        """Answer one sample from any subset of an endpoint's inputs.

        Args:
            endpoint: its name.
            inputs: samples by input name.

        Raises:
            ServiceError: with the reason.
            DataError: a sample that is none, which is named.
        """
        # Without a file name a part is a text.
        files = {
            name: (None if isinstance(sample, str) else name, _encoded(f"input {name!r}", sample))
            for name, sample in inputs.items()
        }
        found = self._call("POST", f"{_endpoint_path(endpoint)}/predict", files=files).json()
        return Prediction(**found | {"inputs": tuple(found["inputs"])})

    def track(
        self,
        endpoint: str,
        *,
        video: Path | bytes | None = None,
        frames: Iterable[Picture] | None = None,
        detections: Path | bytes | None = None,
    ) -> Iterator[TrackedFrame]:
        """Follow objects through frames, and yield each frame as it is tracked.

        Args:
            endpoint: its name.
            video: a file, its path or its bytes.
            frames: pictures in order, which count from 1.
            detections: Parquet with the columns ``frame, left, top, width, height`` and perhaps
                ``conf``, or lines of JSON, a frame each.

        Raises:
            ServiceError: with the reason; a frame that cannot be tracked is named.
            DataError: a frame that is no picture, which is named, or no file is given as one.
            ValueError: not exactly one of the three is given, or no frame.
        """
        if sum(one is not None for one in (video, frames, detections)) != 1:
            raise ValueError("give one of video, frames and detections")
        if frames is not None:
            parts = [
                ("frames", (str(n), _picture(n, one))) for n, one in enumerate(frames, start=1)
            ]
            if not parts:
                raise ValueError("frames: there are none, give one and more")
            return self._tracked(endpoint, parts)
        field, given = ("video", video) if video is not None else ("detections", detections)
        if not isinstance(given, bytes | Path):
            raise DataError(f"{field}: is a {type(given).__name__}, allowed are bytes or a Path")
        return self._tracked(endpoint, [(field, (field, given))])

    def _tracked(
        self, endpoint: str, parts: Sequence[tuple[str, tuple[str, bytes | Path]]]
    ) -> Iterator[TrackedFrame]:
        path = f"{_endpoint_path(endpoint)}/track"
        for attempt in range(self._retries + 1):
            with ExitStack() as stack:
                files: list[Any] = [
                    (
                        field,
                        (
                            name,
                            stack.enter_context(one.open("rb")) if isinstance(one, Path) else one,
                        ),
                    )
                    for field, (name, one) in parts
                ]
                try:
                    answer = stack.enter_context(self._http.stream("POST", path, files=files))
                    if answer.is_success:
                        yield from map(_tracked_frame, answer.iter_lines())
                        return
                    answer.read()
                except httpx.HTTPError as error:
                    raise ServiceError(
                        f"{self._http.base_url}: cannot be asked: {error}"
                    ) from error
            if answer.status_code not in (FULL, UNAVAILABLE) or attempt == self._retries:
                raise ServiceError(f"POST {path}: {answer.status_code}: {_reason(answer)}")
            time.sleep(_seconds(answer.headers.get("retry-after")))

    def endpoints(self) -> list[Endpoint]:
        """Return the endpoints, by name."""
        return [_endpoint(row) for row in self._call("GET", "/api/endpoints").json()]

    def deploy(
        self, model: str, name: str, canary: float | None = None, sequence: str | None = None
    ) -> Endpoint:
        """Have a model answer at an endpoint, or a share of the requests.

        Args:
            model: its id, its name (the newest version) or the id's beginning; or a run.
            name: of the endpoint.
            canary: share of the requests, in (0, 1); all of them if None.
            sequence: for which video a run of tracking has chosen what is to answer.

        Raises:
            ServiceError: with the reason.
        """
        body = {"model": model, "canary": canary, "sequence": sequence}
        return _endpoint(self._call("PUT", _endpoint_path(name), json=body).json())

    def roll_back(self, name: str) -> Endpoint:
        """End the canary of an endpoint or, if there is none, undo its latest change.

        Raises:
            ServiceError: with the reason.
        """
        return _endpoint(self._call("POST", f"{_endpoint_path(name)}/rollback", once=True).json())

    def undeploy(self, name: str) -> None:
        """Remove an endpoint; its models stay in the catalog.

        Raises:
            ServiceError: with the reason.
        """
        self._call("DELETE", _endpoint_path(name), once=True)

    def models(
        self, filter: str | None = None, sort: str = "id", limit: int = 20, offset: int = 0
    ) -> dict[str, Any]:
        """Return one page of the models that fit a filter, as JSON values.

        Args:
            filter: e.g. ``region = vision AND accuracy >= 90%``.
            sort: a field, with ``:desc`` for falling values.
            limit: of models on the page, 1 to 1000.
            offset: how many models come before the page.

        Raises:
            ServiceError: with the reason.
        """
        asked = {"sort": sort, "limit": limit, "offset": offset}
        params = asked | ({} if filter is None else {"filter": filter})
        page: dict[str, Any] = self._call("GET", "/api/models", params=params).json()
        return page

    def model(self, model: str) -> dict[str, Any]:
        """Return a model with its code, lineage and evaluations, as JSON values.

        Raises:
            ServiceError: with the reason.
        """
        detail: dict[str, Any] = self._call("GET", _model_path(model)).json()
        return detail

    def download(self, model: str, to: Path) -> Path:
        """Write the weights of a model into a folder, whole or not at all, and return the file.

        Raises:
            ServiceError: with the reason.
        """
        found = self.model(model)["model"]
        content = self._call("GET", f"{_model_path(found['id'])}/weights").content
        path = to / Path(found["key"]).name
        write_atomically(path, content)
        return path

    def _call(self, method: str, path: str, once: bool = False, **options: Any) -> httpx.Response:
        again = (FULL,) if once else (FULL, UNAVAILABLE)
        for attempt in range(self._retries + 1):
            try:
                response = self._http.request(method, path, **options)
            except httpx.HTTPError as error:
                raise ServiceError(f"{self._http.base_url}: cannot be asked: {error}") from error
            if response.status_code not in again or attempt == self._retries:
                break
            time.sleep(_seconds(response.headers.get("retry-after")))
        if response.is_success:
            return response
        raise ServiceError(f"{method} {path}: {response.status_code}: {_reason(response)}")


def _endpoint_path(name: str) -> str:
    # Quoted, so that a name that cannot be is asked for, and not another address.
    return f"/api/endpoints/{quote(name, safe='')}"


def _model_path(model: str) -> str:
    return f"/api/models/{quote(model, safe='')}"


def _picture(number: int, picture: Picture) -> bytes:
    what = f"frame {number}"
    if not isinstance(picture, np.ndarray | bytes | Path):  # a str would be sent as a text
        kind = type(picture).__name__
        raise DataError(f"{what}: is a {kind}, allowed are an array, bytes or a Path")
    return _encoded(what, picture)


def _encoded(what: str, sample: Sample) -> bytes:
    match sample:
        case bytes():
            return sample
        case str():
            return sample.encode()
        case Path():
            return sample.read_bytes()
        case Recording():
            buffer = io.BytesIO()
            # Floats: it is the service that brings them to 16 bits, as all that predicts does.
            soundfile.write(buffer, sample.wave_T, sample.rate, format="WAV", subtype="FLOAT")
            return buffer.getvalue()
        case np.ndarray():
            try:
                return encode_image(sample)
            except DataError as error:
                raise DataError(f"{what}: {error}") from error
        case _:
            raise DataError(
                f"{what}: is a {type(sample).__name__}, allowed are an array, a Recording, a str, "
                "bytes or a Path"
            )


def _tracked_frame(line: str) -> TrackedFrame:
    row = json.loads(line)
    if "error" in row:
        raise ServiceError(row["error"])
    return TrackedFrame(**row | {"boxes": tuple(TrackedBox(**box) for box in row["boxes"])})


def _endpoint(row: dict[str, Any]) -> Endpoint:
    known = {field.name: row[field.name] for field in fields(Endpoint)}
    return Endpoint(**known | {"changed": datetime.fromisoformat(row["changed"])})


def _seconds(retry_after: str | None) -> float:
    """Return how long the service asks to wait; it may also say nothing."""
    return float(retry_after) if retry_after and retry_after.isdigit() else 1.0


def _reason(response: httpx.Response) -> str:
    try:
        return str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return " ".join(response.text.split())[:200] or response.reason_phrase
