"""FreqNet (Tan et al., AAAI 2024): a small CNN that is kept to high frequencies.

Shape letters: B images, c channels, h and w sides of a map. Spectra are computed in float32: there
is no Fourier transform in bfloat16.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, fft, nn
from torch.nn import functional

from mfclip.weights.names import WeightName
from mfclip_baselines.backbones import IMAGENET, Normalise, backbone, two_columns

Maps = Float[Tensor, "batch channels height width"]


class FreqNet(nn.Module):
    """Images (B, 3, H, W), 0-1 -> logits (B, 2).

    Two stages on pixels, layer 1 of a ResNet-50, two stages on its features, layer 2.
    """

    def __init__(self, weights: Path | WeightName | None = None) -> None:
        super().__init__()
        self.normalise = Normalise(*IMAGENET)
        self.shallow = nn.Sequential(
            FrequencyStage(3, 64, across_channels=True),
            FrequencyStage(64, 64, stride=2, across_channels=True),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        self.deep = nn.Sequential(FrequencyStage(256, 256), FrequencyStage(256, 256, stride=2))
        resnet: Any = backbone("resnet50", weights=weights, num_classes=0, zero_init_last=False)
        self.layer1: nn.Module = resnet.layer1
        self.layer2: nn.Module = resnet.layer2
        self.head = nn.Linear(512, 1)

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 2"]:
        """Columns real, fake; their difference is the one logit in print."""
        x = self.layer1(self.shallow(self.normalise(images)))  # (B, 256, H/4, W/4)
        x = self.layer2(self.deep(x))  # (B, 512, H/16, W/16)
        return two_columns(self.head(x.mean((2, 3))))


class FrequencyStage(nn.Module):
    """High frequencies of the maps, a 1x1 convolution, the same of channels, a frequency layer."""

    def __init__(
        self, inputs: int, width: int, *, stride: int = 1, across_channels: bool = False
    ) -> None:
        super().__init__()
        self.across_channels = across_channels
        self.mix = nn.Conv2d(inputs, width, 1, stride)
        self.frequencies = FrequencyConvolution(width)
        for values in self.mix.parameters():
            nn.init.normal_(values)  # as the authors begin, whatever the number of inputs

    def forward(self, x: Maps) -> Float[Tensor, "batch width h w"]:
        """HFRI on an image and HFRF on features, the authors' names, are the same filter."""
        x = self.mix(high_frequencies(x, in_space)).relu()
        if self.across_channels:
            x = high_frequencies(x, across_channels)
        mixed: Tensor = self.frequencies(x)
        return mixed


def high_frequencies(x: Maps, filtered: Callable[[Maps], Maps]) -> Maps:
    """Take out every slow wave, :func:`in_space` or :func:`across_channels`; then what is below 0.

    Slow is -n // 4 to n // 4 - 1 periods over an axis of n, along all axes of the filter: in the
    shifted spectrum, the central box whose sides are half of the spectrum's.
    """
    with torch.autocast(x.device.type, enabled=False):
        return functional.relu(filtered(x.float()))


def in_space(x: Maps) -> Maps:
    """By half of the spectrum of every map: the other half is its mirror image."""
    kept = _kept(x.shape[-2:], x.device)[:, : x.shape[-1] // 2 + 1]
    spectrum = fft.rfft2(x, norm="ortho") * kept
    filtered: Tensor = fft.irfft2(spectrum, s=x.shape[-2:], norm="ortho")
    return filtered


def across_channels(x: Maps) -> Maps:
    """As the matrix of the filter, (channels, channels): far faster than spectra across maps."""
    impulses = torch.eye(x.shape[1], device=x.device)
    kept = _kept((x.shape[1],), x.device)
    matrix = fft.ifft(fft.fft(impulses, dim=0) * kept[:, None], dim=0).real
    return functional.conv2d(x, matrix[..., None, None])


def _kept(sides: tuple[int, ...], device: torch.device) -> Float[Tensor, "*sides"]:
    """What is left of each place of an unshifted spectrum, 0 to 1.

    The box reaches one wave further on its negative side. Of such a pair one is taken out, and the
    real part of what is left has half of that wave: so both places keep a half, which makes the
    filter one of real maps.
    """
    slow = torch.ones((), dtype=torch.bool, device=device)
    for length in sides:
        slow = slow[..., None] & _slow(length, device)
    axes = list(range(len(sides)))
    mirrored = slow.flip(axes).roll([1] * len(sides), axes)  # place k has that of -k
    return 1 - (slow.float() + mirrored.float()) / 2


def _slow(length: int, device: torch.device) -> Bool[Tensor, " length"]:
    """Of each place of an unshifted spectrum, whether it is in the central half."""
    periods = torch.arange(length, device=device)
    periods = torch.where(periods < (length + 1) // 2, periods, periods - length)
    return (periods >= -(length // 4)) & (periods < length // 4)


class FrequencyConvolution(nn.Module):
    """Maps -> maps of the same shape: 1x1 convolutions of their spectra, real and imaginary apart.

    Only half of a spectrum is computed: the other half is its mirror image, even in the real part
    and odd in the imaginary, and a convolution across channels keeps it so.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.real = nn.Conv2d(width, width, 1, bias=False)
        self.imaginary = nn.Conv2d(width, width, 1, bias=False)
        for half in (self.real, self.imaginary):
            nn.init.kaiming_normal_(half.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Maps) -> Maps:
        """Values below zero become zero."""
        with torch.autocast(x.device.type, enabled=False):
            spectrum = fft.rfft2(x.float(), norm="ortho")  # (B, c, h, w // 2 + 1)
            real = _mixed(spectrum.real, self.real)
            imaginary = _mixed(spectrum.imag, self.imaginary)
            back = fft.irfft2(torch.complex(real, imaginary), s=x.shape[-2:], norm="ortho")
            return functional.relu(back)


def _mixed(part: Maps, across: nn.Conv2d) -> Maps:
    """In float32 also where the weights are not, as they are in a model cast to bfloat16."""
    return functional.conv2d(part, across.weight.float())
