"""The service as an ASGI application."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from mfclip.serving.film_routes import film_routes
from mfclip.serving.logs import NAME
from mfclip.serving.meters import Meters
from mfclip.serving.outer import Outer
from mfclip.serving.page import page_routes
from mfclip.serving.refusals import CODES, Refusal
from mfclip.serving.routes import SCORE, form, guarded, open_routes, problems, routes
from mfclip.serving.service import Service
from mfclip.serving.tokens import is_local
from mfclip.version import __version__

if TYPE_CHECKING:
    from mfclip.data.credentials import CredentialsReader
    from mfclip.serving.limits import Limits
    from mfclip.serving.models import Model
    from mfclip.serving.tokens import Tokens

_ABOUT = "Scores photos of faces: how likely each is forged, and what a detector makes of it."
_log = logging.getLogger(NAME)


def create_app(
    models: Mapping[str, Model],
    limits: Limits,
    *,
    tokens: Tokens | None = None,
    host: str = "127.0.0.1",
    drain: float = 30.0,
    credentials: CredentialsReader | None = None,
) -> FastAPI:
    """The application; its threads run from its start-up to its end.

    Parameters
    ----------
    models
        By name; the first one answers requests that name none.
    tokens
        Who knows one is answered; None: everybody is.
    host
        Address that it will listen on. A local one without tokens is called by no other name, so
        that pages from elsewhere cannot reach it through a visitor's browser.
    drain
        Seconds that are given to what is in hand when it ends.
    credentials
        Reads the content credentials of images; None: they are not looked at.
    """
    meters = Meters()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.service = service = Service(models, limits, meters, credentials)
        yield
        if not service.close(drain):
            _log.warning("ended with images unscored: they took longer than the time to drain")

    app = FastAPI(
        title="mfclip",
        summary=_ABOUT,
        version=__version__,
        lifespan=lifespan,
        docs_url=None,  # these would load scripts from elsewhere
        redoc_url=None,
        responses=problems(500),
    )
    app.state.tokens, app.state.models = tokens, tuple(models)
    app.include_router(open_routes)
    app.include_router(page_routes)
    for router in (routes, film_routes):
        if tokens is None:
            app.include_router(router)
        else:
            app.include_router(router, dependencies=[Depends(guarded)], responses=problems(401))
    _describe_limits(app, limits)
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _unknown)
    app.add_exception_handler(Exception, _failed)
    hosts = {host, "localhost", "127.0.0.1", "::1"} if tokens is None and is_local(host) else None
    app.add_middleware(Outer, meters=meters, hosts=hosts)
    return app


def _describe_limits(app: FastAPI, limits: Limits) -> None:
    """Let OpenAPI tell how many files a request may have here."""
    describe = app.openapi

    def described() -> dict[str, Any]:
        schema = describe()
        schema["paths"][SCORE]["post"] |= form(limits.max_files)
        return schema

    app.openapi = described  # type: ignore[method-assign]  # as FastAPI's manual has it


async def _refused(request: Request, error: Exception) -> JSONResponse:
    refusal = cast(Refusal, error)
    return JSONResponse(refusal.body, refusal.status, refusal.headers)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    told = cast(RequestValidationError, error).errors()
    texts = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in told]
    return JSONResponse(Refusal(422, "; ".join(texts)).body, 422)


async def _unknown(request: Request, error: Exception) -> JSONResponse:
    """A path or a method that there is not."""
    found = cast(HTTPException, error)
    status = found.status_code if found.status_code in CODES else 400
    return JSONResponse(Refusal(status, str(found.detail)).body, status, found.headers)


async def _failed(request: Request, error: Exception) -> JSONResponse:
    """Whatever went wrong here is in the log, and none of it in the answer."""
    _log.error("failed", exc_info=error)
    refusal = Refusal(500, "the service failed; its log says why")
    return JSONResponse(refusal.body, refusal.status)
