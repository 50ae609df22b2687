"""What upsampling and fingerprints leave in the spectrum, by NumPy's FFT."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from mfclip.parts import BuildContext
from mfclip_pseudo.fields import draws
from mfclip_pseudo.parts import Spectrum, Upsample
from mfclip_pseudo.spectrum import radial_gain
from mfclip_pseudo.upsample import _smaller, _transposed, upsampled


def amplitudes(image) -> np.ndarray:
    """Of the mean of the channels, 0 frequency first."""
    grey = image.double().mean(0).numpy()
    return np.abs(np.fft.fft2(grey - grey.mean())) / grey.size


def at_multiples(spectrum: np.ndarray, period: int) -> float:
    """The largest amplitude at a multiple of 1 / period in both axes, 0 left out."""
    step = spectrum.shape[0] // period
    lattice = spectrum[::step, ::step].copy()
    lattice[0, 0] = 0
    return float(lattice.max())


def test_zeros_leave_peaks_at_the_multiples_of_the_sampling_frequency(grey):
    forge = Upsample(methods=("zeros",), traces=1.0).build(BuildContext())
    assert at_multiples(amplitudes(grey), 4) < 5 * np.median(amplitudes(grey))
    for seed in range(20):
        found = amplitudes(forge(grey, grey, seed))
        assert at_multiples(found, 4) > 10 * np.median(found)


def test_an_image_with_the_traces_alone_stays_sharp(face):
    def fine(image):
        return amplitudes(image)[20:44, 20:44].mean()  # 0.2 to 0.5 of the sampling frequency

    whole = Upsample(methods=("zeros",), traces=0.0).build(BuildContext())
    traces = Upsample(methods=("zeros",), traces=1.0).build(BuildContext())
    for seed in range(10):
        assert (
            fine(whole(face, face, seed)) < 0.75 * fine(face) < 0.9 * fine(traces(face, face, seed))
        )


@pytest.mark.parametrize("method", ["bilinear", "bicubic", "lanczos"])
def test_smooth_methods_lose_the_finest_waves(method):
    noise = torch.randint(256, (3, 128, 128), generator=torch.Generator().manual_seed(1)).byte()
    forge = Upsample(methods=(method,), weakest=1.0).build(BuildContext())
    before = amplitudes(noise)[48:80, 48:80].mean()  # above 3/4 of the highest frequency
    for seed in range(5):
        assert amplitudes(forge(noise, noise, seed))[48:80, 48:80].mean() < 0.25 * before


def test_nearest_repeats_pixels():
    forge = Upsample(methods=("nearest",), traces=0.0, weakest=1.0).build(BuildContext())
    image = torch.randint(256, (3, 16, 16), generator=torch.Generator().manual_seed(1)).byte()
    made = forge(image, image, 0)
    blocks = made.unfold(1, 2, 2).unfold(2, 2, 2)
    assert (blocks == blocks[..., :1, :1]).all()
    means = image.float().unfold(1, 4, 4).unfold(2, 4, 4).mean((-1, -2))
    assert torch.allclose(
        made.float().unfold(1, 4, 4).unfold(2, 4, 4).mean((-1, -2)), means, atol=0.6
    )


@pytest.mark.parametrize("factor", [2, 4])
def test_a_drawn_kernel_keeps_the_mean_and_the_place(factor):
    plain = torch.full((3, 6, 7), 100.0)
    rows = torch.arange(8.0)[None, :, None].expand(3, 8, 8) * 10
    for seed in range(12):
        made = _transposed(plain, factor, draws(seed)).double()
        assert made.shape == (3, 6 * factor, 7 * factor)
        inner = made[:, factor:-factor, factor:-factor]
        assert float(inner.mean()) == pytest.approx(100, abs=0.01)
        assert 0 < float((inner / 100 - 1).abs().max()) <= 0.0601
        blocks = inner.unfold(1, factor, factor).unfold(2, factor, factor)
        torch.testing.assert_close(blocks, blocks[:, :1, :1].expand_as(blocks))  # one pattern
        ramp = _transposed(rows, factor, draws(seed))
        means = ramp.unfold(1, factor, factor).unfold(2, factor, factor).mean((-1, -2))
        torch.testing.assert_close(means[:, 2:-2, 2:-2], rows[:, 2:-2, 2:-2], atol=2.5, rtol=0.05)


def test_lanczos_is_pillows_and_sizes_that_do_not_divide_come_back():
    image = torch.rand(3, 13, 18, generator=torch.Generator().manual_seed(0)) * 255
    small = _smaller(image, 2.0)
    assert small.shape == (3, 7, 9)
    found = upsampled(small, 2.0, image.shape[-2:], "lanczos", draws(0))
    picture = Image.fromarray(small[1].numpy()).resize((18, 13), Image.Resampling.LANCZOS)
    np.testing.assert_allclose(found[1].numpy(), np.asarray(picture))
    for method in ("nearest", "zeros", "bilinear", "bicubic"):
        assert upsampled(small, 2.0, image.shape[-2:], method, draws(0)).shape == image.shape


def test_a_fingerprint_has_peaks_where_it_says(grey):
    forge = Spectrum(gain=0.0).build(BuildContext())
    for seed in range(20):
        made = forge(grey, grey, seed).double() - grey.double()
        spectrum = np.abs(np.fft.fft2(made.numpy())) / made[0].numel()  # (3, H, W)
        assert np.median(spectrum) < 0.02
        step = 128 // 8
        lattice = spectrum[:, ::step, ::step]
        assert 0.15 < lattice[:, :, :].max() <= 2.5 * 6
        rest = spectrum.copy()
        rest[:, ::step, ::step] = 0
        assert rest.max() < 0.1 * lattice.max()


def test_the_gain_is_smooth_radial_and_within_its_bound(face):
    for seed in range(20):
        gain = np.log(radial_gain(64, 64, 0.3, draws(seed)).double().numpy())
        assert gain[0, 0] == 0
        assert np.abs(gain).max() <= 0.3
        assert np.abs(np.diff(gain[0])).max() < 0.06
        np.testing.assert_allclose(gain[5, 12], gain[12, 5], atol=1e-6)
        np.testing.assert_allclose(gain[-5, 12], gain[5, 12], atol=1e-6)


def test_the_amplitudes_of_an_image_change_by_the_gain(face):
    from mfclip_pseudo.spectrum import Fingerprint

    draw = draws(3)
    gain = radial_gain(128, 96, 0.3, draw)
    spectrum = np.fft.rfft2(face.double().numpy())
    expected = np.fft.irfft2(spectrum * gain.double().numpy(), s=(128, 96))
    made = Fingerprint(0.3, 1, 1.0001)(face, face, 3).double().numpy()
    inside = (expected > 3) & (expected < 252)
    assert np.abs(made - expected)[inside].max() <= 1.0001 + 0.51  # one wave of amplitude 1
