"""Running the service: sockets, signals, and an end that leaves nobody without an answer."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import logging.config
import signal
import socket
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from mfclip.errors import UsageError
from mfclip.serving.logs import CONFIG, NAME

if TYPE_CHECKING:
    from fastapi import FastAPI

HEADERS = 10.0
"""Seconds in which the headers of a request must have arrived."""
KEEP = 75
"""Seconds that a connection may lie idle between requests; proxies give up theirs sooner, so that
none sends a request just as it is closed."""
BACKLOG = 256
_log = logging.getLogger(NAME)


class PatientProtocol(H11Protocol):
    """HTTP/1.1 that waits for headers, but not for ever.

    The time runs from the connection, and for later requests from their first byte.
    """

    _watch: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Begin to wait for the rest of the headers, or end it."""
        super().data_received(data)
        self._wait()

    def on_response_complete(self) -> None:
        """Begin to wait for a request whose first bytes came before the last one's answer."""
        super().on_response_complete()
        if self.conn.trailing_data[0]:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        super().connection_lost(exc)
        self._done()

    def _wait(self) -> None:
        """Let the time run while headers are missing, from when it was first called for them."""
        if self.conn.their_state is not h11.IDLE:
            self._done()
        elif self._watch is None:
            self._watch = self.loop.call_later(HEADERS, self.transport.close)

    def _done(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None


class Server(uvicorn.Server):
    """Ends by itself, with exit code 0, when SIGTERM or SIGINT asks it to; a second one hurries."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self.app = app

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Say when requests may come."""
        await super().startup(sockets)
        if self.started and sockets:
            host, port = sockets[0].getsockname()[:2]
            told = {"host": host, "port": port, "models": self.app.state.models}
            _log.info("ready", extra={"told": told})

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take the signals for the time of the block; only a main thread can."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        earlier = {
            number: signal.signal(number, self._stop) for number in (signal.SIGTERM, signal.SIGINT)
        }
        try:
            yield
        finally:
            for number, handler in earlier.items():
                signal.signal(number, handler)

    def _stop(self, number: int, frame: object) -> None:
        if self.should_exit:
            self.force_exit = True
        self.should_exit = True
        self.app.state.service.draining = True


def serve(app: FastAPI, *, host: str, port: int, drain: float) -> None:
    """Listen until a signal comes, then answer what is in hand, and return.

    Raises
    ------
    UsageError
        Where the address cannot be listened on.
    """
    listening = _listen(host, port)
    logging.config.dictConfig(CONFIG)
    config = uvicorn.Config(
        app,
        http=PatientProtocol,
        ws="none",
        log_config=None,
        access_log=False,
        timeout_keep_alive=KEEP,
        server_header=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=max(1, round(drain)),
    )
    server = Server(config, app)
    with listening:
        server.run(sockets=[listening])
    _log.info("ended", extra={"told": {"forced": server.force_exit}})


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        reason = error.strerror or str(error)
        raise UsageError(
            f"{host}:{port} cannot be listened on: {reason}; give another --host or --port"
        ) from error
    return listening
