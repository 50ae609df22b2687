"""Every kind of file, written here, is decoded as Pillow decodes it, or refused by its name."""

from __future__ import annotations

import io
import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from mfclip.data import images as module
from mfclip.data.audit.probing import probe
from mfclip.data.decoding import decode_batches
from mfclip.data.images import ImageError, ImageStatus, decode, read_picture


def smooth(height: int = 40, width: int = 56) -> np.ndarray:
    """A picture without noise, so that lossy formats keep it."""
    y, x = np.mgrid[:height, :width]
    levels = [y * 5, x * 4, 255 - (x + y) * 2]
    return np.dstack([np.clip(one, 0, 255) for one in levels]).astype(np.uint8)


PIXELS = smooth()
RGB = Image.fromarray(PIXELS)
ALPHA = Image.fromarray(np.tile(np.linspace(0, 255, 56).astype(np.uint8), (40, 1)))
RGBA = Image.merge("RGBA", [*RGB.split(), ALPHA])
XMP = b"<x:xmpmeta><rdf:Description tiff:Orientation='1' tiff:Orientation=\"6\"/></x:xmpmeta>"


def saved(image: Image.Image, form: str, **how: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **how)
    return buffer.getvalue()


def turned(turn: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = turn
    return exif


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def with_chunk(png: bytes, *chunks: bytes, last: bool = False) -> bytes:
    place = len(png) - 12 if last else 33
    return png[:place] + b"".join(chunks) + png[place:]


def png(depth: int, kind: int, *extra: bytes, channels: int) -> bytes:
    """A PNG of random samples, written by hand; not interlaced."""
    width, height = 21, 18
    row = (width * channels * depth + 7) // 8
    most = 16 if kind == 3 and depth == 8 else 256
    raw = np.random.default_rng(0).integers(0, most, (height, row), dtype=np.uint8)
    body = b"".join(b"\0" + line.tobytes() for line in raw)
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    parts = [chunk(b"IHDR", header), *extra, chunk(b"IDAT", zlib.compress(body))]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + chunk(b"IEND", b"")


def interlaced() -> bytes:
    """Adam7, 8-bit grey, written by hand."""
    grey = np.random.default_rng(1).integers(0, 256, (19, 23), dtype=np.uint8)
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2)]
    body = b""
    for top, left, down, right in [*passes, (1, 0, 2, 1)]:
        for row in grey[top::down, left::right]:
            body += b"\0" + row.tobytes()
    header = struct.pack(">IIBBBBB", 23, 19, 8, 0, 0, 0, 1)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def without(jpeg: bytes, marker: bytes) -> bytes:
    start = jpeg.index(marker)
    length = int.from_bytes(jpeg[start + 2 : start + 4], "big")
    return jpeg[:start] + jpeg[start + 2 + length :]


def ycck() -> bytes:
    """An Adobe JPEG whose first three channels are YCC: the transform byte says so."""
    cmyk = bytearray(saved(RGB.convert("CMYK"), "JPEG", quality=95))
    start = cmyk.index(b"Adobe")
    cmyk[start + 11] = 2
    return bytes(cmyk)


def arithmetic() -> bytes:
    """Any bits are arithmetic codes of some picture; two decoders agree on which."""
    jpeg = bytearray(saved(RGB, "JPEG"))
    jpeg[jpeg.index(b"\xff\xc0") + 1] = 0xC9
    return bytes(jpeg)


def float_tiff() -> bytes:
    return saved(Image.fromarray(PIXELS[..., 0].astype(np.float32) / 255), "TIFF")


def animated(form: str, **how: object) -> bytes:
    others = [ImageOps.invert(RGB), ImageOps.mirror(RGB)]
    return saved(RGB, form, save_all=True, append_images=others, **how)


