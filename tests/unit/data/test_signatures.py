"""Files are told by their first bytes; Pillow and pillow-heif write most of them here."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from mfclip.data.signatures import DECODED, HEAD, described, sniff

WRITTEN = {
    **{"JPEG": "JPEG", "PNG": "PNG", "GIF": "GIF", "WEBP": "WebP", "BMP": "BMP", "TIFF": "TIFF"},
    **{"AVIF": "AVIF", "JPEG2000": "JPEG 2000", "ICO": "ICO", "PDF": "PDF", "EPS": "EPS"},
    **{"DDS": "DDS", "PPM": "PNM", "ICNS": "ICNS", "QOI": "QOI", "MPO": "JPEG"},
}
MADE = {
    "HEIF": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    "AVIF": b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf",
    "MP4": b"\0\0\0\x18ftypisom\0\0\2\0isommp42",
    "QuickTime": b"\0\0\0\x14ftypqt  \0\0\0\0qt  ",
    "3GP": b"\0\0\0\x14ftyp3gp4\0\0\0\0",
    "camera raw (CR3)": b"\0\0\0\x18ftypcrx \0\0\0\1crx isom",
    "camera raw (CR2)": b"II*\0\x10\0\0\0CR\2\0",
    "TIFF": b"MM\0+\0\x08\0\0",
    "AVI": b"RIFF\0\0\0\0AVI LIST",
    "Matroska or WebM": b"\x1a\x45\xdf\xa3\x01",
    "JPEG XL": b"\xff\x0a\0\0",
    "PSD": b"8BPS\0\1",
    "SVG": b"\xef\xbb\xbf<?xml version='1.0'?><!-- a --><svg>",
    "HTML": b"\n  <!doctype HTML>",
    "XML": b"<?xml version='1.0'?><a/>",
    "ZIP": b"PK\x03\x04",
    "CUR": b"\0\0\2\0\1\0\x20\x20\0\0",
    "DICOM": b"\0" * 128 + b"DICM",
}
NOTHING = [
    *(b"", b"\0", b"BM", b"BM is how this text begins", b"P3ople are many", b"RIFF\0\0\0\0XXXX"),
    *(b"\0" * 500, b"just text", b"GIF8 of a text", b"<a>", b"\0\0\1\0\0\0", b"path,label\n"),
]


@pytest.mark.parametrize("form", WRITTEN)
def test_what_pillow_writes(form: str) -> None:
    stream = io.BytesIO()
    Image.effect_noise((32, 32), 60).convert("RGB").save(stream, form)
    assert sniff(stream.getvalue()[:HEAD]) == WRITTEN[form]


@pytest.mark.parametrize("name", MADE)
def test_what_is_made_by_hand(name: str) -> None:
    assert sniff(MADE[name]) == name


@pytest.mark.parametrize("head", NOTHING)
def test_what_is_no_known_format(head: bytes) -> None:
    assert sniff(head) is None


def test_no_length_of_any_head_is_an_error() -> None:
    for head in [*MADE.values(), b"BM" + b"\0" * 30, b"\0\0\1\0" + b"\1" * 30]:
        for length in range(len(head)):
            sniff(head[:length])


def test_names_in_words() -> None:
    assert described("MP4") == "a video (MP4)"
    assert described("WAV") == "a sound (WAV)"
    assert described("PDF") == "PDF"
    assert {WRITTEN[form] for form in list(WRITTEN)[:9]} | {"HEIF"} == DECODED
