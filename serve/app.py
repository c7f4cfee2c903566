"""The Ray Serve applications: ``app`` predicts, ``catalog`` shows the catalog.

``serve deploy serve/serve.yaml`` or `brainray serve` starts both. Plain web applications are behind
them (`serve.apps`); the model is in the process that takes the request, because another hop would
only add to its time.
"""

from typing import Any

import torch
from fastapi import FastAPI
from ray import serve
from ray.serve.config import BackpressureConfig

from brainray.catalog.library import Library
from brainray.settings import load_settings

from .apps import PREDICT_PREFIX, catalog_app, predict_app

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
    max_ongoing_requests=ONGOING,
    max_queued_requests=ONGOING,
    backpressure_config=_BUSY,
    ray_actor_options={"num_cpus": 0},
)
@serve.ingress()
class Predict:
    """Answers predictions; each replica holds the models that it is asked for.

    Args:
        options: of `serve.apps.predict_app`.
    """

    def __init__(self, **options: Any) -> None:
        torch.set_num_threads(1)  # it takes no CPU of the cluster's, so it must not use many
        self._app = predict_app(Library.open(load_settings()), **options)

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


app = Predict.bind()  # type: ignore[attr-defined]
catalog = Catalog.bind()  # type: ignore[attr-defined]
