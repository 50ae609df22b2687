"""Files of a multipart request: images are read in memory and nowhere else, a film into a file."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Generic, NamedTuple, Protocol, TypeVar

from mfclip.serving.limits import Limits
from mfclip.serving.refusals import Refusal

FIELD = "files"
"""Name of the form's field."""
_HEADERS = 4096
"""Bytes that the headers of one part may have."""
_ALLOWED = f"send multipart/form-data with one or more parts named {FIELD!r}, each a file"


class Upload(NamedTuple):
    """One file."""

    name: str
    """As the client calls it; empty where it does not."""
    content: bytes


class FilmUpload(NamedTuple):
    """A film that has arrived."""

    name: str
    """As the client calls it; empty where it does not."""
    path: Path
    """Where it lies until it is scored."""
    sha256: str
    """Of its bytes."""
    bytes: int


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
    found = await _read(headers, chunks, limits.max_bytes, limits.max_files, bytearray)
    return [Upload(name, bytes(content)) for name, content in found]


async def read_film(
    headers: Mapping[str, str], chunks: AsyncIterator[bytes], limits: Limits, folder: Path
) -> FilmUpload:
    """The one film of a request's body, in a file of its own in the folder.

    Parameters and refusals as of :func:`read_uploads`; of a request that is refused no file stays.
    """
    begun: list[_OnDisk] = []

    def begin() -> _OnDisk:
        begun.append(_OnDisk(folder))
        return begun[-1]

    try:
        ((name, film),) = await _read(headers, chunks, limits.max_film_bytes, 1, begin)
    except BaseException:
        for one in begun:
            one.discard()
        raise
    return film.finished(name)


class _Store(Protocol):
    """What takes the bytes of one file."""

    def extend(self, data: bytes, /) -> object:
        """Take the next ones."""


S = TypeVar("S", bound=_Store)


class _OnDisk:
    """The bytes of a film on their way to a file."""

    def __init__(self, folder: Path) -> None:
        number, name = tempfile.mkstemp(dir=folder)
        self._stream, self._path = os.fdopen(number, "wb"), Path(name)
        self._hash, self._bytes = hashlib.sha256(), 0

    def extend(self, data: bytes) -> None:
        self._stream.write(data)
        self._hash.update(data)
        self._bytes += len(data)

    def discard(self) -> None:
        try:
            self._stream.close()  # which writes, and fails on a full disk
        finally:
            self._path.unlink()

    def finished(self, name: str) -> FilmUpload:
        self._stream.close()
        return FilmUpload(name, self._path, self._hash.hexdigest(), self._bytes)


async def _read(
    headers: Mapping[str, str],
    chunks: AsyncIterator[bytes],
    max_bytes: int,
    max_files: int,
    begin: Callable[[], S],
) -> list[tuple[str, S]]:
    """Names and contents of a body's files."""
    parts = _Parts(_boundary(headers.get("content-type", "")), max_files, begin)
    told = headers.get("content-length", "")
    if told.isascii() and told.isdigit() and int(told) > max_bytes:
        raise _too_many_bytes(max_bytes)
    received = 0
    async for chunk in chunks:
        received += len(chunk)
        if received > max_bytes:
            raise _too_many_bytes(max_bytes)
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


def _too_many_bytes(most: int) -> Refusal:
    return Refusal(
        413, f"the request is over the limit of {most} bytes; send fewer or smaller files"
    )


class _Parts(Generic[S]):
    """Collects the parts that the parser tells of."""

    def __init__(self, boundary: bytes, most: int, begin: Callable[[], S]) -> None:
        from python_multipart import MultipartParser

        self._most, self._begin_store = most, begin
        self._found: list[tuple[str, S]] = []
        self._headers: dict[bytes, bytes] = {}
        self._header = (bytearray(), bytearray())
        self._length = 0
        self._content: S | None = None
        self._ended = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": lambda data, start, end: self._head(0, data[start:end]),
                "on_header_value": lambda data, start, end: self._head(1, data[start:end]),
                "on_header_end": self._header_ends,
                "on_headers_finished": self._check,
                "on_part_data": self._take,
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

    def finished(self) -> list[tuple[str, S]]:
        """The files, where the body was whole."""
        if not self._ended:
            raise Refusal(400, f"the body ends before its last boundary; {_ALLOWED}")
        if not self._found:
            raise Refusal(422, f"the form holds no file; {_ALLOWED}")
        return self._found

    def _begin(self) -> None:
        if len(self._found) == self._most:
            files = "file" if self._most == 1 else "files"
            raise Refusal(
                422, f"the request holds more than {self._most} {files}; send fewer in one"
            )
        self._headers, self._content, self._length = {}, None, 0

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
        self._content = self._begin_store()

    def _take(self, data: bytes, start: int, end: int) -> None:
        assert self._content is not None, "a part has headers before its content"
        self._content.extend(data[start:end])

    def _end(self) -> None:
        name = self._options().get(b"filename", b"").decode("utf-8", "replace")
        assert self._content is not None, "a part has headers before its end"
        self._found.append((name, self._content))
        self._content = None

    def _whole(self) -> None:
        self._ended = True
