import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter
from scipy.fft import dct

from mfclip.data.audit.looks import PRINT_BYTES, look, look_at
from mfclip.data.audit.near_duplicates import MAX_BITS


def picture(seed: int) -> Image.Image:
    """Something smooth, as photographs are."""
    noise = np.random.default_rng(seed).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((160, 160), Image.Resampling.BICUBIC)


def print_of(image: Image.Image) -> bytes:
    return look_at(np.asarray(image.convert("RGB"))).print


def bits(one: bytes, other: bytes) -> int:
    return sum((a ^ b).bit_count() for a, b in zip(one, other, strict=True))


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return Image.open(stream)


def test_a_print_is_the_signs_of_a_cosine_transform() -> None:
    """Written out over rows and columns, with the bits in one integer."""
    image = picture(0)
    grey = np.asarray(image.convert("L").resize((64, 64), Image.Resampling.BOX), float)
    low = dct(dct(grey, axis=0), axis=1)[:16, :16].ravel()
    low /= np.where(np.arange(256) // 16 == 0, np.sqrt(2), 1)
    low /= np.where(np.arange(256) % 16 == 0, np.sqrt(2), 1)
    ordered = sorted(low[1:])
    wanted = int("".join("1" if value > ordered[127] else "0" for value in low[1:]) + "0", 2)
    assert int.from_bytes(print_of(image), "big") == wanted
    assert len(print_of(image)) == PRINT_BYTES


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "copy",
    [
        lambda image: jpeg(image, 50),
        lambda image: image.resize((80, 80), Image.Resampling.BICUBIC),
        lambda image: image.filter(ImageFilter.GaussianBlur(1)),
        lambda image: image.point(lambda value: 0.9 * value),
    ],
)
def test_copies_are_near(copy, seed: int) -> None:
    assert bits(print_of(picture(seed)), print_of(copy(picture(seed)))) <= MAX_BITS


def test_other_pictures_are_far() -> None:
    prints = [print_of(picture(seed)) for seed in range(12)]
    assert min(bits(a, b) for i, a in enumerate(prints) for b in prints[:i]) > 5 * MAX_BITS


def test_brightness_and_pictures_of_nothing(tmp_path: Path) -> None:
    grey = np.full((20, 30, 3), 100, np.uint8)
    assert look_at(grey).brightness == pytest.approx(100)
    assert look_at(grey).print == b""
    Image.fromarray(grey).save(tmp_path / "grey.png")
    assert look(tmp_path / "grey.png") == look_at(grey)
    assert look(tmp_path / "none.png") is None
