from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from mfclip_sample.draw.grid import Pose
from mfclip_sample.forge.denoise import diffuse
from mfclip_sample.forge.edit import EDITS, changed_region, edited
from mfclip_sample.forge.generators import FORGE
from mfclip_sample.forge.latent import decode_latent
from mfclip_sample.forge.swap import inner_face, swap
from mfclip_sample.forge.upsampler import Upsampler, doubled, trained
from mfclip_sample.randomness import stream
from mfclip_sample.shot import Shot, draw_shot

SIDE = 96
RNG = np.random.default_rng(0)
PICTURE: NDArray[np.float32] = RNG.random((3, 48, 64), dtype=np.float32)
LEVELS = (0.03, 0.02, 0.012)


@pytest.fixture(scope="module")
def shot() -> Shot:
    return draw_shot((0, 1), (0, 2), SIDE)


@pytest.mark.parametrize("name", FORGE)
def test_every_pipeline_gives_a_new_picture_of_the_same_shape(shot: Shot, name: str) -> None:
    picture = FORGE[name](shot)
    assert picture.shape == (3, SIDE, SIDE)
    assert picture.dtype == np.float32
    assert picture.min() > -0.2
    assert picture.max() < 1.2
    assert np.abs(picture - shot.photograph()).max() > 0.05
    assert np.array_equal(picture, FORGE[name](replace(shot)))


def test_doubling_is_torchs_transposed_convolution() -> None:
    kernel = RNG.random((3, 4, 4), dtype=np.float32)
    oracle = torch.nn.functional.conv_transpose2d(
        torch.from_numpy(PICTURE)[None],
        torch.from_numpy(kernel)[:, None],
        stride=2,
        padding=1,
        groups=3,
    )[0]
    inner = np.s_[:, 1:-1, 1:-1]
    assert doubled(PICTURE, kernel)[inner] == pytest.approx(oracle.numpy()[inner], abs=1e-5)


def test_an_even_decoder_that_keeps_all_detail_changes_nothing() -> None:
    even = trained("even", unevenness=0.0, detail=(1.0, 1.0), noise=0.0)
    assert even(PICTURE, stream((), "x")) == pytest.approx(PICTURE, abs=1e-5)


def test_a_decoder_keeps_brightness_and_its_weights() -> None:
    one = trained("one", unevenness=0.1, detail=(0.9, 0.5), noise=0.0)
    grey = np.full((3, 64, 64), 0.5, np.float32)
    assert one(grey, stream((), "x")).mean() == pytest.approx(0.5, abs=1e-4)
    again, other = (trained(name, 0.1, (0.9, 0.5), 0.0) for name in ("one", "other"))
    assert np.array_equal(one.kernels[0], again.kernels[0])
    assert not np.array_equal(one.kernels[0], other.kernels[0])
    assert isinstance(one, Upsampler)


def test_a_latent_of_everything_only_laps_the_blocks() -> None:
    flat = np.full((3, 32, 32), 0.25, np.float32)
    settings = {"keep": 99, "step": 1e-6, "texture": 0.0}
    assert decode_latent(flat, stream((), "x"), **settings) == pytest.approx(flat, abs=1e-4)  # type: ignore[arg-type]
    decoded = decode_latent(PICTURE, stream((), "x"), **settings)  # type: ignore[arg-type]
    # The middle of a block is all its own; only its rim is shared with neighbours.
    assert decoded[:, 3::8, 3::8] == pytest.approx(PICTURE[:, 3::8, 3::8], abs=0.06)
    assert np.abs(decoded - PICTURE).max() > 0.1


def test_a_small_latent_has_no_steps_between_blocks() -> None:
    row = np.linspace(0, 1, 64, dtype=np.float32) ** 2
    ramp = np.broadcast_to(row, (3, 64, 64)).copy()
    decoded = decode_latent(ramp, stream((), "x"), keep=1, step=1e-5, texture=0.0)
    steps = np.abs(np.diff(decoded[0, 20, 4:-4]))
    assert steps[3::8].mean() < 1.6 * np.median(steps)


def test_denoising_removes_more_noise_than_it_adds() -> None:
    noisy = np.float32(0.5) + np.float32(0.03) * RNG.standard_normal((3, 64, 64), dtype=np.float32)
    clean = diffuse(noisy, stream((), "x"), levels=LEVELS)
    assert clean.std() < 0.5 * noisy.std()


def test_denoising_keeps_edges() -> None:
    step = np.zeros((3, 64, 64), np.float32) + np.float32(0.2)
    step[..., 32:] = 0.8
    kept = diffuse(step, stream((), "x"), levels=LEVELS)
    assert kept[..., 33].mean() - kept[..., 30].mean() > 0.5


@pytest.mark.parametrize("edit", EDITS)
def test_each_edit_changes_the_person_and_not_the_place(shot: Shot, edit: object) -> None:
    assert callable(edit)
    after = edit(shot, stream((), "edit"))
    assert (after.person, after.photo.expression) != (shot.person, shot.photo.expression)
    assert after.photo.pose == shot.photo.pose
    assert after.photo.key == shot.photo.key
    assert after.camera == shot.camera


def test_the_changed_region_covers_the_change_and_little_more() -> None:
    before = np.zeros((3, 64, 64), np.float32)
    after = before.copy()
    after[:, 20:30, 20:30] = 0.5
    region = changed_region(before, after, reach=4)
    assert region[20:30, 20:30].min() > 0.9
    assert region[:8].max() == 0
    assert region[48:].max() == 0
    assert changed_region(before, before, reach=4).max() == 0


def test_edits_vary(shot: Shot) -> None:
    people = {edited(shot, stream((key,), "edit")).person for key in range(12)}
    assert len(people) > 4


def test_a_swap_touches_the_inner_face_only(shot: Shot) -> None:
    photo, swapped = shot.photograph(), swap(shot, lambda picture, rng: picture)
    mask = inner_face(shot)
    assert np.array_equal(swapped[:, mask == 0], photo[:, mask == 0])
    assert np.abs(swapped - photo)[:, mask == 1].mean() > 0.01
    assert 0.05 < mask.mean() < 0.3


def test_a_swap_matches_the_targets_colour(shot: Shot) -> None:
    photo, swapped = shot.photograph(), swap(shot, lambda picture, rng: picture * np.float32(0.5))
    mask = inner_face(shot)
    means = [(p * mask).sum(axis=(1, 2)) / mask.sum() for p in (photo, swapped)]
    assert means[0] == pytest.approx(means[1], abs=0.03)


def test_a_swapped_face_lands_where_the_target_is() -> None:
    from mfclip_sample.forge.swap import _warped

    def spotted(pose: Pose) -> tuple[Shot, NDArray[np.float32]]:
        one = draw_shot((0,), (0,), SIDE)
        moved = replace(one, photo=replace(one.photo, pose=pose))
        grid = moved.view().body
        spot = np.exp(-((grid.x - 0.3) ** 2 + (grid.y - 0.4) ** 2) * 20)
        return moved, np.broadcast_to(spot, (3, SIDE, SIDE)).astype(np.float32)

    donor, face = spotted(Pose(centre=(0.45, 0.5), scale=0.24, roll=0.2, shear=0.05))
    target, expected = spotted(Pose(centre=(0.53, 0.46), scale=0.28, roll=-0.1))
    assert _warped(face, donor, target) == pytest.approx(expected, abs=0.02)
