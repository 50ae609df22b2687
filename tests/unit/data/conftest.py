from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mfclip.data.labels import HierarchicalLabel
from mfclip.data.manifest import Manifest, Row

Save = Callable[..., Path]
MakeManifest = Callable[..., Manifest]
Noise = Callable[..., NDArray[np.uint8]]

REAL = HierarchicalLabel("real")
FAKE = HierarchicalLabel("fake", "FS", "GAN", "swapper")


def _noise(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture(scope="session")
def noise() -> Noise:
    """RGB noise of a height, a width and a seed: (H, W, 3), uint8."""
    return _noise


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Save an image below tmp_path and give its path; noise where no pixels are given."""

    def save(name: str, pixels: object = None, *, size: int = 24, seed: int = 0, **how: object):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if pixels is None:
            pixels = _noise(size, size, seed)
        image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
        image.save(path, **how)
        return path

    return save


@pytest.fixture
def make_manifest(save: Save, tmp_path: Path) -> MakeManifest:
    """A manifest of saved PNGs, half real and half fake; sizes 20, 21, 22, 20, ..."""

    def make_manifest(count: int = 10, split: str = "train", start: int = 0) -> Manifest:
        rows = []
        for number in range(start, start + count):
            path = save(f"{number:03}.png", size=20 + number % 3, seed=number)
            label = FAKE if number % 2 else REAL
            rows.append(Row(path.relative_to(tmp_path), label, split))
        return Manifest(tmp_path, tuple(rows))

    return make_manifest
