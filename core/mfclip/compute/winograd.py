"""Convolutions of 3x3 pixels in float32 with a quarter of the multiplications.

Winograd's minimal filtering F(4x4, 3x3) [Lavin and Gray 2016, "Fast Algorithms for Convolutional
Neural Networks"]: a tile of 6x6 pixels and the filter are transformed, multiplied number by number
and transformed back into 4x4 outputs: 36 multiplications where the definition takes 144. Tiles of
many pixels and channels make matrix products of it, which is all that is needed of the library
below. Outputs differ from the definition's by rounding, about 1e-5 of their size: for float32 only.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

TILE = 6
"""Pixels a side of what is read."""
STEP = 4
"""Pixels a side of what comes out."""
BLOCK = 2**21
"""Transformed values at once, 8 MiB: enough tiles for a product, few enough for the caches."""

_INPUT = (
    (4, 0, -5, 0, 1, 0),
    (0, -4, -4, 1, 1, 0),
    (0, 4, -4, -1, 1, 0),
    (0, -2, -1, 2, 1, 0),
    (0, 2, -1, -2, 1, 0),
    (0, 4, 0, -5, 0, 1),
)
_FILTER = (
    (1 / 4, 0, 0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0, 0, 1),
)
_OUTPUT = ((1, 1, 1, 1, 1, 0), (0, 1, -1, 2, -2, 0), (0, 1, 1, 4, 4, 0), (0, 1, -1, 8, -8, 1))


def _both_ways(rows: tuple[tuple[float, ...], ...]) -> Float[Tensor, "outputs inputs"]:
    """The transform along rows and columns at once, of tiles written as one row of numbers."""
    one = torch.tensor(rows, dtype=torch.float64)
    return torch.kron(one, one).float()


def transformed_filters(
    weight: Float[Tensor, "outputs inputs 3 3"],
) -> Float[Tensor, "36 inputs outputs"]:
    """Filters as :func:`convolve` takes them: four times as many numbers."""
    outputs, inputs = weight.shape[:2]
    flat = weight.permute(2, 3, 1, 0).reshape(9, inputs * outputs)
    return (_both_ways(_FILTER).to(weight) @ flat).view(TILE**2, inputs, outputs)


def convolve(
    images: Float[Tensor, "batch inputs height width"],
    filters: Float[Tensor, "36 inputs outputs"],
    bias: Float[Tensor, " outputs"] | None = None,
    *,
    relu: bool = False,
) -> Float[Tensor, "batch outputs height width"]:
    """A convolution with stride 1 and a border of one zero, channels last.

    ``filters`` as :func:`transformed_filters` gives them; ``relu``: cut what is below 0.
    """
    batch, inputs, height, width = images.shape
    outputs = filters.shape[2]
    rows, columns = -(-height // STEP), -(-width // STEP)
    border = (0, 0, 1, columns * STEP + 1 - width, 1, rows * STEP + 1 - height)
    padded = functional.pad(images.permute(0, 2, 3, 1), border)
    tiles = _tiles(padded, rows, columns)
    out = images.new_empty(batch, rows * STEP, columns * STEP, outputs)
    places = out.view(batch, rows, STEP, columns, STEP, outputs).permute(2, 4, 0, 1, 3, 5)
    to_frequencies, back = _both_ways(_INPUT), _both_ways(_OUTPUT)
    for some, band in _blocks(batch, rows, TILE**2 * columns * max(inputs, outputs)):
        read = tiles[:, :, some, band]
        values = to_frequencies @ read.reshape(TILE**2, -1)
        products = torch.bmm(values.view(TILE**2, -1, inputs), filters)
        found = (back @ products.view(TILE**2, -1)).view(STEP, STEP, *read.shape[2:5], outputs)
        place = places[:, :, some, band]
        if bias is None:
            place.copy_(found)
        else:
            torch.add(found, bias, out=place)
        if relu:
            place.relu_()
    return out[:, :height, :width].permute(0, 3, 1, 2)


def _tiles(
    padded: Float[Tensor, "batch h w channels"], rows: int, columns: int
) -> Float[Tensor, "6 6 batch rows columns channels"]:
    """A view: tiles overlap by two pixels."""
    image, row, column, channel = padded.stride()
    return padded.as_strided(
        (TILE, TILE, len(padded), rows, columns, padded.shape[3]),
        (row, column, image, STEP * row, STEP * column, channel),
    )


def _blocks(batch: int, rows: int, values: int) -> Iterator[tuple[slice, slice]]:
    """Images and rows of tiles of each block; ``values``: of one row of tiles."""
    fit = max(1, BLOCK // values)
    if fit >= rows:
        step = fit // rows
        for start in range(0, batch, step):
            yield slice(start, start + step), slice(None)
        return
    for image in range(batch):
        for start in range(0, rows, fit):
            yield slice(image, image + 1), slice(start, start + fit)
