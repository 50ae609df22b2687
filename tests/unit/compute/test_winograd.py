"""Winograd's convolutions against the definition in float64."""

import pytest
import torch
from torch.nn import functional

from mfclip.compute import winograd


def given(batch, inputs, outputs, height, width):
    draw = torch.Generator().manual_seed(0)
    images = torch.randn(batch, inputs, height, width, generator=draw)
    weight = torch.randn(outputs, inputs, 3, 3, generator=draw) / (3 * inputs**0.5)
    return images, weight, torch.randn(outputs, generator=draw)


SIZES = [(1, 1, 1, 1, 1), (2, 3, 5, 4, 4), (3, 16, 8, 14, 14), (2, 8, 16, 9, 17), (5, 4, 4, 3, 30)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("relu", [False, True])
def test_it_gives_what_the_definition_gives(size, relu):
    images, weight, bias = given(*size)
    expected = functional.conv2d(images.double(), weight.double(), bias.double(), padding=1)
    expected = expected.relu() if relu else expected
    filters = winograd.transformed_filters(weight)
    for form in (torch.contiguous_format, torch.channels_last):
        found = winograd.convolve(images.to(memory_format=form), filters, bias, relu=relu)
        torch.testing.assert_close(found.double(), expected, rtol=0, atol=3e-5)
    found = winograd.convolve(images, filters)
    expected = functional.conv2d(images.double(), weight.double(), padding=1)
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=3e-5)


@pytest.mark.parametrize("block", [1, 3000, 20000])
def test_small_blocks_give_the_same(block, monkeypatch):
    images, weight, bias = given(3, 8, 8, 21, 10)
    filters = winograd.transformed_filters(weight)
    expected = winograd.convolve(images, filters, bias)
    monkeypatch.setattr(winograd, "BLOCK", block)
    found = winograd.convolve(images, filters, bias)
    torch.testing.assert_close(found, expected, rtol=0, atol=3e-5)