PALETTE = RGB.quantize(16)
COLOURS = chunk(b"PLTE", bytes(99 * place % 256 for place in range(48)))
WIDE = Image.fromarray(PIXELS[..., 0].astype(np.uint16) * 257)
SOUND: dict[str, Callable[[], bytes]] = {
    "cmyk jpeg": lambda: saved(RGB.convert("CMYK"), "JPEG", quality=95),
    "cmyk jpeg without adobe": lambda: without(
        saved(RGB.convert("CMYK"), "JPEG", quality=95), b"\xff\xee"
    ),
    "ycck jpeg": ycck,
    "grey jpeg": lambda: saved(RGB.convert("L"), "JPEG"),
    "progressive jpeg": lambda: saved(RGB, "JPEG", progressive=True),
    "arithmetic jpeg": arithmetic,
    "jpeg with restarts": lambda: saved(RGB, "JPEG", restart_marker_blocks=2),
    "jpeg and more": lambda: saved(RGB, "JPEG") + b"\0more" * 50,
    "jpeg with much exif": lambda: saved(RGB, "JPEG", exif=b"Exif\0\0" + b"\0" * 60000),
    "jpeg with much icc": lambda: saved(RGB, "JPEG", icc_profile=b"\0" * 3_000_000),
    "png 1": lambda: png(1, 0, channels=1),
    "png 2": lambda: png(2, 0, channels=1),
    "png 4": lambda: png(4, 0, channels=1),
    "png 8": lambda: png(8, 0, channels=1),
    "png 8 and a clear grey": lambda: png(8, 0, chunk(b"tRNS", b"\0\x55"), channels=1),
    "png palette 1": lambda: png(1, 3, COLOURS, channels=1),
    "png palette 2": lambda: png(2, 3, COLOURS, channels=1),
    "png palette 4": lambda: png(4, 3, COLOURS, channels=1),
    "png palette 8": lambda: png(8, 3, COLOURS, channels=1),
    "png palette with alpha": lambda: png(
        4, 3, COLOURS, chunk(b"tRNS", bytes(range(0, 240, 16))), channels=1
    ),
    "png rgb 8": lambda: png(8, 2, channels=3),
    "png rgb 16": lambda: png(16, 2, channels=3),
    "png la 8": lambda: png(8, 4, channels=2),
    "png la 16": lambda: png(16, 4, channels=2),
    "png rgba 8": lambda: png(8, 6, channels=4),
    "png rgba 16": lambda: png(16, 6, channels=4),
    "png interlaced": interlaced,
    "png and more": lambda: saved(RGB, "PNG") + b"more" * 30,
    "gif": lambda: saved(RGB, "GIF"),
    "gif with a clear colour": lambda: saved(PALETTE, "GIF", transparency=3),
    "animated gif": lambda: animated("GIF"),
    "animated webp": lambda: animated("WEBP", lossless=True),
    "animated png": lambda: animated("PNG"),
    "animated avif": lambda: animated("AVIF"),
    "avif": lambda: saved(RGB, "AVIF"),
    "avif with alpha": lambda: saved(RGBA, "AVIF"),
    "tiff": lambda: saved(RGB, "TIFF"),
    "tiff deflated": lambda: saved(RGB, "TIFF", compression="tiff_deflate"),
    "tiff jpeg": lambda: saved(RGB, "TIFF", compression="jpeg"),
    "tiff cmyk": lambda: saved(RGB.convert("CMYK"), "TIFF"),
    "tiff rgba": lambda: saved(RGBA, "TIFF"),
    "tiff la": lambda: saved(RGBA.convert("LA"), "TIFF"),
    "tiff ycbcr": lambda: saved(RGB.convert("YCbCr"), "TIFF"),
    "tiff pages": lambda: animated("TIFF"),
    "bigtiff": lambda: saved(RGB, "TIFF", big_tiff=True),
    "jpeg 2000": lambda: saved(RGB, "JPEG2000"),
    "jpeg 2000 bare": lambda: saved(RGB, "JPEG2000", no_jp2=True),
    "jpeg 2000 alpha": lambda: saved(RGBA, "JPEG2000"),
    "mpo": lambda: animated("MPO"),
    "ico": lambda: saved(RGBA.resize((48, 48)), "ICO", sizes=[(16, 16), (48, 48)]),
    "ico of bitmaps": lambda: saved(RGB.resize((32, 32)), "ICO", bitmap_format="bmp"),
    "bmp of a palette": lambda: saved(PALETTE, "BMP"),
    **{
        f"{form} turned {turn}": lambda form=form, turn=turn: saved(RGB, form, exif=turned(turn))
        for form in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF")
        for turn in (3, 6, 7)
    },
    "jpeg turned by xmp": lambda: saved(RGB, "JPEG", xmp=XMP),
    "webp turned by xmp": lambda: saved(RGB, "WEBP", xmp=XMP),
    "png turned by xmp": lambda: with_chunk(
        saved(RGB, "PNG"), chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP)
    ),
    "png turned by packed xmp": lambda: with_chunk(
        saved(RGB, "PNG"), chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(XMP))
    ),
    "png turned by xmp behind": lambda: with_chunk(
        saved(RGB, "PNG"), chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP), last=True
    ),
}


