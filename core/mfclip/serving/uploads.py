"""Files of a multipart request, read in memory and nowhere else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import NamedTuple

from mfclip.serving.limits import Limits
from mfclip.serving.refusals import Refusal

FIELD = "files"
"""Name of the form's field."""
_HEADERS = 4096
"""Bytes that the headers of one part may have."""
_ALLOWED = f"send multipart/form-data with one or more parts named {FIELD!r}, each an image file"


class Upload(NamedTuple):
    """One file."""

    name: str
    """As the client calls it; empty where it does not."""
    content: bytes


async def read_uploads(
    headers: Mapping[str, str], chunks: AsyncIterator[bytes], limits: Limits
) -> list[Upload]:
    """Every file of a request's body.

    Parameters
    ----------
    headers
        Of the request, by their names in lower case.
    chunks
        The body as it arrives.

    Raises
    ------
    Refusal
        415 for another content type, 400 for a body that is no form or breaks off, 413 for one with
        too many bytes, 422 for other fields, for no file and for too many.
    """
    parts = _Parts(_boundary(headers.get("content-type", "")), limits)
    told = headers.get("content-length", "")
    if told.isascii() and told.isdigit() and int(told) > limits.max_bytes:
        raise _too_many_bytes(limits)
    received = 0
    async for chunk in chunks:
        received += len(chunk)
        if received > limits.max_bytes:
            raise _too_many_bytes(limits)
        parts.feed(chunk)
    return parts.finished()


def _boundary(content_type: str) -> bytes:
    from python_multipart.multipart import parse_options_header

    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not boundary:
        received = repr(content_type[:80]) if content_type else "none"
        raise Refusal(415, f"the content type is {received}; {_ALLOWED}")
    return boundary


def _too_many_bytes(limits: Limits) -> Refusal:
    return Refusal(
        413, f"the request is over the limit of {limits.max_bytes} bytes; send fewer images in one"
    )


class _Parts:
    """Collects the parts that the parser tells of."""

    def __init__(self, boundary: bytes, limits: Limits) -> None:
        from python_multipart import MultipartParser

        self._limits = limits
        self._uploads: list[Upload] = []
        self._headers: dict[bytes, bytes] = {}
        self._header = (bytearray(), bytearray())
        self._length = 0
        self._content = bytearray()
        self._ended = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": lambda data, start, end: self._head(0, data[start:end]),
                "on_header_value": lambda data, start, end: self._head(1, data[start:end]),
                "on_header_end": self._header_ends,
                "on_headers_finished": self._check,
                "on_part_data": lambda data, start, end: self._content.extend(data[start:end]),
                "on_part_end": self._end,
                "on_end": self._whole,
            },
        )

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the body."""
        from python_multipart.exceptions import FormParserError

        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise Refusal(400, f"the body is no form ({error}); {_ALLOWED}") from error

    def finished(self) -> list[Upload]:
        """The files, where the body was whole."""
        if not self._ended:
            raise Refusal(400, f"the body ends before its last boundary; {_ALLOWED}")
        if not self._uploads:
            raise Refusal(422, f"the form holds no file; {_ALLOWED}")
        return self._uploads

    def _begin(self) -> None:
        if len(self._uploads) == self._limits.max_files:
            most = self._limits.max_files
            raise Refusal(422, f"the request holds more than {most} files; send fewer in one")
        self._headers, self._content, self._length = {}, bytearray(), 0

    def _head(self, which: int, data: bytes) -> None:
        self._length += len(data)
        if self._length > _HEADERS:
            raise Refusal(400, f"the headers of a part are over {_HEADERS} bytes; {_ALLOWED}")
        self._header[which].extend(data)

    def _header_ends(self) -> None:
        name, value = self._header
        self._headers[bytes(name).lower()] = bytes(value)
        self._header = (bytearray(), bytearray())

    def _options(self) -> dict[bytes, bytes]:
        from python_multipart.multipart import parse_options_header

        return parse_options_header(self._headers.get(b"content-disposition", b""))[1]

    def _check(self) -> None:
        """Before its content: whether the part is wanted at all."""
        name = self._options().get(b"name", b"").decode("utf-8", "replace")
        if name != FIELD:
            raise Refusal(422, f"the form has a field {name[:80]!r}; {_ALLOWED}")

    def _end(self) -> None:
        name = self._options().get(b"filename", b"").decode("utf-8", "replace")
        self._uploads.append(Upload(name, bytes(self._content)))
        self._content = bytearray()

    def _whole(self) -> None:
        self._ended = True
