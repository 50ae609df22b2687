"""The page for people, at ``/``: its files are this package's, and the browser loads no others."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from fastapi import APIRouter, Request, Response

from mfclip.pages.template import template
from mfclip.serving.refusals import Refusal

KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
SCRIPTS = (
    "page.js",
    "service.js",
    "results.js",
    "films.js",
    "report.js",
    "serving.css",
    "icon.svg",
)

page_routes = APIRouter(include_in_schema=False)


@page_routes.get("/")
async def page(request: Request) -> Response:
    """The page. It holds nothing of anybody, so no token is asked for; its requests carry one."""
    return Response(
        _page(request.app.state.tokens is not None), media_type="text/html; charset=utf-8"
    )


@page_routes.get("/static/{name}")
async def static(name: str) -> Response:
    """One of the page's files."""
    if name != "page.css" and name not in SCRIPTS:
        raise Refusal(404, "there is no such file")
    kind = KINDS[name[name.rindex(".") :]]
    return Response(_file(name), media_type=f"{kind}; charset=utf-8")


@cache
def _page(guarded: bool) -> str:
    from mfclip.version import __version__

    return template("mfclip.serving").render(version=__version__, guarded=guarded)


@cache
def _file(name: str) -> bytes:
    package = files("mfclip.pages") if name == "page.css" else files("mfclip.serving") / "static"
    return (package / name).read_bytes()
