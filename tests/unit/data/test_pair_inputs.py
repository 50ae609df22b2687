"""Photos of fakes and masks of what differs, on pairs whose difference is drawn."""

from pathlib import Path

import numpy as np
import pytest
import skimage
import torch

from mfclip.data.inputs import Inputs, Maker
from mfclip.data.source import Source
from mfclip.errors import DataError
from mfclip.parts import BuildContext
from mfclip_data.inputs import Counterpart, ForgeryMask, HasCounterpart

CONTEXT = BuildContext()
SHAPE = (96, 120)
PAIR = {"counterpart": "photo.png"}


def tensor(pixels) -> torch.Tensor:
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()


@pytest.fixture
def photo(save):
    """A smooth picture that was read from a file: (96, 120, 3), uint8."""
    noise = np.random.default_rng(0).random((*SHAPE, 3))
    smooth = skimage.filters.gaussian(noise, 6, channel_axis=-1)
    pixels = skimage.util.img_as_ubyte(skimage.exposure.rescale_intensity(smooth, out_range=(0, 1)))
    save("photo.png", pixels)
    return pixels


@pytest.fixture
def where():
    """A disc and a square, which were forged."""
    mask = np.zeros(SHAPE, bool)
    mask[skimage.draw.disk((40, 40), 18)] = True
    mask[60:84, 80:110] = True
    return mask


@pytest.fixture
def fake(photo, where):
    """The photo, changed there, and noise everywhere as of an encoder."""
    changed = np.where(where[..., None], (photo.astype(int) + 90) % 256, photo)
    noise = np.random.default_rng(1).integers(-3, 4, photo.shape)
    return np.clip(changed + noise, 0, 255).astype(np.uint8)


def overlap(one, other) -> float:
    return (one & other).sum() / (one | other).sum()


def test_a_mask_is_where_the_pair_differs(fake, where, photo, tmp_path: Path) -> None:
    source = Source(tensor(fake), tmp_path, PAIR, True)
    made = ForgeryMask().build(CONTEXT)(source)
    assert made.shape == (1, *SHAPE)
    assert set(made.unique().tolist()) == {0, 255}
    assert overlap(made[0].numpy() > 0, where) > 0.85


@pytest.mark.parametrize("seed", range(6))
def test_every_step_is_that_of_scikit_image(photo, seed: int) -> None:
    rng = np.random.default_rng(seed)
    part = ForgeryMask(radius=0.02, smallest=0.004, threshold=0.08)
    spots = skimage.filters.gaussian(rng.random(SHAPE), 4)
    changed = spots > np.quantile(spots, 0.7)
    fake = np.where(changed[..., None], 255 - photo, photo).astype(np.uint8)
    fake[rng.random(SHAPE) < 0.02] ^= 128
    one, other = (np.moveaxis(image / 255, -1, 0) for image in (photo, fake))

    grey = np.abs(one - other).mean(0)
    disc = skimage.morphology.disk(2)  # 0.02 of 96 pixels
    wanted = skimage.filters.gaussian(grey, 0.02 * 96, mode="reflect") > 0.08
    wanted = skimage.morphology.opening(wanted, disc)
    wanted = skimage.morphology.closing(wanted, disc)
    holes = skimage.measure.label(np.pad(~wanted, 1, constant_values=True), connectivity=1)
    wanted = (holes != holes[0, 0])[1:-1, 1:-1]
    labels = skimage.measure.label(wanted, connectivity=2)
    for piece in skimage.measure.regionprops(labels):
        if piece.area < 0.004 * grey.size:
            wanted[labels == piece.label] = False
    found = part.build(CONTEXT).differs(one, other)
    assert 0.05 < wanted.mean() < 0.95
    np.testing.assert_array_equal(found, wanted)


def test_a_photo_of_another_size_is_brought_to_the_fake(fake, where, photo, save, tmp_path) -> None:
    large = skimage.transform.resize(photo, (192, 240), order=1)
    save("photo.png", skimage.util.img_as_ubyte(large))
    source = Source(tensor(fake), tmp_path, PAIR, True)
    brought = Counterpart().build(CONTEXT)(source)
    assert brought.shape == (3, *SHAPE)
    assert (brought.int() - tensor(photo).int()).abs().float().mean() < 2
    made = ForgeryMask().build(CONTEXT)(source)
    assert overlap(made[0].numpy() > 0, where) > 0.85


def test_nothing_differs_where_the_pair_is_one_image(photo, tmp_path: Path) -> None:
    made = ForgeryMask().build(CONTEXT)(Source(tensor(photo), tmp_path, PAIR, True))
    assert not made.any()


def test_of_reals_and_of_fakes_without_a_photo(fake, tmp_path: Path) -> None:
    image = tensor(fake)
    mask, photo, known = (
        part.build(CONTEXT) for part in (ForgeryMask(), Counterpart(), HasCounterpart())
    )
    real, lone = (Source(image, tmp_path, {}, is_fake) for is_fake in (False, True))
    assert not mask(real).any()
    assert (mask(lone) == 255).all()
    assert torch.equal(photo(real), image)
    assert torch.equal(photo(lone), image)
    assert [known(one).tolist() for one in (real, lone)] == [[1], [0]]
    assert known(Source(image, tmp_path, PAIR, True)).tolist() == [1]


def test_a_mask_of_the_data_comes_first(fake, photo, save, tmp_path: Path) -> None:
    save("mask.png", np.full((8, 8), 200, np.uint8))
    source = Source(tensor(fake), tmp_path, {**PAIR, "mask": "mask.png"}, True)
    made = ForgeryMask().build(CONTEXT)(source)
    assert made.shape == (1, 8, 8)
    assert (made == 200).all()


def test_a_photo_that_is_not_there_is_an_error(fake, tmp_path: Path) -> None:
    source = Source(tensor(fake), tmp_path, {"counterpart": "gone.png"}, True)
    with pytest.raises(DataError, match=r"gone\.png"):
        Counterpart().build(CONTEXT)(source)


def test_what_is_kept_depends_on_the_label(fake, tmp_path: Path, monkeypatch) -> None:
    """The same pixels, once real and once fake, have two masks."""
    monkeypatch.setenv("MFCLIP_CACHE", str(tmp_path / "cache"))
    part = ForgeryMask()
    maker = Maker(part.name, part.build(CONTEXT), part.columns)
    inputs = Inputs((maker,), frozenset({part.name}))
    sources = [Source(tensor(fake), tmp_path, {}, is_fake) for is_fake in (True, False)]
    for _ in range(2):  # made, then read again
        one, other = inputs.of(sources)[part.name]
        assert (one == 255).all()
        assert not other.any()


@pytest.mark.parametrize("part", [Counterpart(), HasCounterpart(), ForgeryMask()])
def test_clips_are_refused(part) -> None:
    assert not list(part.misfits(CONTEXT))
    (found,) = part.misfits(BuildContext(frames=8))
    assert "preprocessing.frames is 8" in found.message
