import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from mfclip.data.images import decode

GREY = np.random.default_rng(0).integers(0, 256, (9, 6), dtype=np.uint8)


Save = Callable[..., Path]
Noise = Callable[..., np.ndarray]


def alike(grey: np.ndarray) -> np.ndarray:
    return np.repeat(grey[:, :, None], 3, axis=2)


@pytest.mark.parametrize("form", ["jpg", "png", "webp"])
@pytest.mark.parametrize("turn", range(1, 9))
def test_exif_orientation_as_pillow_undoes_it(
    save: Save, noise: Noise, form: str, turn: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    path = save(f"x.{form}", noise(10, 6), exif=exif)
    expected = ImageOps.exif_transpose(Image.open(path))
    decoded = decode(path)
    assert decoded.shape == ((6, 10, 3) if turn >= 5 else (10, 6, 3))
    assert np.array_equal(decoded, np.asarray(expected.convert("RGB")))
    assert decoded.flags.c_contiguous


@pytest.mark.parametrize("turn", [0, 9, 77])
def test_orientations_that_do_not_exist_are_ignored(save: Save, noise: Noise, turn: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    assert np.array_equal(decode(save("x.png", noise(10, 6), exif=exif)), noise(10, 6))


@pytest.mark.parametrize("form", ["png", "bmp"])
def test_grey(save: Save, form: str) -> None:
    assert np.array_equal(decode(save(f"x.{form}", GREY)), alike(GREY))


def test_grey_jpeg(save: Save) -> None:
    path = save("x.jpg", GREY)
    assert np.array_equal(decode(path), alike(np.asarray(Image.open(path))))


def test_bilevel(save: Save) -> None:
    image = Image.fromarray(GREY).convert("1")
    assert np.array_equal(decode(save("x.png", image)), alike(np.asarray(image) * np.uint8(255)))


def test_palette(save: Save, noise: Noise) -> None:
    image = Image.fromarray(noise(9, 6)).quantize(16)
    assert np.array_equal(decode(save("x.png", image)), np.asarray(image.convert("RGB")))


def test_grey_16_bit_is_scaled_and_not_clipped(save: Save) -> None:
    wide = GREY.astype(np.uint16) * 257
    path = save("x.png", wide)
    assert Image.open(path).mode == "I;16"
    assert np.array_equal(decode(path), alike(GREY))


def test_colour_16_bit_as_grey_16_bit(tmp_path: Path) -> None:
    """Grey and colour files of the same 16-bit values must give the same picture."""
    import struct
    import zlib

    values = np.random.default_rng(1).integers(0, 65536, (5, 4), dtype=np.uint16)
    grey, colour = tmp_path / "grey.png", tmp_path / "colour.png"
    for path, kind, samples in ((grey, 0, values), (colour, 2, np.repeat(values[..., None], 3, 2))):
        raw = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
        made = b"\x89PNG\r\n\x1a\n"
        header = struct.pack(">IIBBBBB", 4, 5, 16, kind, 0, 0, 0)
        for name, data in ((b"IHDR", header), (b"IDAT", zlib.compress(raw)), (b"IEND", b"")):
            made += struct.pack(">I", len(data)) + name + data
            made += struct.pack(">I", zlib.crc32(name + data))
        path.write_bytes(made)
    assert np.array_equal(decode(grey), alike((values >> 8).astype(np.uint8)))
    assert np.array_equal(decode(colour), decode(grey))


class TestTransparency:
    def over_white(self, rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
        share = alpha[:, :, None] / 255
        return rgb * share + 255 * (1 - share)

    @pytest.mark.parametrize(("form", "how"), [("png", {}), ("webp", {"lossless": True})])
    def test_is_laid_over_white(
        self, save: Save, noise: Noise, form: str, how: dict[str, bool]
    ) -> None:
        rgb, alpha = noise(20, 20), noise(20, 20, seed=1)[:, :, 0]
        alpha = np.maximum(alpha, 1)  # a WebP keeps no colour where nothing shows
        path = save(f"x.{form}", np.dstack([rgb, alpha]), **how)
        assert np.abs(decode(path) - self.over_white(rgb, alpha)).max() <= 1

    def test_opaque_pixels_keep_their_exact_values(self, save: Save, noise: Noise) -> None:
        rgb = noise(64, 64)
        opaque = np.full((64, 64, 1), 255, np.uint8)
        assert np.array_equal(decode(save("x.png", np.dstack([rgb, opaque]))), rgb)

    def test_fully_transparent_is_white(self, save: Save, noise: Noise) -> None:
        clear = np.dstack([noise(8, 8), np.zeros((8, 8, 1), np.uint8)])
        assert (decode(save("x.png", clear)) == 255).all()

    def test_grey_with_alpha(self, save: Save) -> None:
        alpha = np.linspace(0, 255, GREY.size).astype(np.uint8).reshape(GREY.shape)
        path = save("x.png", Image.merge("LA", [Image.fromarray(GREY), Image.fromarray(alpha)]))
        assert np.abs(decode(path) - self.over_white(alike(GREY), alpha)).max() <= 1

    def test_palette_with_a_clear_colour(self, save: Save) -> None:
        image = Image.fromarray(np.array([[0, 1], [1, 2]], np.uint8), "P")
        image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
        decoded = decode(save("x.png", image, transparency=1))
        assert decoded.tolist() == [[[10, 20, 30], [255] * 3], [[255] * 3, [70, 80, 90]]]

    def test_rgb_with_a_clear_colour(self, save: Save) -> None:
        pixels = np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8)
        path = save("x.png", pixels, transparency=(4, 5, 6))
        assert decode(path).tolist() == [[[1, 2, 3], [255, 255, 255]]]


class TestCmyk:
    INKS = ((255, 0, 0, 0), (0, 255, 0, 0), (0, 0, 255, 0), (0, 0, 0, 255), (0, 0, 0, 0))
    SEEN = ((0, 255, 255), (255, 0, 255), (255, 255, 0), (0, 0, 0), (255, 255, 255))

    def image(self, inks: tuple[int, int, int, int]) -> bytes:
        buffer = io.BytesIO()
        Image.new("CMYK", (16, 16), inks).save(buffer, "JPEG", quality=100)
        return buffer.getvalue()

    @pytest.mark.parametrize(("inks", "seen"), list(zip(INKS, SEEN, strict=True)))
    def test_adobe_files_hold_inverted_values(
        self, tmp_path: Path, inks: tuple[int, int, int, int], seen: tuple[int, int, int]
    ) -> None:
        content = self.image(inks)
        assert b"Adobe" in content
        (tmp_path / "x.jpg").write_bytes(content)
        assert np.abs(decode(tmp_path / "x.jpg").astype(int) - seen).max() <= 2

    def test_without_the_adobe_marker_values_are_inverted_too(self, tmp_path: Path) -> None:
        content = self.image((200, 0, 0, 0))
        start = content.index(b"\xff\xee")
        length = int.from_bytes(content[start + 2 : start + 4], "big")
        (tmp_path / "x.jpg").write_bytes(content[:start] + content[start + 2 + length :])
        assert np.abs(decode(tmp_path / "x.jpg").astype(int) - (55, 255, 255)).max() <= 2


def test_animations_give_their_first_frame(save: Save, noise: Noise) -> None:
    first, second = Image.fromarray(noise(8, 8)), Image.fromarray(noise(8, 8, seed=1))
    for form in ("png", "webp"):
        path = save(f"x.{form}", first, save_all=True, append_images=[second], lossless=True)
        assert np.array_equal(decode(path), noise(8, 8))


def test_result_is_writable_and_owns_its_memory(save: Save) -> None:
    decoded = decode(save("x.png"))
    decoded[0, 0] = 7
    assert decoded.flags.owndata or decoded.base is not None
    assert decoded[0, 0].tolist() == [7, 7, 7]
