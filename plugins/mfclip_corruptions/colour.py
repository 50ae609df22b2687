"""RGB and YCbCr in whole numbers: BT.601, luma 16-235, chroma 16-240 with grey at 128.

Every corruption that speaks of YCbCr uses the definitions of this file, so their results are the
same on every device, to the last bit.
"""

from __future__ import annotations

import torch
from jaxtyping import Int32, UInt8
from torch import Tensor

GREY = (299, 587, 114)
"""Thousandths of red, green and blue in the brightness of a pixel."""
TO_YCBCR = ((65481, 128553, 24966), (-37797, -74203, 112000), (112000, -93786, -18214))
"""Rows Y, Cb, Cr; columns R, G, B; in 1/255000."""
TO_SCALE = 255_000
FROM_YCBCR = ((76309, 0, 104597), (76309, -25675, -53279), (76309, 132201, 0))
"""Rows R, G, B; columns Y - 16, Cb - 128, Cr - 128; in 1/65536."""
FROM_SCALE = 65_536


def brightness(images: UInt8[Tensor, "batch 3 *pixels"]) -> Int32[Tensor, "batch 1 *pixels"]:
    """299 R + 587 G + 114 B: thousandths of a grey level, 0-255000."""
    return mix(images.int(), (GREY,))


def mix(
    channels: Int32[Tensor, "batch channels *pixels"], rows: tuple[tuple[int, ...], ...]
) -> Int32[Tensor, "batch rows *pixels"]:
    """Weighted sums of the channels, one output channel for each row of weights."""
    sums = [
        sum(weight * channels[:, place] for place, weight in enumerate(row) if weight)
        for row in rows
    ]
    return torch.stack(sums, dim=1)  # type: ignore[arg-type]  # no row is all zeros


def divided(numerator: Tensor, denominator: int) -> Tensor:
    """The nearest whole number to numerator / denominator; halves go up. int64.

    ``denominator`` is even, so that its half is a whole number too. Divided in float64, several
    times faster than whole numbers are: exact where numerator and denominator are below 2^52,
    since a quotient that is not whole is then further from the next one than rounding reaches.
    """
    shifted = numerator.double().add_(denominator // 2)
    return shifted.div_(denominator).floor_().long()
