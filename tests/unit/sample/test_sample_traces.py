"""Each pipeline's trace, measured by a statistic that knows nothing of how it was made."""

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from mfclip_sample.finish import to_jpeg
from mfclip_sample.forge.edit import changed_region, edited
from mfclip_sample.forge.generators import FORGE
from mfclip_sample.forge.swap import inner_face
from mfclip_sample.randomness import stream
from mfclip_sample.shot import Shot, draw_shot

SIDE, SIZE = 160, 128
LAPLACE = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]], np.float32)
NOISE = np.outer([1, -2, 1], [1, -2, 1]) / 6
Image_ = NDArray[np.float32]


@pytest.fixture(scope="module")
def shots() -> list[Shot]:
    return [draw_shot((5, key), (6, key), SIDE) for key in range(5)]


@pytest.fixture(scope="module")
def photos(shots: list[Shot]) -> list[Image_]:
    return [shot.photograph() for shot in shots]


def forged(name: str, shots: list[Shot]) -> list[Image_]:
    return [FORGE[name](shot) for shot in shots]


def mosaic_trace(picture: Image_, where: NDArray[np.bool_] | None = None) -> float:
    """How much rougher green is where a sensor records it than where it is interpolated.

    Log of the ratio of median Laplacians on the two halves of the chequered lattice: 0 without
    demosaicing.
    """
    rough = np.abs(ndimage.convolve(picture[1], LAPLACE))[2:-2, 2:-2]
    row, column = np.indices(rough.shape)
    inside = np.ones_like(rough, bool) if where is None else where[2:-2, 2:-2]
    even = (row + column) % 2 == 0
    return float(np.log(np.median(rough[~even & inside]) / np.median(rough[even & inside])))


def checkerboard(picture: Image_) -> float:
    """Mean height of the spectrum's peaks at periods of 2 and 4 pixels, log of power."""
    grey = picture.mean(axis=0)
    window = np.hanning(len(grey))
    power = np.log(np.abs(np.fft.fft2((grey - grey.mean()) * np.outer(window, window))) ** 2)
    half, quarter = SIDE // 2, SIDE // 4
    places = [(half, half), (half, 0), (0, half), (quarter, 0), (0, quarter), (quarter, quarter)]
    return float(np.mean([_height(power, *place) for place in places]))


def _height(power: NDArray[np.float64], row: int, column: int) -> float:
    rolled = np.roll(power, (6 - row, 6 - column), (0, 1))[:13, :13]
    return float(rolled[5:8, 5:8].max() - np.median(rolled))


def noise_residue(picture: Image_) -> float:
    """Deviation of the noise in the finished JPEG's flat parts, grey levels."""
    with Image.open(io.BytesIO(to_jpeg(picture, SIZE, 95))) as image:
        grey = np.asarray(image, np.float64).mean(axis=2)
    return float(np.quantile(np.abs(ndimage.convolve(grey, NOISE)), 0.3))


def fine_share(picture: Image_) -> float:
    """Share of the spectrum's power between half of Nyquist and Nyquist."""
    grey = picture.mean(axis=0)
    window = np.hanning(len(grey))
    power = np.abs(np.fft.fft2((grey - grey.mean()) * np.outer(window, window))) ** 2
    radius = np.hypot(*np.meshgrid(np.fft.fftfreq(SIDE), np.fft.fftfreq(SIDE)))
    return float(power[(radius > 0.25) & (radius < 0.5)].sum() / power.sum())


def test_only_photos_show_demosaicing(shots: list[Shot], photos: list[Image_]) -> None:
    assert min(map(mosaic_trace, photos)) > 0.1
    for name in ("toy-latent", "toy-denoise"):
        assert max(abs(mosaic_trace(p)) for p in forged(name, shots)) < 0.06
    assert max(map(mosaic_trace, forged("toy-deconv", shots))) < 0.06
    assert max(abs(mosaic_trace(shot.show())) for shot in shots) < 0.06


@pytest.mark.parametrize("name", ["toy-swap", "toy-diffswap"])
def test_a_swapped_face_lacks_the_demosaicing_around_it(shots: list[Shot], name: str) -> None:
    for shot, picture in zip(shots, forged(name, shots), strict=True):
        mask = inner_face(shot)
        outside = mosaic_trace(picture, mask == 0)
        assert outside > 0.1
        assert mosaic_trace(picture, mask > 0.9) < outside - 0.1


def test_an_edited_region_lacks_the_demosaicing_around_it(shots: list[Shot]) -> None:
    for shot, picture in zip(shots, forged("toy-attribute", shots), strict=True):
        change = edited(shot, stream(shot.key, "edit"))
        region = changed_region(shot.scene, change.scene, reach=SIDE // 16)
        outside = mosaic_trace(picture, region == 0)
        assert outside > 0.1
        assert mosaic_trace(picture, region > 0.9) < outside - 0.1


def test_transposed_convolutions_leave_a_checkerboard(
    shots: list[Shot], photos: list[Image_]
) -> None:
    fake = list(map(checkerboard, forged("toy-deconv", shots)))
    plain = [checkerboard(shot.show()) for shot in shots]
    assert min(fake) > max(plain) + 1
    assert min(fake) > max(map(checkerboard, photos))


def test_iterative_denoising_leaves_less_noise(shots: list[Shot], photos: list[Image_]) -> None:
    real = list(map(noise_residue, photos))
    fake = list(map(noise_residue, forged("toy-denoise", shots)))
    assert all(f < 0.7 * r for f, r in zip(fake, real, strict=True))


def test_a_latent_loses_fine_texture(shots: list[Shot]) -> None:
    before = [fine_share(shot.show()) for shot in shots]
    after = list(map(fine_share, forged("toy-latent", shots)))
    assert all(a < 0.8 * b for a, b in zip(after, before, strict=True))
