"""Multipart bodies: read whole whatever the chunks, refused with a reason otherwise."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfclip.serving.limits import Limits
from mfclip.serving.refusals import Refusal
from mfclip.serving.uploads import read_uploads

LIMITS = Limits(max_bytes=10_000, max_files=3)


def encoded(*files: tuple[str, bytes], field: str = "files") -> tuple[dict[str, str], bytes]:
    """Headers and body as httpx makes them."""
    request = httpx.Request("POST", "http://x", files=[(field, file) for file in files])
    return dict(request.headers), request.read()


def read(headers: dict[str, str], body: bytes, cuts=(), limits: Limits = LIMITS):
    async def chunks():
        places = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
        for start, end in pairwise(places):
            yield body[start:end]

    return asyncio.run(read_uploads(headers, chunks(), limits))


@settings(max_examples=60, deadline=None)
@given(
    files=st.lists(
        st.tuples(
            st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1), st.binary()
        ),
        min_size=1,
        max_size=3,
    ),
    cuts=st.lists(st.integers(0, 4000), max_size=8),
)
def test_files_come_back_as_they_were_sent(files, cuts):
    headers, body = encoded(*files)
    found = read(headers, body, cuts)
    assert [one.content for one in found] == [content for _, content in files]
    plain = [name for name, _ in files if not set(name) & set('"\\\r\n')]
    assert set(plain) <= {one.name for one in found}


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.99])
def test_a_body_that_breaks_off_is_refused(share):
    headers, body = encoded(("a.png", b"x" * 500), ("b.png", b"y" * 500))
    headers.pop("content-length")
    with pytest.raises(Refusal, match=r"ends before|no file") as refused:
        read(headers, body[: int(share * len(body))])
    assert refused.value.status == 400


REFUSED = {
    "another content type": ({"content-type": "image/png"}, b"", 415, "'image/png'"),
    "none": ({}, b"", 415, "none"),
    "no boundary": ({"content-type": "multipart/form-data"}, b"", 415, "multipart"),
    "another body": ({"content-type": "multipart/form-data; boundary=q"}, b"abc", 400, "no form"),
    "no parts": (
        {"content-type": "multipart/form-data; boundary=q"}, b"--q--\r\n", 422, "no file"),
    "another field": (*encoded(("a", b"x"), field="image"), 422, "'image'"),
    "too many": (*encoded(*[("a", b"x")] * 4), 422, "more than 3 files"),
    "too long": (*encoded(("a", b"x" * 10_001)), 413, "limit of 10000 bytes"),
    "long headers": (*encoded(("a" * 5000, b"x")), 400, "over 4096|exceeded"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_used_is_refused_with_a_reason(name):
    headers, body, status, words = REFUSED[name]
    with pytest.raises(Refusal, match=words) as refused:
        read(headers, body, cuts=range(0, len(body), 1000))
    assert refused.value.status == status
    assert "files" in refused.value.message or "fewer" in refused.value.message


def test_a_length_that_is_too_large_is_refused_before_a_byte_is_read():
    headers, _ = encoded(("a", b"x"))

    async def never():
        raise AssertionError("read")
        yield b""

    headers["content-length"] = "10001"
    with pytest.raises(Refusal, match="limit"):
        asyncio.run(read_uploads(headers, never(), LIMITS))


def test_a_length_that_lies_does_not_help():
    headers, body = encoded(("a", b"x" * 20_000))
    headers["content-length"] = "5"
    with pytest.raises(Refusal, match="limit"):
        read(headers, body, cuts=range(0, len(body), 1000))
