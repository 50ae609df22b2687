import io
import os
import pickle
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mfclip.data import images
from mfclip.data.images import ImageError, ImageStatus, decode
from mfclip.errors import DataError

Save = Callable[..., Path]
Noise = Callable[..., np.ndarray]


def status(path: Path) -> ImageStatus:
    with pytest.raises(ImageError) as caught:
        decode(path)
    assert caught.value.path == path
    assert str(path) in str(caught.value)
    return caught.value.status


def encoded(form: str) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, form)
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and has no pixels."""
    body = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", body), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    made = b"\x89PNG\r\n\x1a\n"
    for name, data in chunks:
        made += struct.pack(">I", len(data)) + name + data
        made += struct.pack(">I", zlib.crc32(name + data))
    return made


@pytest.mark.parametrize(("form", "how"), [("png", {}), ("bmp", {}), ("webp", {"lossless": True})])
def test_lossless_formats_come_back_exactly(
    save: Save, noise: Noise, form: str, how: dict[str, bool]
) -> None:
    pixels = noise(13, 7)
    decoded = decode(save(f"x.{form}", pixels, **how))
    assert decoded.dtype == np.uint8
    assert np.array_equal(decoded, pixels)


def test_jpeg_is_what_pillow_decodes(save: Save, noise: Noise) -> None:
    path = save("x.jpg", noise(33, 20), quality=90)
    assert np.array_equal(decode(path), np.asarray(Image.open(path)))


@pytest.mark.parametrize("name", ["x.png", "x.txt", "x"])
def test_content_counts_and_not_the_name(save: Save, name: str, tmp_path: Path) -> None:
    path = save("x.jpg").rename(tmp_path / name)
    assert decode(path).shape == (24, 24, 3)


def test_missing(tmp_path: Path, save: Save) -> None:
    assert status(tmp_path / "no.jpg") is ImageStatus.MISSING
    assert status(save("x.png") / "inside.png") is ImageStatus.MISSING


def test_dangling_link(tmp_path: Path) -> None:
    (tmp_path / "link.jpg").symlink_to(tmp_path / "no.jpg")
    assert status(tmp_path / "link.jpg") is ImageStatus.MISSING


def test_no_permission(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = save("x.png")
    monkeypatch.setattr(Path, "open", refuse)  # file modes do not stop root
    assert status(path) is ImageStatus.UNREADABLE


def test_disk_error_while_decoding(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise OSError(5, "Input/output error")

    path = save("x.png")
    monkeypatch.setattr(images, "to_rgb", fail)
    assert status(path) is ImageStatus.UNREADABLE


def test_disk_error_while_opening(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error")

    path = save("x.png")
    monkeypatch.setattr(Image, "open", fail)
    assert status(path) is ImageStatus.UNREADABLE


def test_folders_pipes_and_devices_are_unreadable(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    assert status(tmp_path) is ImageStatus.UNREADABLE
    assert status(tmp_path / "pipe.jpg") is ImageStatus.UNREADABLE
    assert status(Path("/dev/zero")) is ImageStatus.UNREADABLE


def test_names_too_long_for_the_disk(tmp_path: Path) -> None:
    assert status(tmp_path / ("x" * 300)) is ImageStatus.UNREADABLE


def test_empty(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").touch()
    assert status(tmp_path / "x.jpg") is ImageStatus.EMPTY


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "BMP"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_cut_off_files_are_truncated(tmp_path: Path, form: str, share: float) -> None:
    whole = encoded(form)
    (tmp_path / "x").write_bytes(whole[: int(share * len(whole))])
    assert status(tmp_path / "x") is ImageStatus.TRUNCATED


@pytest.mark.parametrize("length", [4, 12, 20])
def test_a_cut_header_is_truncated_too(tmp_path: Path, length: int) -> None:
    (tmp_path / "x").write_bytes(encoded("JPEG")[:length])
    assert status(tmp_path / "x") is ImageStatus.TRUNCATED


def test_damage_inside_a_png_is_truncated(tmp_path: Path) -> None:
    content = bytearray(encoded("PNG"))
    content[len(content) // 2] ^= 0xFF
    (tmp_path / "x.png").write_bytes(content)
    assert status(tmp_path / "x.png") is ImageStatus.TRUNCATED


@pytest.mark.parametrize(
    "content",
    [b"just some text\n" * 10, b"BM is how this text begins", b"\0" * 999],
)
def test_text_named_jpg_is_not_an_image(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.jpg").write_bytes(content)
    assert status(tmp_path / "x.jpg") is ImageStatus.NOT_AN_IMAGE


@pytest.mark.parametrize("form", ["PDF", "EPS"])
def test_other_formats_are_named(tmp_path: Path, form: str) -> None:
    (tmp_path / "x.png").write_bytes(encoded(form))
    wanted = f"unsupported-format: {form} is not supported; save it as JPEG, PNG or WebP"
    with pytest.raises(ImageError, match=wanted):
        decode(tmp_path / "x.png")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [9_000, 12_000, 60_000])
def test_bombs_are_told_by_their_header(tmp_path: Path, side: int) -> None:
    """The second and third are where Pillow itself begins to warn and to refuse."""
    (tmp_path / "x.png").write_bytes(png_header(side, side))
    assert status(tmp_path / "x.png") is ImageStatus.TOO_LARGE


def test_the_limit_itself_is_allowed(
    save: Save, noise: Noise, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save("x.png", noise(10, 10))
    monkeypatch.setattr(images, "MAX_PIXELS", 100)
    assert decode(path).shape == (10, 10, 3)
    monkeypatch.setattr(images, "MAX_PIXELS", 99)
    assert status(path) is ImageStatus.TOO_LARGE


def test_no_memory_is_too_large(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise MemoryError

    path = save("x.png")
    monkeypatch.setattr(images, "to_rgb", fail)
    assert status(path) is ImageStatus.TOO_LARGE


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_damaged_exif_does_not_cost_the_image(save: Save, noise: Noise) -> None:
    path = save("x.jpg", noise(8, 8), exif=b"Exif\0\0MM\0*\xff\xff\xff\xff garbage")
    assert decode(path).shape == (8, 8, 3)


def test_every_status_is_tested_here() -> None:
    elsewhere = {"no-face", "small-face", "not-a-film", "no-video", "no-frame", "encrypted"}
    assert {one.value for one in ImageStatus} - elsewhere == {
        "ok",
        "missing",
        "unreadable",
        "empty",
        "truncated",
        "not-an-image",
        "unsupported-format",
        "too-large",
        "too-small",
        "blank",
    }


def test_the_error_is_a_data_error_and_crosses_processes() -> None:
    error = ImageError(Path("x.jpg"), ImageStatus.EMPTY, "has no bytes")
    again = pickle.loads(pickle.dumps(error))
    assert isinstance(again, DataError)
    assert (str(again), again.path, again.status) == (str(error), error.path, error.status)


def test_light_modules_import_nothing_heavy() -> None:
    code = (
        "import sys, mfclip.data.images, mfclip.data.manifest, mfclip.data.splits, "
        "mfclip.data.labels, mfclip_data.plugin, mfclip_data.folder\n"
        "heavy = {'torch', 'numpy', 'PIL', 'pyarrow', 'open_clip', 'torchvision'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
