"""Masks, self-blends and swaps."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from mfclip.parts import BuildContext
from mfclip_pseudo.fields import blurred, draws
from mfclip_pseudo.mask import soft_mask
from mfclip_pseudo.parts import SelfBlend, SwapBlend
from mfclip_pseudo.self_blend import _hue_and_saturation
from mfclip_pseudo.swap_blend import in_colours_of

BLENDS = (SelfBlend(), SwapBlend())


def corners(image, side=6):
    """The four corners, side by side."""
    return torch.cat(
        [
            image[..., y, x]
            for y in (slice(side), slice(-side, None))
            for x in (slice(side), slice(-side, None))
        ],
        -1,
    )


@pytest.mark.parametrize("size", [(128, 96), (300, 420), (33, 65)])
def test_masks_are_soft_and_end_before_the_corners(size):
    shares = []
    for seed in range(50):
        mask = soft_mask(*size, draws(seed))
        assert mask.shape == size
        assert mask.min() == 0
        assert 0.95 < mask.max() <= 1
        assert corners(mask, max(2, min(size) // 25)).max() < 1e-3
        steps = torch.cat([mask.diff(dim=0).flatten(), mask.diff(dim=1).flatten()]).abs()
        assert steps.max() < (0.5 if min(size) > 60 else 1)  # no hard edge
        assert ((mask > 0.1) & (mask < 0.9)).float().mean() > 0.02
        shares.append(float(mask.mean()))
        where = mask.nonzero().float().mean(0) / torch.tensor(size)
        assert ((where - 0.5).abs() < 0.12).all()
    assert 0.1 < min(shares) < 0.2 < max(shares) < 0.5


def test_a_mask_is_blurred_as_scipy_blurs():
    image = torch.rand(1, 40, 50, generator=torch.Generator().manual_seed(0))
    expected = gaussian_filter(image[0].double().numpy(), 2.0, mode="constant", truncate=3.0)
    np.testing.assert_allclose(blurred(image, 2.0)[0].numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("part", BLENDS, ids=lambda part: part.use)
def test_the_far_corners_stay_and_the_middle_does_not(part, face, other):
    forge = part.build(BuildContext())
    for seed in range(30):
        made = forge(face, other, seed)
        assert torch.equal(corners(made), corners(face))
        middle = (slice(None), slice(50, 78), slice(36, 60))
        assert (made[middle] != face[middle]).float().mean() > 0.5


def test_a_weaker_blend_changes_less(face, other):
    changes = [
        np.mean(
            [
                (
                    SelfBlend(strengths=(strength,))
                    .build(BuildContext())(face, other, seed)
                    .float()
                    - face
                )
                .abs()
                .mean()
                for seed in range(8)
            ]
        )
        for strength in (0.25, 0.5, 1.0)
    ]
    assert changes[0] == pytest.approx(changes[2] / 4, rel=0.25)
    assert changes[0] < changes[1] < changes[2]


def test_black_and_white_images_are_changed_too():
    forge = SelfBlend().build(BuildContext())
    for level in (0, 255):
        image = torch.full((3, 32, 32), level, dtype=torch.uint8)
        assert all(not torch.equal(forge(image, image, seed), image) for seed in range(30))


def test_a_turned_hue_keeps_greys_and_turns_as_colours_do():
    pixels = torch.tensor([[100.0, 100, 100], [200, 40, 40]]).T[..., None]  # (3, 2, 1)
    turned = _hue_and_saturation(pixels, 2 * np.pi / 3, 1.0)
    assert turned[:, 0, 0].tolist() == pytest.approx([100, 100, 100], abs=1e-3)
    before, after = (
        colorsys.rgb_to_hsv(*(one[:, 1, 0] / 255).tolist()) for one in (pixels, turned)
    )
    assert (after[0] - before[0]) % 1 == pytest.approx(1 / 3, abs=1e-3)
    paler = _hue_and_saturation(pixels, 0.0, 0.5)[:, 1, 0]
    luma = 0.299 * 200 + 0.701 * 40
    assert paler.tolist() == pytest.approx([(200 + luma) / 2, (40 + luma) / 2, (40 + luma) / 2])


def test_a_swap_has_the_partners_face_in_the_images_colours(face, other):
    forge = SwapBlend(strengths=(1.0,)).build(BuildContext())
    made = [forge(face, other, seed)[:, 56:72, 40:56] for seed in range(12)]
    alone = [forge(face, face, seed)[:, 56:72, 40:56] for seed in range(12)]
    assert not any(torch.equal(a, b) for a, b in zip(made, alone, strict=True))
    small = torch.nn.functional.interpolate(
        other[None].float(), (128, 96), mode="bicubic", antialias=True
    )
    patches = [small[0][:, 56:72, 40:56], small[0].flip(-1)[:, 56:72, 40:56]]
    for one in made:
        fits = [
            np.corrcoef(one.float().mean(0).flatten(), p.mean(0).flatten())[0, 1] for p in patches
        ]
        assert max(fits) > 0.95


def test_colour_transfer_gives_the_moments_under_the_mask(face, other):
    image, given = face.double()[:, :90, :90], other.double()[:, :90, :90]
    mask = soft_mask(90, 90, draws(1)).double()
    found = in_colours_of(image, given, mask).numpy()
    weights = mask.numpy()
    for channel in range(3):
        wanted = image[channel].numpy()
        mean = np.average(wanted, weights=weights)
        deviation = np.average((wanted - mean) ** 2, weights=weights) ** 0.5
        own = np.average(found[channel], weights=weights)
        assert own == pytest.approx(mean, abs=1e-6)
        spread = np.average((found[channel] - own) ** 2, weights=weights) ** 0.5
        assert spread <= deviation * 1.0001


def test_alone_in_its_batch_it_is_its_own_mirror_image(face):
    forge = SwapBlend(strengths=(1.0,)).build(BuildContext())
    middle = (slice(None), slice(56, 72), slice(40, 56))
    for seed in range(6):
        made = forge(face, face, seed)[middle].float()
        assert (made - face.flip(-1)[middle]).abs().mean() < (made - face[middle]).abs().mean()
