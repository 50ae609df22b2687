"""Around every request: where it came to, headers of the answer, one line of log, its counts."""

from __future__ import annotations

import itertools
import logging
import re
import secrets
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mfclip.serving.logs import NAME
from mfclip.serving.meters import Meters
from mfclip.serving.refusals import Refusal

POLICY = "; ".join(
    (
        *("default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"),
        *("img-src 'self' blob: data:", "media-src blob:", "base-uri 'none'", "form-action 'none'"),
        "frame-ancestors 'none'",
    )
)
"""What a browser may load for the page: this service's own files, and pictures it was given."""
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}
GONE = 499
"""Logged as the status where the client left before its answer."""
_START, _NUMBERS = secrets.token_hex(4), itertools.count()
"""A request's id: of this process, and a number. Asking the system for each would cost more."""
_log = logging.getLogger(NAME)


@dataclass(slots=True)
class _Told:
    """What the log says of one request."""

    id: str = field(default_factory=lambda: f"{_START}{next(_NUMBERS):08x}")
    status: int = GONE
    started: float = field(default_factory=time.perf_counter)


class Outer:
    """The outermost layer.

    Parameters
    ----------
    hosts
        Names by which the service may be called; None: any. Where no token is asked for, another
        name means that a page from elsewhere has turned its own name to this machine.
    """

    def __init__(self, app: ASGIApp, meters: Meters, hosts: Collection[str] | None) -> None:
        self._app, self._meters, self._hosts = app, meters, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        told = _Told()

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                told.status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = told.id
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        app = self._app if self._is_ours(scope) else _wrong_host
        try:
            await app(scope, receive, sending)
        finally:
            self._tell(scope, told)

    def _is_ours(self, scope: Scope) -> bool:
        host = Headers(scope=scope).get("host", "")
        name = re.sub(r":\d*$", "", host).strip("[]").lower()
        return self._hosts is None or name in self._hosts

    def _tell(self, scope: Scope, told: _Told) -> None:
        seconds = time.perf_counter() - told.started
        route = getattr(scope.get("route"), "path", "none")
        self._meters.answered(route, told.status, seconds)
        line: dict[str, Any] = {
            "request": told.id,
            "method": scope["method"][:16],
            "route": route,
            "status": told.status,
            "ms": round(1000 * seconds, 1),
            **scope.get("state", {}).get("told", {}),
        }
        _log.info("answered", extra={"told": line})


async def _wrong_host(scope: Scope, receive: Receive, send: Send) -> None:
    refusal = Refusal(421, "the service does not go by that name; use the address it listens on")
    await JSONResponse(refusal.body, refusal.status)(scope, receive, send)
