"""The Ray Serve applications: ``app`` predicts, ``catalog`` shows the catalog.

``serve deploy serve/serve.yaml`` or `brainray serve` starts both. Plain web applications are behind
them (`serve.apps`); the model is in the process that takes the request, because another hop would
only add to its time. Detection takes so long that one does not matter: it has a deployment of its
own, which all cameras share.
"""

from typing import Any

import torch
from fastapi import FastAPI
from ray import serve
from ray.exceptions import RayActorError, RayError
from ray.serve.config import BackpressureConfig

from brainray.catalog.library import Library
from brainray.errors import BrainrayError, ClusterError
from brainray.settings import load_settings
from brainray.shapes import Array
from brainray.tracking.interface import Detections

from .apps import PREDICT_PREFIX, catalog_app, predict_app
from .detection import LocalDetection, Setup

PREDICT, CATALOG = "predict", "catalog"
"""The names of the applications."""
PREFIXES = {PREDICT: PREDICT_PREFIX, CATALOG: "/"}

ONGOING = 64
"""Requests that a replica works on at once; as many again may wait for it."""

_BUSY = BackpressureConfig(status_code=429, retry_after_s=1)


class _Whole:
    """Gives an application the address as the client asked for it, as its routes have it."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app({**scope, "root_path": ""}, receive, send)


@serve.deployment(
    # Nothing runs until a camera needs it.
    autoscaling_config={"min_replicas": 0, "max_replicas": 1, "upscale_delay_s": 0},
    max_ongoing_requests=ONGOING,
    ray_actor_options={"num_cpus": 0},
)
class Detect:
    """Detects in the frames of all streams, which each replica of `Predict` tracks itself.

    What is wrong with a frame is returned rather than raised: Ray would add its traceback.
    """

    def __init__(self) -> None:
        self._detection = LocalDetection(Library.open(load_settings()))

    async def load(self, setup: Setup) -> BrainrayError | None:
        """Load a detector."""
        try:
            await self._detection.load(setup)
        except BrainrayError as error:
            return error
        return None

    async def detect(self, setup: Setup, image_HWC: Array) -> Detections | BrainrayError:
        """Return what a detector finds in an image."""
        try:
            return await self._detection.detect(setup, image_HWC)
        except BrainrayError as error:
            return error


class SharedDetection:
    """Has `Detect` detect.

    Args:
        handle: of the deployment.
    """

    def __init__(self, handle: Any) -> None:
        self._handle = handle

    async def load(self, setup: Setup) -> None:
        """Load a detector."""
        await self._ask("load", setup)

    async def detect(self, setup: Setup, image_HWC: Array) -> Detections:
        """Return what a detector finds in an image."""
        found: Detections = await self._ask("detect", setup, image_HWC)
        return found

    def close(self) -> None:
        """Nothing is held here."""

    async def _ask(self, method: str, *arguments: Any) -> Any:
        ask = getattr(self._handle, method).remote
        try:
            try:
                answer = await ask(*arguments)
            except RayActorError:  # the replica is lost; it has kept nothing of any stream
                answer = await ask(*arguments)
        except RayError as error:
            raise ClusterError(f"the detector does not answer: {type(error).__name__}") from error
        if isinstance(answer, BrainrayError):
            raise answer
        return answer


@serve.deployment(
    max_ongoing_requests=ONGOING,
    max_queued_requests=ONGOING,
    backpressure_config=_BUSY,
    ray_actor_options={"num_cpus": 0},
)
@serve.ingress()
class Predict:
    """Answers predictions and tracks; each replica holds the models that it is asked for.

    Args:
        detect: handle of `Detect`.
        options: of `serve.apps.predict_app`.
    """

    def __init__(self, detect: Any, **options: Any) -> None:
        torch.set_num_threads(1)  # it takes no CPU of the cluster's, so it must not use many
        library = Library.open(load_settings())
        self._app = predict_app(library, detection=SharedDetection(detect), **options)

    def __serve_build_asgi_app__(self) -> _Whole:
        return _Whole(self._app)


@serve.deployment(
    max_ongoing_requests=ONGOING,
    max_queued_requests=ONGOING,
    backpressure_config=_BUSY,
    ray_actor_options={"num_cpus": 0},
)
@serve.ingress()
class Catalog:
    """Shows the catalog, its history and the documentation of the API."""

    def __init__(self) -> None:
        self._app = catalog_app(Library.open(load_settings()))

    def __serve_build_asgi_app__(self) -> _Whole:
        return _Whole(self._app)


app = Predict.bind(Detect.bind())  # type: ignore[attr-defined]
catalog = Catalog.bind()  # type: ignore[attr-defined]
