"""FreqNet against NumPy's Fourier transform, and as large as in print."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mfclip.parts import BuildContext
from mfclip_baselines.freqnet import (
    FrequencyConvolution,
    FrequencyStage,
    across_channels,
    high_frequencies,
    in_space,
)
from mfclip_baselines.schemas.freqnet import FreqNet


def drawn(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def filtered(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """The paper's wording: shift, zero the central box, shift back."""
    spectrum = np.fft.fftshift(np.fft.fftn(x, axes=axes), axes=axes)
    box = [slice(None)] * x.ndim
    for axis in axes:
        n = x.shape[axis]
        box[axis] = slice(n // 2 - n // 4, n // 2 + n // 4)
    spectrum[tuple(box)] = 0
    back = np.fft.ifftn(np.fft.ifftshift(spectrum, axes=axes), axes=axes)
    return np.maximum(back.real, 0)


@pytest.mark.parametrize(("along", "axes"), [(in_space, (-2, -1)), (across_channels, (1,))])
@pytest.mark.parametrize("shape", [(2, 3, 16, 16), (1, 8, 15, 10), (1, 64, 9, 21)])
def test_high_pass_is_that_of_numpy(along, axes, shape):
    x = drawn(*shape)
    made = high_frequencies(x, along)
    np.testing.assert_allclose(made, filtered(x.double().numpy(), axes), atol=1e-5)


def test_slow_waves_vanish_and_fast_ones_stay():
    place = torch.arange(32) / 32
    slow, fast = (torch.cos(2 * torch.pi * k * place).expand(1, 1, 32, 32) for k in (3, 12))
    assert high_frequencies(slow + 5, in_space).abs().max() < 1e-5
    torch.testing.assert_close(high_frequencies(fast + slow, in_space), fast.relu())


@pytest.mark.parametrize("sides", [(16, 16), (9, 15), (10, 7)])
def test_frequency_convolution_is_that_of_the_whole_spectrum_in_numpy(sides):
    layer, x = FrequencyConvolution(4), drawn(2, 4, *sides)
    spectrum = np.fft.fft2(x.double().numpy())
    real, imaginary = (
        np.einsum("oi,bihw->bohw", half.weight[:, :, 0, 0].detach().double().numpy(), part)
        for half, part in ((layer.real, spectrum.real), (layer.imaginary, spectrum.imag))
    )
    back = np.fft.ifft2(real + 1j * imaginary)
    assert np.abs(back.imag).max() < 1e-12, "half of the spectrum is enough"
    np.testing.assert_allclose(layer(x).detach(), np.maximum(back.real, 0), atol=1e-5)


def test_equal_halves_are_a_convolution_of_pixels():
    layer, x = FrequencyConvolution(4), drawn(2, 4, 9, 12)
    layer.imaginary.load_state_dict(layer.real.state_dict())
    torch.testing.assert_close(layer(x), layer.real(x).relu())


def test_a_stage_filters_channels_only_where_it_says_so():
    plain, across = (FrequencyStage(3, 8, across_channels=on) for on in (False, True))
    across.load_state_dict(plain.state_dict())
    x = drawn(1, 3, 16, 16)
    mixed = plain.mix(high_frequencies(x, in_space)).relu()
    torch.testing.assert_close(plain(x), plain.frequencies(mixed))
    torch.testing.assert_close(
        across(x), plain.frequencies(high_frequencies(mixed, across_channels))
    )


def test_as_large_as_published():
    network = FreqNet().build(BuildContext())
    # 1x1 convolutions, their spectral halves, ResNet-50 layers 1 and 2, the head.
    parts = (136_000, 278_528, 215_808, 1_219_584, 513)
    assert sum(value.numel() for value in network.parameters()) == sum(parts) == 1_850_433


def test_maps_have_the_sides_of_the_paper(images):
    network = FreqNet().build(BuildContext()).eval()
    x = network.layer1(network.shallow(network.normalise(images)))
    assert x.shape == (4, 256, 16, 16)
    assert network.layer2(network.deep(x)).shape == (4, 512, 4, 4)
    logits = network(images)
    torch.testing.assert_close(logits[:, 0], -logits[:, 1])
