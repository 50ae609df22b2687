"""Corruptions that break one promise each, and the check that notices."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal

import pytest
import torch
from torch import Tensor

from mfclip.parts import BuildContext, Corruption


def noise(image: Tensor, level: int, seed: int) -> Tensor:
    """Keeps every promise."""
    if level not in (1, 2, 3, 4, 5):
        raise ValueError(f"level must be 1 to 5, got {level}")
    drawn = torch.randn(image.shape, generator=torch.Generator().manual_seed(seed))
    return (image + drawn * 5 * level).clamp(0, 255).to(torch.uint8)


class Grain(Corruption):
    """A corruption around a given function."""

    use: Literal["grain"] = "grain"
    """Name of the part."""
    of: ClassVar[Callable[..., Tensor]] = noise

    def build(self, context: BuildContext) -> Callable[..., Tensor]:
        return type(self).of


def floats(image, level, seed):
    return noise(image, level, seed) / 255


def squares(image, level, seed):
    return noise(image, level, seed)[:, :40, :40]


def in_place(image, level, seed):
    return image.copy_(noise(image, level, seed))


def unseeded(image, level, seed):
    return noise(image, level, int(torch.randint(1000, ())))


def clamps(image, level, seed):
    return noise(image, min(max(level, 1), 5), seed)


def idle(image, level, seed):
    return image.clone() if level == 1 else noise(image, level, seed)


def falls(image, level, seed):
    return noise(image, 6 - level, seed)


BROKEN = [
    ("image-kept", floats, "level 1 gave another kind of image; .*float32; expected .*uint8"),
    ("image-kept", squares, r"received a tensor of shape \(3, 40, 40\)"),
    ("image-untouched", in_place, "the image that went in was changed"),
    ("seeded", unseeded, "level 1 with seed 5 gave two results"),
    ("levels-refused", clamps, "level 0 is accepted; expected a ValueError"),
    ("changes-the-image", idle, "level 1 leaves the image as it is"),
    ("grows-with-level", falls, "level 2 changes the image less than level 1; received .*, "),
]


@pytest.mark.parametrize(("name", "of", "message"), BROKEN)
def test_a_broken_corruption_is_caught(caught, name, of, message):
    broken = type("Broken", (Grain,), {"of": of, "__module__": __name__})
    caught(name, broken, message, sound=Grain)
