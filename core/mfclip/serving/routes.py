"""The paths of the service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import ClientDisconnect

from mfclip.errors import UsageError
from mfclip.serving.answers import (
    ExplainAnswer,
    ModelsAnswer,
    Problem,
    ScoreAnswer,
    StateAnswer,
    explain_answer,
    model_answer,
    score_answer,
)
from mfclip.serving.refusals import Refusal
from mfclip.serving.service import Service
from mfclip.serving.uploads import FIELD, Upload, read_uploads

SCORE = "/v1/score"
_bearer = HTTPBearer(auto_error=False, description="A line of the service's --token-file.")


def guarded(
    request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> None:
    """Let in who knows a token. Raises :class:`Refusal`."""
    tokens = request.app.state.tokens
    if given is None or given.credentials not in tokens:
        which = "none was given" if given is None else "the one given is not known"
        raise Refusal(401, f"a token is asked for, {which}: send Authorization: Bearer TOKEN")


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For OpenAPI."""
    return {status: {"model": Problem} for status in statuses}


open_routes = APIRouter()
routes = APIRouter()


def form(
    most: int | None = None, what: str = "Image files; their content says what they are."
) -> dict[str, Any]:
    """For OpenAPI, a body of so many files as ``most``."""
    field = {
        "type": "array",
        "minItems": 1,
        "items": {"type": "string", "format": "binary"},
        "description": what,
        **({} if most is None else {"maxItems": most}),
    }
    schema = {
        "type": "object",
        "required": [FIELD],
        "additionalProperties": False,
        "properties": {FIELD: field},
    }
    content = {"multipart/form-data": {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}}


_TAKES = problems(400, 404, 408, 413, 415, 422, 429, 503)


class _Query(BaseModel):
    """What may stand behind the question mark, and nothing else."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    model: str | None = None
    """Name of the detector; without it the first one."""


class ScoreQuery(_Query):
    """Of ``/v1/score``."""

    threshold: str | None = Field(None, examples=["fpr-1"])
    """balanced, fpr-1, fpr-5, or a number 0-1; without it the detector's own."""


class ExplainQuery(_Query):
    """Of ``/v1/explain``."""

    face: int = Field(1, ge=1, le=10_000)
    """Number of the face; the largest is 1."""


def service_of(request: Request) -> Service:
    """The service behind the paths."""
    service: Service = request.app.state.service
    return service


@open_routes.get("/healthz", tags=["state"])
async def healthz() -> StateAnswer:
    """Whether the process answers at all."""
    return StateAnswer(status="ok")


@open_routes.get("/readyz", tags=["state"], responses=problems(503))
async def readyz(request: Request) -> StateAnswer:
    """Whether requests should come here: 503 as soon as the service is about to end."""
    if service_of(request).draining:
        raise Refusal(503, "the service finishes what it has and ends; ask another")
    return StateAnswer(status="ok")


@routes.get(
    "/metrics",
    tags=["state"],
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(request: Request) -> Response:
    """Counts and times, in the text format of Prometheus."""
    return Response(service_of(request).meters.text(), media_type="text/plain; version=0.0.4")


@routes.get("/v1/models", tags=["detectors"])
async def models(request: Request) -> ModelsAnswer:
    """The detectors that can be asked, with their thresholds and limits."""
    from mfclip.version import __version__

    found = service_of(request).models.values()
    told = [model_answer(model, default=place == 0) for place, model in enumerate(found)]
    return ModelsAnswer(mfclip=__version__, films=find_spec("av") is not None, models=told)


@routes.post(SCORE, tags=["detectors"], openapi_extra=form(), responses=_TAKES)
async def score(request: Request, asked: Annotated[ScoreQuery, Query()]) -> ScoreAnswer:
    """Score images: one or many files, one answer for each, in their order.

    A file that cannot be scored is no error: its status says why there is no verdict.
    """
    service = service_of(request)
    chosen = service.model(asked.model)
    try:
        point = chosen.point(asked.threshold)
    except UsageError as error:
        raise Refusal(422, str(error)) from error
    async with _uploads(request, service) as uploads:
        found = await service.score(chosen, point, uploads)
    return score_answer(chosen, point, found)


@routes.post("/v1/explain", tags=["detectors"], openapi_extra=form(1), responses=_TAKES)
async def explain(request: Request, asked: Annotated[ExplainQuery, Query()]) -> ExplainAnswer:
    """Show what the detector looks at in one image: a heat map, and patches with their noise.

    It takes as long as some hundred scores. Needs the extra `explain` where the service runs.
    """
    service = service_of(request)
    chosen = service.model(asked.model)
    async with _uploads(request, service) as uploads:
        if len(uploads) > 1:
            raise Refusal(422, f"one image is explained at a time, got {len(uploads)}")
        found = await service.explain(chosen, uploads[0], asked.face)
    return explain_answer(chosen, asked.face, found)


@asynccontextmanager
async def _uploads(request: Request, service: Service) -> AsyncIterator[list[Upload]]:
    """A request's files; all that is done with them is within the time limit and the queue."""
    seconds, part = service.limits.timeout, "arrived"
    with service.admitted():
        try:
            async with asyncio.timeout(seconds):
                uploads = await read_uploads(request.headers, request.stream(), service.limits)
                received = sum(len(upload.content) for upload in uploads)
                request.state.told = {"files": len(uploads), "bytes": received}
                part = "been scored"
                yield uploads
        except TimeoutError as error:
            status = 408 if part == "arrived" else 503
            raise Refusal(status, f"the request has not {part} within {seconds:g} s") from error
        except ClientDisconnect as error:
            raise Refusal(400, "the client left before its upload was whole") from error
