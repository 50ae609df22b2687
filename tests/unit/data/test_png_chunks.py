"""A PNG is decoded however much metadata it carries, and Pillow's limits stay as they are."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from mfclip.data.audit.probing import probe
from mfclip.data.images import ImageStatus, decode

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 56, 3), dtype=np.uint8)
RGB = Image.fromarray(PIXELS)


def saved(image: Image.Image, form: str, **how: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **how)
    return buffer.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def with_chunk(png: bytes, *chunks: bytes, last: bool = False) -> bytes:
    place = len(png) - 12 if last else 33
    return png[:place] + b"".join(chunks) + png[place:]


@pytest.mark.parametrize(
    "extra",
    [
        chunk(b"zTXt", b"parameters\0\0" + zlib.compress(b"a" * 5_000_000)),
        chunk(b"iTXt", b"prompt\0\1\0\0\0" + zlib.compress(b"a" * 5_000_000)),
        chunk(b"tEXt", b"workflow\0" + b"a" * 5_000_000),
        chunk(b"iCCP", b"icc\0\0" + zlib.compress(b"\0" * 5_000_000)),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(b"a" * 5_000_000)),
        b"".join(
            chunk(b"zTXt", b"a\0\0" + zlib.compress(b"a" * 900_000)) for _ in range(80)
        ),  # more than Pillow keeps in all
    ],
    ids=["zTXt", "iTXt", "tEXt", "iCCP", "xmp", "many"],
)
@pytest.mark.parametrize("last", [False, True])
def test_much_metadata_in_a_png_does_no_harm(tmp_path: Path, extra: bytes, last: bool) -> None:
    limits = (PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY)
    (tmp_path / "x").write_bytes(with_chunk(saved(RGB, "PNG"), extra, last=last))
    assert np.array_equal(decode(tmp_path / "x"), PIXELS)
    assert probe(tmp_path / "x").status is ImageStatus.OK
    assert limits == (PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY)
