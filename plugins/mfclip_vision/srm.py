"""High-pass filters of the steganalysis rich model (SRM) and the residual they leave.

Kernels are kept as the integers of their definition beside one divisor each, so that no
rounding of a weight can leave a trace of the image's content in the residual.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

FilterSet = Literal["srm3", "srm30"]
SIDE = 5
"""Pixels a side of every kernel; smaller ones are centred in it."""
DIRECTIONS = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))
"""Steps (rows, columns) to the eight neighbours."""

SQUARE_3 = ((-1, 2, -1), (2, -4, 2), (-1, 2, -1))
EDGE_3 = ((-1, 2, -1), (2, -4, 2), (0, 0, 0))
SQUARE_5 = (
    (-1, 2, -2, 2, -1),
    (2, -6, 8, -6, 2),
    (-2, 8, -12, 8, -2),
    (2, -6, 8, -6, 2),
    (-1, 2, -2, 2, -1),
)
EDGE_5 = (*SQUARE_5[:3], (0,) * SIDE, (0,) * SIDE)


class Kernel(NamedTuple):
    """One filter: ``weights / divisor``. The weights sum to zero."""

    weights: Float[Tensor, "5 5"]
    divisor: float


def _centred(rows: tuple[tuple[int, ...], ...], divisor: float) -> Kernel:
    margin = (SIDE - len(rows)) // 2
    weights = torch.tensor(rows, dtype=torch.float32)
    return Kernel(functional.pad(weights, (margin,) * 4), divisor)


def _line(taps: dict[int, int], step: tuple[int, int], divisor: float) -> Kernel:
    """Put ``taps`` (place -> weight) on the line through the centre along ``step``."""
    weights = torch.zeros(SIDE, SIDE)
    for place, tap in taps.items():
        weights[SIDE // 2 + place * step[0], SIDE // 2 + place * step[1]] = tap
    return Kernel(weights, divisor)


def _turned(kernel: Kernel) -> list[Kernel]:
    return [Kernel(torch.rot90(kernel.weights, turn), kernel.divisor) for turn in range(4)]


def srm3() -> list[Kernel]:
    """The three filters in common use: KB / 4, KV / 12, horizontal second order / 2."""
    second_order = _line({-1: 1, 0: -2, 1: 1}, (0, 1), 2)
    return [_centred(SQUARE_3, 4), _centred(SQUARE_5, 12), second_order]


def srm30() -> list[Kernel]:
    """The thirty linear filters of the rich model.

    Eight of first order, four of second, eight of third, and square and edge filters of 3x3 and
    5x5 pixels with the edges in four turns. Each is divided by the weight of the pixel that it
    predicts.
    """
    first = [_line({0: -1, 1: 1}, step, 1) for step in DIRECTIONS]
    second = [_line({-1: 1, 0: -2, 1: 1}, step, 2) for step in DIRECTIONS[:4]]
    third = [_line({-1: -1, 0: 3, 1: -3, 2: 1}, step, 3) for step in DIRECTIONS]
    small = [_centred(SQUARE_3, 4), *_turned(_centred(EDGE_3, 4))]
    large = [_centred(SQUARE_5, 12), *_turned(_centred(EDGE_5, 12))]
    return first + second + third + small + large


class SrmResidual(nn.Module):
    """Patches (B, 3, p, p), float 0-1 -> residual N (B, filters, p, p), in grey levels.

    Every filter reads the mean of the three channels, so three filters make the b x 3 x p x p of
    the paper. The pixel scale is 0-255: the residual of a photograph is then a few grey levels,
    where on 0-1 its variance would drown in the epsilon of a batch norm. Borders are reflected;
    zeros would draw a frame of false noise around the patch. Always computed in float32: bf16
    holds eight bits, which is less than a residual takes.
    """

    weights: Tensor
    divisors: Tensor

    def __init__(self, filters: FilterSet = "srm3", truncate: float | None = None) -> None:
        """``truncate``: cut the residual to this many grey levels either side; None: do not."""
        super().__init__()
        kernels = srm3() if filters == "srm3" else srm30()
        self.truncate = truncate
        # Integers up to 12 survive a cast of the whole model to bf16; fractions would not.
        weights = torch.stack([kernel.weights for kernel in kernels]).unsqueeze(1)
        divisors = torch.tensor([kernel.divisor for kernel in kernels]).view(-1, 1, 1)
        self.register_buffer("weights", weights, persistent=False)
        self.register_buffer("divisors", divisors, persistent=False)

    def forward(self, patch: Float[Tensor, "batch 3 p p"]) -> Float[Tensor, "batch filters p p"]:
        """Filter each patch."""
        with torch.autocast(patch.device.type, enabled=False):
            levels = patch.float().mul(255).mean(dim=1, keepdim=True)
            padded = functional.pad(levels, (SIDE // 2,) * 4, mode="reflect")
            residual = functional.conv2d(padded, self.weights.float()) / self.divisors.float()
            return (
                residual if self.truncate is None else residual.clamp(-self.truncate, self.truncate)
            )
