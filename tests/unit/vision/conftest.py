"""Images for the vision tests, and scikit-image as the judge of their patches."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from skimage.feature import graycomatrix, graycoprops
from torch import Tensor
from torch.nn import functional

from mfclip.parts import BuildContext
from mfclip_vision.parts import Cvit, MultiModalVision, SrmNoise


def smooth_images(count: int, size: int, seed: int) -> Tensor:
    """Soft shapes and a gradient with sensor-like noise, some areas entirely flat; 8 bits."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 6, 6, generator=generator)
    images = functional.interpolate(coarse, size=(size, size), mode="bilinear")
    images += torch.linspace(-0.2, 0.2, size)
    images += (
        0.03
        * torch.rand(count, 1, 1, 1, generator=generator)
        * torch.randn(images.shape, generator=generator)
    )
    images[:, :, : size // 3, : size // 2] = torch.rand(count, 3, 1, 1, generator=generator)
    return (images.clamp(0, 1) * 255).round() / 255


def random_images(count: int, size: int, seed: int) -> Tensor:
    """Independent pixels, contrast differing from image to image, no 8-bit grid."""
    generator = torch.Generator().manual_seed(seed)
    contrast = torch.rand(count, 1, 1, 1, generator=generator)
    return 0.5 + contrast * (torch.rand(count, 3, size, size, generator=generator) - 0.5)


def judge(images: Tensor, patch_size: int) -> np.ndarray:
    """Homogeneity by scikit-image's matrix: (B, rows * columns), row by row."""
    red, green, blue = images.double().numpy().transpose(1, 0, 2, 3)
    grey = ((0.2989 * red + 0.587 * green + 0.114 * blue) * 255).astype(np.uint8)
    batch, height, width = grey.shape
    rows, columns = height // patch_size, width // patch_size
    patches = grey.reshape(batch, rows, patch_size, columns, patch_size).swapaxes(2, 3)
    scores = [
        graycoprops(graycomatrix(p, [1], [0], 256, symmetric=True, normed=True), "homogeneity")
        for p in patches.reshape(-1, patch_size, patch_size)
    ]
    return np.array(scores).reshape(batch, rows * columns)


@pytest.fixture(scope="session")
def scikit_homogeneity() -> Callable[[Tensor, int], np.ndarray]:
    return judge


@pytest.fixture(scope="session")
def draw_images() -> Callable[..., Tensor]:
    """``draw_images(count, size, seed=0)``: one half natural-like, one half random."""

    def draw(count: int, size: int, seed: int = 0) -> Tensor:
        half = count // 2
        both = smooth_images(half, size, seed), random_images(count - half, size, seed)
        return torch.cat(both)

    return draw


SMALL = BuildContext(image_size=64)


@pytest.fixture
def context() -> BuildContext:
    """Of the small parts below."""
    return SMALL


@pytest.fixture
def small_cvit() -> Cvit:
    return Cvit(channels=(4, 6, 8), convolutions=(1, 2, 1), dim=16, depth=2, heads=2, mlp=24)


@pytest.fixture
def small_noise() -> SrmNoise:
    return SrmNoise(patch_size=32, channels=8, dim=16, blocks=2, heads=2, mlp=24)


@pytest.fixture
def small_mve(small_cvit: Cvit, small_noise: SrmNoise) -> MultiModalVision:
    return MultiModalVision(image=small_cvit, noise=small_noise)


@pytest.fixture(params=["cvit", "srm-noise", "mve"])
def encoder(request, small_cvit, small_noise, small_mve) -> torch.nn.Module:
    """Each encoder in turn, small, built from one seed."""
    part = {p.use: p for p in (small_cvit, small_noise, small_mve)}[request.param]
    torch.manual_seed(0)
    return part.build(SMALL)
