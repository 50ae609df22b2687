import io
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from mfclip_sample.camera import blurred, demosaic, draw_camera, mosaic
from mfclip_sample.finish import to_jpeg
from mfclip_sample.randomness import stream

RNG = np.random.default_rng(0)
LIGHT: NDArray[np.float32] = RNG.random((3, 32, 40), dtype=np.float32)


def ramp(side: int) -> NDArray[np.float32]:
    """A picture whose channels differ and are linear in row and column."""
    row, column = np.indices((side, side)).astype(np.float32) / side
    return np.stack((0.2 + 0.3 * row, 0.3 + 0.2 * column, 0.1 + 0.2 * row + 0.3 * column))


def test_the_mosaic_keeps_one_colour_a_pixel() -> None:
    raw = mosaic(LIGHT)
    assert np.array_equal(raw[0::2, 0::2], LIGHT[0, 0::2, 0::2])
    assert np.array_equal(raw[0::2, 1::2], LIGHT[1, 0::2, 1::2])
    assert np.array_equal(raw[1::2, 0::2], LIGHT[1, 1::2, 0::2])
    assert np.array_equal(raw[1::2, 1::2], LIGHT[2, 1::2, 1::2])


def test_demosaicing_keeps_what_was_recorded() -> None:
    assert mosaic(demosaic(mosaic(LIGHT))) == pytest.approx(mosaic(LIGHT), abs=1e-6)


def test_demosaicing_restores_smooth_pictures() -> None:
    light = ramp(32)
    inner = np.s_[:, 4:-4, 4:-4]
    assert demosaic(mosaic(light))[inner] == pytest.approx(light[inner], abs=1e-5)


def test_blur_is_the_three_tap_kernel_of_its_variance() -> None:
    side = 0.6**2 / 2
    kernel = np.outer([side, 1 - 2 * side, side], [side, 1 - 2 * side, side])
    oracle = np.stack([ndimage.correlate(p.astype(float), kernel, mode="nearest") for p in LIGHT])
    assert blurred(LIGHT, 0.6) == pytest.approx(oracle, abs=1e-6)


def test_sensor_noise_has_the_variance_of_photons_and_read_out() -> None:
    camera = replace(
        draw_camera((1,)), full_well=400.0, read_noise=0.02, balance=(1.0, 1.0, 1.0), contrast=0.0
    )
    grey = np.full((3, 256, 256), 0.3, np.float32)
    photo = camera.photograph(grey, 1.0, stream((), "noise")).astype(np.float64)
    # Green is recorded, not interpolated, on every second pixel of a row.
    light = photo[1, 0::2, 1::2] ** 2.2
    assert light.mean() == pytest.approx(0.3, rel=0.01)
    assert light.var() == pytest.approx(0.3 / 400 + 0.02**2, rel=0.05)


def test_show_is_the_photo_without_its_noise() -> None:
    camera = replace(draw_camera((2,)), full_well=1e9, read_noise=0.0)
    light = ramp(64)
    inner = np.s_[:, 4:-4, 4:-4]
    photo = camera.photograph(light, 1.0, stream((), "noise"))
    assert photo[inner] == pytest.approx(camera.show(light, 1.0)[inner], abs=2e-3)


def test_the_tone_curve_is_monotonic_from_black_to_white() -> None:
    levels = np.broadcast_to(np.linspace(0, 1, 256, dtype=np.float32), (3, 256, 256)).copy()
    for key in range(20):
        camera = replace(draw_camera((key,)), balance=(1.0, 1.0, 1.0))
        curve = camera.show(levels, 1.0)[0, 0]
        assert curve[0] < 0.15
        assert curve[-1] == pytest.approx(1, abs=0.02)
        assert (np.diff(curve) >= 0).all()


def test_the_meter_reaches_its_aim_or_spares_the_highlights() -> None:
    camera = draw_camera((3,))
    even = np.full((3, 16, 16), 0.05, np.float32)
    assert camera.meter(even) * 0.05 == pytest.approx(camera.brightness)
    spots = even.copy()
    spots[:, :8] = 1.0
    assert replace(camera, brightness=0.8).meter(spots) == pytest.approx(0.9)


def test_the_last_stage_writes_the_asked_size_and_quality() -> None:
    picture = np.clip(ramp(80), 0, 1)
    with Image.open(io.BytesIO(to_jpeg(picture, 64, 90))) as image:
        assert (image.format, image.size, image.mode) == ("JPEG", (64, 64), "RGB")
        tables = image.quantization
        pixels = np.asarray(image)
    reference = io.BytesIO()
    Image.new("RGB", (8, 8)).save(reference, "JPEG", quality=90)
    with Image.open(reference) as image:
        assert image.quantization == tables
    expected = picture[:, 40, 40] * 255
    assert pixels[32, 32] == pytest.approx(expected, abs=4)