def as_pillow(content: bytes) -> np.ndarray:
    """The oracle: Pillow alone, transparency over white."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return np.asarray(image.convert("RGB")).astype(int)


def test_the_matrix_is_as_long_as_it_was_meant_to_be() -> None:
    assert len(SOUND) == 72


@pytest.mark.parametrize("kind", SOUND)
def test_decoded_as_pillow_does(tmp_path: Path, kind: str) -> None:
    content = SOUND[kind]()
    (tmp_path / "x").write_bytes(content)
    decoded, expected = decode(tmp_path / "x").astype(int), as_pillow(content)
    assert decoded.shape == expected.shape
    assert np.abs(decoded - expected).max() <= 1
    assert expected.std() > 5
    assert probe(tmp_path / "x").status is ImageStatus.OK


@pytest.mark.parametrize("form", ["PNG", "TIFF", "JPEG2000"])
def test_16_bit_grey_keeps_its_high_byte(tmp_path: Path, form: str) -> None:
    (tmp_path / "x").write_bytes(saved(WIDE, form))
    assert np.array_equal(decode(tmp_path / "x")[..., 1], PIXELS[..., 0])


def test_16_bit_grey_with_a_clear_grey_is_white_there(tmp_path: Path) -> None:
    plain = saved(WIDE, "PNG")
    value = int(PIXELS[3, 0, 0]) * 257
    (tmp_path / "x").write_bytes(with_chunk(plain, chunk(b"tRNS", struct.pack(">H", value))))
    expected = np.where(PIXELS[..., 0] == value // 257, 255, PIXELS[..., 0])
    assert np.array_equal(decode(tmp_path / "x")[..., 0], expected)


def patched(marker: int, depth: int = 8) -> bytes:
    jpeg = bytearray(saved(RGB, "JPEG"))
    place = jpeg.index(b"\xff\xc0")
    jpeg[place + 1], jpeg[place + 4] = marker, depth
    return bytes(jpeg)


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "12-bit jpeg": (lambda: patched(0xC1, 12), "12-bit JPEG is not supported"),
    "lossless jpeg": (lambda: patched(0xC3), "lossless JPEG is not supported"),
    "hierarchical jpeg": (lambda: patched(0xC5), "hierarchical JPEG is not supported"),
    "float tiff": (float_tiff, "TIFF with pixels of the kind F"),
    "integer tiff": (
        lambda: saved(Image.fromarray(PIXELS[..., 0].astype(np.int32)), "TIFF"),
        "TIFF with pixels of the kind I",
    ),
    "lab tiff": (
        lambda: saved(Image.new("LAB", (20, 20)), "TIFF"),
        "TIFF with pixels of the kind LAB",
    ),
    "pdf": (lambda: saved(RGB, "PDF"), "PDF is not supported"),
    "eps": (lambda: saved(RGB, "EPS"), "EPS is not supported"),
    "psd": (lambda: b"8BPS\0\1" + b"\0" * 40, "PSD is not supported"),
    "svg": (lambda: b"<?xml version='1.0'?>\n<svg xmlns='x'/>", "SVG is not supported"),
    "html": (lambda: b"\n<!DOCTYPE html><html></html>", "HTML is not supported"),
    "mp4": (lambda: b"\0\0\0\x18ftypisom\0\0\2\0isomiso2", r"a video \(MP4\) is not supported"),
    "jpeg xl": (lambda: b"\0\0\0\x0cJXL \r\n\x87\n" + b"\0" * 40, "JPEG XL is not supported"),
    "ppm": (lambda: saved(RGB, "PPM"), "PNM is not supported"),
    "tga-like dds": (lambda: saved(RGB, "DDS"), "DDS is not supported"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_refused_by_its_name(tmp_path: Path, kind: str) -> None:
    make, said = REFUSED[kind]
    (tmp_path / "x.jpg").write_bytes(make())
    with pytest.raises(ImageError, match=f"unsupported-format: {said}") as caught:
        decode(tmp_path / "x.jpg")
    told = probe(tmp_path / "x.jpg")
    assert (told.status, told.reason) == (caught.value.status, caught.value.reason)


def test_leading_bytes_make_it_no_image(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").write_bytes(b"\r\n" + saved(RGB, "JPEG"))
    with pytest.raises(ImageError, match="not-an-image"):
        decode(tmp_path / "x.jpg")


@pytest.mark.parametrize(
    ("kind", "note"),
    [
        ("animated gif", "first of 3 frames"),
        ("animated webp", "first of 3 frames"),
        ("animated png", "first of 3 frames"),
        ("animated avif", "first of 3 frames"),
        ("tiff pages", "first of 3 pages"),
        ("mpo", "first of 3 pictures"),
        ("ico", "largest of 2 pictures"),
        ("gif", ""),
        ("tiff", ""),
        ("avif", ""),
        ("grey jpeg", ""),
        ("png rgb 8", ""),
        ("jpeg 2000", ""),
        ("ico of bitmaps", "largest of 3 pictures"),
    ],
)
def test_what_was_left_out_is_said(tmp_path: Path, kind: str, note: str) -> None:
    (tmp_path / "x").write_bytes(SOUND[kind]())
    assert read_picture(tmp_path / "x").note == note


@pytest.mark.parametrize(
    "kind", ["avif", "tiff", "gif", "jpeg 2000", "ico", "mpo", "animated webp", "heif"]
)
def test_the_limit_of_pixels_holds_before_decoding(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x").write_bytes(heif() if kind == "heif" else SOUND[kind]())
    height, width, _ = decode(tmp_path / "x").shape
    monkeypatch.setattr(module, "MAX_PIXELS", height * width - 1)
    monkeypatch.setattr(module, "to_rgb", None)  # must not be reached
    for seen in (decode, lambda path: probe(path)):
        try:
            status = seen(tmp_path / "x").status
        except ImageError as error:
            status = error.status
        assert status is ImageStatus.TOO_LARGE


def test_a_tile_larger_than_the_image_is_limited_too(tmp_path: Path) -> None:
    tags = {256: 16, 257: 16, 258: 8, 259: 1, 262: 1, 277: 1}
    tags |= {322: 60000, 323: 60000, 324: 8, 325: 256}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    made = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(tags)) + entries + b"\0" * 4
    (tmp_path / "x").write_bytes(made)
    with pytest.raises(ImageError, match="too-large: 60000 x 60000"):
        decode(tmp_path / "x")


def test_a_picture_in_an_icon_is_limited_by_its_own_header(tmp_path: Path) -> None:
    inside = b"\x89PNG\r\n\x1a\n" + chunk(
        b"IHDR", struct.pack(">IIBBBBB", 9000, 9000, 8, 2, 0, 0, 0)
    )
    inside += chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    entry = struct.pack("<BBBBHHII", 32, 32, 0, 0, 1, 32, len(inside), 22)
    (tmp_path / "x").write_bytes(struct.pack("<HHH", 0, 1, 1) + entry + inside)
    with pytest.raises(ImageError, match="too-large: 9000 x 9000"):
        decode(tmp_path / "x")


def heif(*more: Image.Image, **how: object) -> bytes:
    pillow_heif = pytest.importorskip("pillow_heif")
    made = pillow_heif.from_pillow(RGB)
    for one in more:
        made.add_from_pillow(one)
    buffer = io.BytesIO()
    made.save(buffer, **how)
    return buffer.getvalue()


class TestHeif:
    def test_is_decoded_and_not_registered(self, tmp_path: Path) -> None:
        known = set(Image.OPEN)
        (tmp_path / "x.heic").write_bytes(heif(quality=-1))
        assert np.abs(decode(tmp_path / "x.heic").astype(int) - PIXELS).mean() < 3
        assert probe(tmp_path / "x.heic").status is ImageStatus.OK
        assert set(Image.OPEN) == known

    def test_of_several_pictures_the_main_one(self, tmp_path: Path) -> None:
        (tmp_path / "x").write_bytes(heif(ImageOps.invert(RGB)))
        assert read_picture(tmp_path / "x").note == "main of 2 pictures"

    def test_cut_off_is_truncated(self, tmp_path: Path) -> None:
        whole = heif()
        for share in (0.1, 0.5, 0.95):
            (tmp_path / "x").write_bytes(whole[: int(share * len(whole))])
            with pytest.raises(ImageError, match="truncated"):
                decode(tmp_path / "x")
            assert probe(tmp_path / "x").status is ImageStatus.TRUNCATED

    def test_without_the_extra_it_says_how_to_get_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "x").write_bytes(heif())
        monkeypatch.setitem(sys.modules, "pillow_heif", None)
        with pytest.raises(ImageError, match=r"unsupported-format: .*pip install 'mfclip\[heif\]'"):
            decode(tmp_path / "x")


@pytest.mark.parametrize("kind", ["gif", "tiff", "avif", "jpeg 2000", "ico", "animated webp"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_cut_off_files_are_truncated_for_both(tmp_path: Path, kind: str, share: float) -> None:
    whole = SOUND[kind]()
    (tmp_path / "x").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ImageError, match="truncated"):
        decode(tmp_path / "x")
    assert probe(tmp_path / "x").status is ImageStatus.TRUNCATED


def test_every_format_in_worker_processes(tmp_path: Path) -> None:
    contents = [heif(), *(SOUND[kind]() for kind in ("avif", "jpeg 2000", "tiff", "gif", "mpo"))]
    files = [tmp_path / str(number) for number in range(len(contents))]
    for path, content in zip(files, contents, strict=True):
        path.write_bytes(content)
    here = [decode(path) for path in files]
    batches = list(decode_batches([files] * 6, workers=2))
    for batch in batches:
        assert not batch.failures
        for image, expected in zip(batch.images(), here, strict=True):
            assert np.array_equal(image.permute(1, 2, 0), expected)
    assert len(batches) == 6
