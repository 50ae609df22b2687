"""oneDNN's convolutions and matrix products with what follows them done in the same pass.

PyTorch keeps these operators to itself, for its compiler: they are in no documentation and may
change. So nothing calls them but this file, and nothing before :func:`trouble` has found that they
are there and compute what the plain operators do.
"""

from __future__ import annotations

from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

NAMES = (
    "_reorder_convolution_weight",
    "_convolution_pointwise",
    "_reorder_linear_weight",
    "_linear_pointwise",
)
TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 0.05}
"""Largest difference of outputs of size 1."""

Packed = Tensor
"""Weights in an order of oneDNN's own; only its operators can read them."""


@cache
def trouble(dtype: torch.dtype) -> str:
    """Why the operators cannot be used with this dtype on the CPU; empty: they can."""
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return "PyTorch was built without oneDNN"
    missing = [name for name in NAMES if not hasattr(torch.ops.mkldnn, name)]
    if missing:
        return f"PyTorch {torch.__version__} has no operator {missing[0]}"
    try:
        off = _largest_difference(dtype)
    except Exception as error:  # another version's operator may take other arguments
        return f"PyTorch {torch.__version__} refuses its own operators: {type(error).__name__}"
    if not off <= TOLERANCE[dtype]:
        return f"PyTorch {torch.__version__}'s own operators are off by {off:.2g}"
    return ""


def packed_filters(layer: nn.Conv2d, images: Float[Tensor, "batch inputs height width"]) -> Packed:
    """The layer's weights, in the order that suits such images; others are computed too."""
    reorder = torch.ops.mkldnn._reorder_convolution_weight
    packed: Tensor = reorder(
        layer.weight.detach(),
        layer.padding,
        layer.stride,
        layer.dilation,
        layer.groups,
        list(images.shape),
    )
    return packed


def convolve(
    images: Float[Tensor, "batch inputs height width"],
    packed: Packed,
    layer: nn.Conv2d,
    *,
    relu: bool,
) -> Float[Tensor, "batch outputs h w"]:
    """What the layer gives, cut at 0 with ``relu``; no gradients."""
    found: Tensor = torch.ops.mkldnn._convolution_pointwise(
        images,
        packed,
        layer.bias,
        layer.padding,
        layer.stride,
        layer.dilation,
        layer.groups,
        "relu" if relu else "none",
        [],
        "",
    )
    return found


def packed_matrix(layer: nn.Linear, rows: int) -> Packed:
    """The layer's weights, in the order that suits so many rows; others are computed too."""
    packed: Tensor = torch.ops.mkldnn._reorder_linear_weight(layer.weight.detach(), rows)
    return packed


def multiply(
    rows: Float[Tensor, "*rows inputs"], packed: Packed, layer: nn.Linear
) -> Float[Tensor, "*rows outputs"]:
    """What the layer gives; no gradients."""
    found: Tensor = torch.ops.mkldnn._linear_pointwise(rows, packed, layer.bias, "none", [], "")
    return found


def _largest_difference(dtype: torch.dtype) -> float:
    """Between these operators and the plain ones, on numbers that are always the same."""
    generator = torch.Generator().manual_seed(0)
    layer, linear = nn.Conv2d(16, 16, 3, padding=1), nn.Linear(16, 16)
    with torch.inference_mode():
        for values in (*layer.parameters(), *linear.parameters()):
            values.uniform_(-0.1, 0.1, generator=generator)
        images = torch.rand(2, 16, 9, 9, generator=generator)
        expected = layer(images).relu_()
        layer, linear = layer.to(dtype), linear.to(dtype)
        given = images.to(dtype, memory_format=torch.channels_last)
        found = convolve(given, packed_filters(layer, given), layer, relu=True)
        flat = given.permute(0, 2, 3, 1)
        product = multiply(flat, packed_matrix(linear, flat[..., 0].numel()), linear)
        plain = functional.linear(flat.float(), linear.weight.float(), linear.bias.float())
    off = torch.stack([(found - expected).abs().max(), (product - plain).abs().max()])
    return float(off.max())
