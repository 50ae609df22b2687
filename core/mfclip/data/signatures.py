"""The format of a file, told by its first bytes and never by its name."""

from __future__ import annotations

__all__ = ["DECODED", "FILMS", "HEAD", "described", "sniff"]

HEAD = 4096
"""First bytes that :func:`sniff` looks at; fewer will do for most formats."""

DECODED = frozenset(
    {"JPEG", "PNG", "WebP", "BMP", "GIF", "TIFF", "AVIF", "HEIF", "JPEG 2000", "ICO"}
)
"""Formats that are decoded, in the names of :func:`sniff`; HEIF with the extra ``heif``."""

FILMS = frozenset(
    {"MP4", "QuickTime", "3GP", "AVI", "Matroska or WebM", "FLV", "MPEG", "MPEG-TS", "ASF"}
)
"""Formats that hold films, in the names of :func:`sniff`."""
_SOUNDS = frozenset({"WAV", "MP3", "Ogg", "M4A", "FLAC"})

_MARKS = (
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (0, b"GIF87a", "GIF"),
    (0, b"GIF89a", "GIF"),
    (0, b"IIRO", "camera raw (ORF)"),
    (0, b"IIRS", "camera raw (ORF)"),
    (0, b"IIU\0", "camera raw (RW2)"),
    (8, b"CR\x02\0", "camera raw (CR2)"),
    (0, b"FUJIFILMCCD-RAW", "camera raw (RAF)"),
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (0, b"II+\0", "TIFF"),
    (0, b"MM\0+", "TIFF"),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (0, b"\xff\x0a", "JPEG XL"),
    (0, b"\xff\xd8", "JPEG"),
    (0, b"II\xbc\x01", "JPEG XR"),
    (0, b"%PDF-", "PDF"),
    (0, b"%!PS", "EPS"),
    (0, b"\xc5\xd0\xd3\xc6", "EPS"),
    (0, b"8BPS", "PSD"),
    (0, b"gimp xcf", "XCF"),
    (0, b"qoif", "QOI"),
    (0, b"DDS \x7c\0\0\0", "DDS"),
    (0, b"\x76\x2f\x31\x01", "OpenEXR"),
    (0, b"#?RADIANCE", "Radiance HDR"),
    (0, b"icns", "ICNS"),
    (0, b"SIMPLE  =", "FITS"),
    (0, b"BPG\xfb", "BPG"),
    (0, b"FLIF", "FLIF"),
    (0, b"AT&TFORM", "DjVu"),
    (0, b"\xd7\xcd\xc6\x9a", "WMF"),
    (40, b" EMF", "EMF"),
    (128, b"DICM", "DICOM"),
    (0, b"\x93NUMPY", "NumPy"),
    (0, b"\x89HDF\r\n\x1a\n", "HDF5"),
    (0, b"/* XPM", "XPM"),
    (0, b"\x1a\x45\xdf\xa3", "Matroska or WebM"),
    (0, b"FLV\x01", "FLV"),
    (0, b"\0\0\x01\xba", "MPEG"),
    (0, b"\0\0\x01\xb3", "MPEG"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "ASF"),
    (0, b"ID3", "MP3"),
    (0, b"OggS", "Ogg"),
    (0, b"fLaC", "FLAC"),
    (0, b"PK\x03\x04", "ZIP"),
    (0, b"\x1f\x8b\x08", "gzip"),
    (0, b"7z\xbc\xaf\x27\x1c", "7-Zip"),
    (0, b"Rar!\x1a\x07", "RAR"),
)
"""Where a mark stands, its bytes, and whose they are; the first that fits."""

_RIFF = {b"WEBP": "WebP", b"AVI ": "AVI", b"WAVE": "WAV"}
_HEIF = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
)
_BRANDS = {b"crx ": "camera raw (CR3)", b"qt  ": "QuickTime", b"M4A ": "M4A"}
_BITMAP_HEADERS = frozenset({12, 16, 40, 52, 56, 64, 108, 124})
"""Lengths that the second header of a BMP has had."""


def sniff(head: bytes) -> str | None:
    """Name the format of a file by its first bytes (:data:`HEAD` of them, or all it has).

    ``"JPEG"``, ``"PNG"``, ``"AVIF"``, ``"PDF"``, ``"MP4"`` and so on; None where no known format
    begins like this. It says nothing of whether the rest is sound.
    """
    if head[4:8] == b"ftyp":
        return _of_brands(head)
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12])
    for place, mark, name in _MARKS:
        if head.startswith(mark, place):
            return name
    return _of_fields(head) or _of_text(head)


def described(name: str) -> str:
    """A format in words: ``"PDF"``, ``"a video (MP4)"``."""
    if name in FILMS:
        return f"a video ({name})"
    return f"a sound ({name})" if name in _SOUNDS else name


def _of_brands(head: bytes) -> str:
    """ISO base media files: the brand that leads, then those it says it is compatible with."""
    end = min(max(int.from_bytes(head[:4], "big"), 16), len(head))
    major, others = head[8:12], {head[at : at + 4] for at in range(16, end, 4)}
    if major in (b"avif", b"avis") or (major in (b"mif1", b"msf1") and others & {b"avif", b"avis"}):
        return "AVIF"
    if major in _HEIF:
        return "HEIF"
    return _BRANDS.get(major) or ("3GP" if major[:2] == b"3g" else "MP4")


def _of_fields(head: bytes) -> str | None:
    """Formats whose mark is so short that fields of their headers are looked at as well."""
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BITMAP_HEADERS:
        return "BMP"
    entries, reserved, planes = head[4:6], head[9:10], head[10:12]
    if head[:3] == b"\0\0\x01" and head[3:4] == b"\0" and reserved == b"\0":
        return "ICO" if entries != b"\0\0" and planes in (b"\0\0", b"\x01\0") else None
    if head[:4] == b"\0\0\x02\0" and reserved == b"\0" and entries != b"\0\0":
        return "CUR"
    if len(head) > 376 and {head[0], head[188], head[376]} == {0x47}:
        return "MPEG-TS"
    if head[:1] == b"P" and head[1:2] in b"1234567" and head[2:3] in b" \t\r\n" and head[2:3]:
        return "PNM"
    return None


def _of_text(head: bytes) -> str | None:
    """Formats that are written in words, where a byte-order mark and comments may lead."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html")):
        return "HTML"
    if text.startswith((b"<svg", b"<?xml", b"<!--", b"<!doctype svg")) and b"<svg" in text:
        return "SVG"
    return "XML" if text.startswith(b"<?xml") else None
