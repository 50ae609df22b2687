from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.functional import InterpolationMode

from mfclip.data.preprocess import Preprocessor
from mfclip.recipe.settings import PreprocessingSettings

Noise = Callable[..., np.ndarray]
CPU = torch.device("cpu")
SIZES = [(32, 32), (50, 50), (20, 20), (40, 64), (64, 40), (31, 33)]


@pytest.fixture
def image(noise: Noise) -> Callable[..., Tensor]:
    def image(height: int, width: int, seed: int = 0) -> Tensor:
        return torch.from_numpy(noise(height, width, seed).transpose(2, 0, 1).copy())

    return image


def preprocessor(size: int = 32, interpolation: str = "bilinear") -> Preprocessor:
    return Preprocessor(PreprocessingSettings(size=size, interpolation=interpolation))


def test_shape_type_and_range(image: Callable[..., Tensor]) -> None:
    out = preprocessor()([image(*size) for size in SIZES], CPU)
    assert out.shape == (6, 3, 32, 32)
    assert out.dtype == torch.float32
    assert 0 <= out.min() < out.max() <= 1


def test_images_of_the_size_are_untouched(image: Callable[..., Tensor]) -> None:
    batch = [image(32, 32), image(32, 32, 1)]
    out = preprocessor()(batch, CPU)
    assert torch.equal(out, torch.stack(batch).float() / 255)
    assert torch.equal((out * 255).round().to(torch.uint8), torch.stack(batch))


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", SIZES)
def test_resize_as_torchvision(
    image: Callable[..., Tensor], size: tuple[int, int], interpolation: str
) -> None:
    one = image(*size)
    resize = v2.Resize([32, 32], InterpolationMode(interpolation), antialias=True)
    expected = resize(one.float() / 255).clamp(0, 1)
    out = preprocessor(interpolation=interpolation)([one], CPU)[0]
    assert torch.allclose(out, expected, atol=1e-6)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", SIZES)
def test_resize_as_pillow(
    image: Callable[..., Tensor], size: tuple[int, int], interpolation: str
) -> None:
    one = image(*size)
    filter_ = Image.Resampling[interpolation.upper()]
    channels = [Image.fromarray(channel) for channel in one.float().numpy()]
    resized = [np.asarray(channel.resize((32, 32), filter_)) for channel in channels]
    out = preprocessor(interpolation=interpolation)([one], CPU)[0].numpy()
    assert np.abs(out * 255 - np.clip(resized, 0, 255)).max() < 1e-3


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_neighbours_change_no_bit(image: Callable[..., Tensor], interpolation: str) -> None:
    batch = [image(*size, seed) for seed in range(3) for size in SIZES]
    prepare = preprocessor(interpolation=interpolation)
    together = prepare(batch, CPU)
    backwards = prepare(batch[::-1], CPU).flip(0)
    alone = torch.cat([prepare([one], CPU) for one in batch])
    assert torch.equal(together, alone)
    assert torch.equal(together, backwards)


def test_order_is_kept_for_mixed_sizes(image: Callable[..., Tensor]) -> None:
    batch = [torch.full((3, *size), level, dtype=torch.uint8) for level, size in enumerate(SIZES)]
    out = preprocessor()(batch, CPU)
    assert (out[:, 0, 0, 0] * 255).round().tolist() == [0, 1, 2, 3, 4, 5]


def test_rows_columns_and_channels_stay_in_place() -> None:
    one = torch.zeros(3, 64, 64, dtype=torch.uint8)
    one[0, :32, 32:] = 255  # red, top right
    out = preprocessor()([one], CPU)[0]
    assert out[0, 2:14, 18:30].min() > 0.99
    assert out[1:].max() == 0
    assert out[0, 18:].max() < 0.01


def test_no_images_give_an_empty_batch() -> None:
    assert preprocessor()([], CPU).shape == (0, 3, 32, 32)


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (3, 2)])
def test_tiny_images(image: Callable[..., Tensor], size: tuple[int, int]) -> None:
    assert torch.isfinite(preprocessor()([image(*size)], CPU)).all()
