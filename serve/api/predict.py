"""Predictions: any subset of a model's inputs, as a multipart form or as JSON."""

import asyncio
from concurrent.futures import Executor
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Request, Response

from brainray.catalog.queries import unknown
from brainray.errors import BrainrayError, LargeSampleError
from brainray.pipeline.predict import Predictor

from ..batching import Batcher, Sample
from ..desk import Desk
from ..inputs import Given, decode_inputs, read_inputs
from ..limits import SMALL, Limits
from ..schemas import Prediction
from .problems import responses

router = APIRouter(prefix="/api/endpoints", tags=["endpoints"], responses=responses(422))

Name = Annotated[str, Path(description="Of the endpoint.", max_length=63)]

_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "minProperties": 1,
                    "description": "A part an input: a file (PNG, JPEG, …; WAV, FLAC, Ogg, …) or a "
                    "text. `<input>_rate` is the rate in Hz of a sound as int16 PCM.",
                    "additionalProperties": {"type": "string", "format": "binary"},
                }
            },
            "application/json": {
                "schema": {
                    "type": "object",
                    "minProperties": 1,
                    "description": "A field an input: a text, or an image or a sound as a file in "
                    "base64. `<input>_rate` is the rate in Hz of a sound as int16 PCM.",
                    "additionalProperties": {"type": ["string", "integer", "null"]},
                },
                "example": {"image": "iVBORw0KGgo…", "audio": "UklGRg…"},
            },
        },
    }
}


@router.post(
    "/{name}/predict",
    response_model=Prediction,
    responses=responses(400, 404, 408, 409, 413, 415, 422, 429, 503),
    openapi_extra=_BODY,
)
async def predict(name: Name, request: Request) -> Response:
    """Answer one sample from the inputs that are given; the others are missing."""
    desk: Desk = request.app.state.desk
    batcher: Batcher = request.app.state.batcher
    limits: Limits = request.app.state.limits
    with batcher.coming():
        served = desk.find(name)
        if served is None:
            await asyncio.to_thread(desk.refresh)  # it may have been deployed just now
            served = desk.find(name)
        if served is None:
            if name in desk.tracking():
                raise HTTPException(409, f"endpoint {name!r}: tracks objects: POST …/{name}/track")
            raise unknown("endpoint", name, [state.endpoint.name for state in desk.served()])
        try:
            predictor = await desk.predictor(desk.choose(served))
        except BrainrayError as error:
            raise HTTPException(503, str(error), {"Retry-After": "1"}) from error
        given = await read_inputs(request, predictor.inputs, limits)
        sample = await _prepare(predictor, given, limits, request.app.state.preparing)
    answer = await batcher.answer(predictor, sample)
    found = Prediction(
        label=answer.label,
        probabilities=answer.probabilities,
        inputs=list(answer.inputs),
        endpoint=name,
        model=answer.model,
        version=predictor.model.version,
    )
    return Response(found.model_dump_json(), media_type="application/json")


async def _prepare(
    predictor: Predictor, given: dict[str, Given], limits: Limits, threads: Executor
) -> Sample:
    """Decode and prepare the inputs; small ones at once, others in a thread."""

    def prepare(within: Limits) -> Sample:
        return predictor.prepare(decode_inputs(given, predictor.inputs, within))

    try:
        return prepare(SMALL)
    except LargeSampleError:
        return await asyncio.get_running_loop().run_in_executor(threads, prepare, limits)
