"""Photographs, and every corruption built."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import torch
from skimage import data
from skimage.transform import resize
from torch import Tensor

from mfclip.parts import BuildContext
from mfclip_corruptions.levels import Levelled
from mfclip_corruptions.plugin import mfclip_corruptions

Photo = Callable[[str, int], Tensor]
PHOTOS = {
    "face": lambda: data.astronaut()[:224, 110:334],
    "cat": lambda: data.chelsea()[:300, 80:380],
    "coffee": lambda: data.coffee()[:400, 100:500],
}
BUILT: dict[str, Levelled] = {
    part.model_fields["use"].default: part().build(BuildContext()) for part in mfclip_corruptions()
}
assert len(BUILT) == 8


@cache
def draw(name: str, size: int) -> Tensor:
    small = resize(PHOTOS[name](), (size, size), anti_aliasing=True)
    return torch.from_numpy((small * 255).round().astype(np.uint8)).permute(2, 0, 1).contiguous()


@pytest.fixture(scope="session")
def photo() -> Photo:
    """``photo(name, size)``: a square photograph, (3, size, size), uint8."""
    return lambda name, size: draw(name, size).clone()


@pytest.fixture(scope="session")
def photos() -> tuple[str, ...]:
    """The names there are."""
    return tuple(PHOTOS)


@pytest.fixture
def static() -> Tensor:
    """Independent pixels of all values, among them black and white: (3, 40, 52), uint8."""
    random = torch.Generator().manual_seed(0)
    image = torch.randint(256, (3, 40, 52), generator=random)
    return image.where(image % 5 > 0, (image > 127) * 255).byte()


@pytest.fixture(params=BUILT, scope="session")
def corruption(request: pytest.FixtureRequest) -> Levelled:
    """Each of the eight in turn, with its defaults."""
    return BUILT[request.param]


@pytest.fixture(scope="session")
def built() -> dict[str, Levelled]:
    """All eight by name."""
    return BUILT
