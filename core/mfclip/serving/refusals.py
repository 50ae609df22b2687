"""Requests that get no answer, and what is said instead."""

from __future__ import annotations

from collections.abc import Mapping

from mfclip.serving.limits import RETRY

CODES: Mapping[int, str] = {
    400: "bad-request",
    401: "no-token",
    404: "not-found",
    405: "method-not-allowed",
    408: "too-slow",
    413: "too-large",
    415: "not-multipart",
    421: "wrong-host",
    422: "unusable",
    429: "busy",
    500: "failed",
    503: "not-ready",
}
"""What each status is called in the answer."""


class Refusal(Exception):
    """A request cannot be answered; the text says what is wrong, what is allowed, what to do."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message

    @property
    def body(self) -> dict[str, str]:
        """The answer in its place."""
        return {"error": CODES[self.status], "message": self.message}

    @property
    def headers(self) -> dict[str, str]:
        """Those that its status asks for."""
        if self.status in (429, 503):
            return {"Retry-After": str(RETRY)}
        if self.status == 401:
            return {"WWW-Authenticate": "Bearer"}
        # What is left of an upload is not read, so the connection cannot be used again.
        return {"Connection": "close"} if self.status in (408, 413) else {}
