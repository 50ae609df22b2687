"""The images that an exported model is compared on: given ones, or drawn ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional

from mfclip.errors import DataError

DRAWN = 32
"""Pictures that are drawn."""


class Pictures(NamedTuple):
    """Decoded samples."""

    samples: list[UInt8[Tensor, "*frames 3 h w"]]
    source: str
    """Where they are from, for people: ``12 given images`` or ``32 drawn images``."""
    left_out: int = 0
    """Given files that cannot be scored."""


def drawn(frames: int | None, size: int) -> Pictures:
    """Pictures of many textures and sizes, the same each time; no faces.

    Flat areas, slopes, edges, soft and hard grain beside each other, so that patches differ in
    texture, some by little.
    """
    draw = torch.Generator().manual_seed(0)
    samples = []
    for number in range(DRAWN):
        side = (size, size) if number % 2 else (size + 8 * number, size + 5 * number)
        count = 1 if frames is None else frames
        clip = torch.stack([_picture(draw, side, 3 + number) for _ in range(count)])
        samples.append(clip[0] if frames is None else clip)
    return Pictures(samples, f"{DRAWN} drawn images")


def _picture(draw: torch.Generator, side: tuple[int, int], grain: int) -> UInt8[Tensor, "3 h w"]:
    def field(channels: int, cells: int, mode: str) -> Float[Tensor, "1 channels h w"]:
        coarse = torch.rand(1, channels, cells, cells, generator=draw)
        return functional.interpolate(coarse, side, mode=mode)

    noise = field(1, 4, "bilinear") * torch.rand(1, 3, *side, generator=draw)
    mixed = 0.6 * field(3, grain, "bicubic") + 0.3 * field(3, 5, "nearest") + 0.2 * noise
    return (255 * mixed[0]).round().clamp(0, 255).to(torch.uint8)


def given(patterns: Sequence[str], smallest: int, frames: int | None) -> Pictures:
    """The images that files, folders and globs name; those that cannot be scored are counted.

    Raises :class:`DataError` where none is left.
    """
    from mfclip.data.finding import find_images
    from mfclip.inference.inputs import each_image

    found = list(each_image(list(find_images(patterns)), smallest=smallest, frames=frames))
    samples = [one.image for one in found if one.image is not None]
    if not samples:
        first = found[0]
        raise DataError(f"no image to compare on: {first.path}: {first.status}: {first.reason}")
    return Pictures(samples, f"{len(samples)} given images", len(found) - len(samples))
