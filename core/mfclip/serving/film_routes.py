"""The paths for films: a film is a job that is asked about until it is done."""

from __future__ import annotations

import asyncio
from importlib.util import find_spec
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field
from starlette.requests import ClientDisconnect

from mfclip.errors import UsageError
from mfclip.inference.films import plan_of
from mfclip.serving.film_answers import JobAnswer, job_answer
from mfclip.serving.refusals import Refusal
from mfclip.serving.routes import ScoreQuery, form, problems, service_of
from mfclip.serving.service import Service
from mfclip.serving.uploads import FilmUpload, read_film

VIDEO = "/v1/video"
film_routes = APIRouter(tags=["films"])

_Id = Annotated[str, Path(description="As the answer to the upload names it.", max_length=64)]


class FilmQuery(ScoreQuery):
    """Of ``/v1/video``."""

    frames: int | None = Field(None, ge=1)
    """So many frames, evenly spaced in time; without it and ``rate``: 32."""
    rate: float | None = Field(None, gt=0, le=1000)
    """So many frames a second instead."""


@film_routes.post(
    VIDEO,
    status_code=202,
    openapi_extra=form(1, "One film; its content says what it is."),
    responses=problems(400, 404, 408, 413, 415, 422, 429, 503),
)
async def begin(
    request: Request, response: Response, asked: Annotated[FilmQuery, Query()]
) -> JobAnswer:
    """Take a film. It is scored when the films before it are; the answer says where to ask.

    A film that cannot be decoded is no error: its status says why there is no verdict.
    """
    service = service_of(request)
    if find_spec("av") is None:
        raise Refusal(404, "films are not decoded here: pip install 'mfclip[video]'")
    chosen = service.model(asked.model)
    try:
        point, plan = chosen.film_point(asked.threshold), plan_of(asked.frames, asked.rate)
    except UsageError as error:
        raise Refusal(422, str(error)) from error
    if asked.frames is not None and asked.frames > service.limits.max_frames:
        most = service.limits.max_frames
        raise Refusal(422, f"frames {asked.frames} is over the limit of {most}; ask for fewer")
    with service.admitted(), service.films.place():
        upload = await _arrived(request, service)
        job = service.films.begin(chosen, point, plan, upload)
    response.headers["Location"] = f"{VIDEO}/{job.id}"
    return job_answer(job)


@film_routes.get(VIDEO + "/{job}", responses=problems(404, 422))
async def ask(request: Request, job: _Id) -> JobAnswer:
    """How far a film is, and what came of it."""
    return job_answer(service_of(request).films.find(job))


@film_routes.delete(VIDEO + "/{job}", status_code=204, responses=problems(404, 422))
async def forget(request: Request, job: _Id) -> Response:
    """Give a film up, or drop its answer."""
    service_of(request).films.forget(job)
    return Response(status_code=204)


async def _arrived(request: Request, service: Service) -> FilmUpload:
    seconds = service.limits.film_timeout
    folder = service.films.folder
    try:
        async with asyncio.timeout(seconds):
            upload = await read_film(request.headers, request.stream(), service.limits, folder)
    except TimeoutError as error:
        raise Refusal(408, f"the request has not arrived within {seconds:g} s") from error
    except ClientDisconnect as error:
        raise Refusal(400, "the client left before its upload was whole") from error
    request.state.told = {"files": 1, "bytes": upload.bytes}
    return upload
