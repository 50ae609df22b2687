"""The stacked convolutions of image and noise encoder."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn


def stacked(inputs: int, outputs: int, count: int) -> Iterator[nn.Module]:
    """``count`` convolutions of 3x3 pixels, each with batch norm and ReLU."""
    for index in range(count):
        # No bias: batch norm takes the mean out again, so it could never learn.
        yield nn.Conv2d(outputs if index else inputs, outputs, 3, padding=1, bias=False)
        yield nn.BatchNorm2d(outputs)
        yield nn.ReLU(inplace=True)
