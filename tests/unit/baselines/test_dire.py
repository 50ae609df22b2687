"""DIRE's map: cases solved by hand, diffusers' own steps, and a small model in a folder."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers import DDIMInverseScheduler, DDIMScheduler, DDPMPipeline, DDPMScheduler, UNet2DModel
from torch.nn import functional

from mfclip.data.source import Source
from mfclip.errors import DataError, RecipeError
from mfclip.parts import BuildContext
from mfclip_baselines.dire import Ddim, reconstruction_error
from mfclip_baselines.dire_map import Denoiser
from mfclip_baselines.schemas.dire import Dire, DireMap

from .conftest import learns, pipeline

PRODUCTS = np.cumprod(1 - np.linspace(1e-4, 0.02, 1000))
"""Of the alphas in ADM's linear schedule of 1000 steps."""


def test_steps_are_those_of_the_authors():
    ddim = Ddim.spaced(PRODUCTS.tolist(), 20)
    assert ddim.times == tuple(range(0, 1000, 50))
    assert ddim.kept[0] == 1
    theirs = DDPMScheduler().alphas_cumprod[::50]
    np.testing.assert_allclose(ddim.kept[1:], theirs, rtol=1e-4)


def test_nothing_is_left_where_the_denoiser_knows_the_image():
    """All data are one image: the best guess at noise is what x has beyond it."""
    known, other = torch.rand(2, 1, 3, 4, 4, dtype=torch.float64) * 2 - 1

    def noise(x, time, kept):
        product = float(PRODUCTS[time])
        return (x - product**0.5 * known) / (1 - product) ** 0.5

    ddim = Ddim.spaced(PRODUCTS.tolist(), 20)
    assert reconstruction_error(known, ddim, noise).max() < 1e-9
    expected = (other - known).abs() / 2  # everything comes back as the image that is known
    torch.testing.assert_close(reconstruction_error(other, ddim, noise), expected)


def gaussian(deviation):
    """The noise to expect in x where data are normal: linear in x."""

    def noise(x, time, kept):
        product = float(PRODUCTS[time])
        return (1 - product) ** 0.5 / (product * deviation**2 + 1 - product) * x

    return noise


@pytest.mark.parametrize("deviation", [0.2, 1.0])
def test_the_gaussian_case_by_hand(deviation):
    """Each step multiplies x by a number, so the map is |1 - their product| |x| / 2."""
    products = PRODUCTS[::50]
    gain = np.sqrt(1 - products) / (products * deviation**2 + 1 - products)
    kept, factor = np.append(1, products), 1.0
    forth = zip(kept, kept[1:], gain, strict=False)
    back = zip(kept[:0:-1], kept[-2::-1], gain[::-1], strict=True)
    for before, after, at in (*forth, *back):
        clean = (1 - np.sqrt(1 - before) * at) / np.sqrt(before)
        factor *= np.sqrt(after) * clean + np.sqrt(1 - after) * at
    x = torch.rand(1, 3, 4, 4, dtype=torch.float64) * 2 - 1
    found = reconstruction_error(x, Ddim.spaced(PRODUCTS.tolist(), 20), gaussian(deviation))
    np.testing.assert_allclose(found.numpy(), np.abs(1 - factor) * np.abs(x.numpy()) / 2)


def test_finer_steps_lose_less_of_what_the_model_knows():
    x = torch.rand(1, 3, 4, 4, dtype=torch.float64) * 2 - 1
    lost = [
        float(reconstruction_error(x, Ddim.spaced(PRODUCTS.tolist(), n), gaussian(0.5)).mean())
        for n in (10, 50, 250, 1000)
    ]
    assert lost == sorted(lost, reverse=True)
    assert lost[-1] < lost[0] / 10


@pytest.mark.parametrize("predicts", ["epsilon", "sample", "v_prediction"])
@torch.no_grad()
def test_the_steps_are_those_of_diffusers(predicts):
    torch.manual_seed(0)
    unet = small_unet().eval()
    options = {"prediction_type": predicts, "clip_sample": False, "timestep_spacing": "leading"}
    forth, back = DDIMInverseScheduler(**options), DDIMScheduler(**options)
    forth.set_timesteps(20)
    back.set_timesteps(20)
    ddim, noise = Ddim.spaced(PRODUCTS.tolist(), 20), Denoiser(unet, predicts)
    x = z = torch.rand(2, 3, 16, 16) * 2 - 1
    if predicts == "epsilon":  # where the others divide by the noise in a clean image
        for time in forth.timesteps:
            z = forth.step(unet(z, time).sample, time, z).prev_sample
        torch.testing.assert_close(ddim.inverted(x, noise), z, rtol=1e-3, atol=1e-3)
    again = z
    for time in back.timesteps:
        again = back.step(unet(again, time).sample, time, again).prev_sample
    torch.testing.assert_close(ddim.reconstructed(z, noise), again, rtol=1e-3, atol=1e-3)


def small_unet(channels=3):
    return UNet2DModel(
        sample_size=16, out_channels=channels, block_out_channels=(8,), layers_per_block=1,
        norm_num_groups=4, down_block_types=("DownBlock2D",), up_block_types=("UpBlock2D",),
    )  # fmt: skip


def test_a_learned_variance_is_not_read():
    x = torch.rand(1, 3, 16, 16)
    assert Denoiser(small_unet(6))(x, 0, 1.0).shape == x.shape


def sources(count=2):
    random = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, 3, 24, 20), generator=random, dtype=torch.uint8)
    return [Source(image) for image in images]


def test_maps_with_a_model_in_a_folder(tmp_path):
    part = DireMap(pipeline=pipeline(tmp_path / "ddpm"), steps=4)
    assert not list(part.misfits(BuildContext()))
    make = part.build(BuildContext())
    first, second = make.many(sources())
    assert first.shape == (3, 16, 16)
    assert first.dtype == torch.float16
    assert 0 < float(first.max()) <= 1
    assert (first - second).abs().max() > 0
    torch.testing.assert_close(make(sources()[1]), second, rtol=1e-2, atol=1e-3)
    again = part.build(BuildContext()).many(sources())
    assert torch.equal(torch.stack(again), torch.stack([first, second]))


def test_early_pipelines_have_all_in_one_folder(tmp_path):
    folder = pipeline(tmp_path / "ddpm")
    for inner in ("unet", "scheduler"):
        for file in (folder / inner).iterdir():
            file.rename(folder / file.name)
        (folder / inner).rmdir()
    (made,) = DireMap(pipeline=folder, steps=2).build(BuildContext()).many(sources(1))
    assert made.isfinite().all()


def test_without_a_folder_it_says_what_to_get(tmp_path):
    (misfit,) = DireMap().misfits(BuildContext())
    assert "hf download google/ddpm-celebahq-256" in misfit.message
    (misfit,) = DireMap(pipeline=tmp_path).misfits(BuildContext())
    assert "diffusion_pytorch_model.safetensors" in misfit.message
    with pytest.raises(RecipeError, match="needs a diffusion model"):
        DireMap().build(BuildContext())
    with pytest.raises(RecipeError, match="no folder of an unconditional pipeline"):
        DireMap(pipeline=tmp_path).build(BuildContext()).many(sources())


def test_clips_are_refused(tmp_path):
    make = DireMap(pipeline=pipeline(tmp_path / "ddpm")).build(BuildContext())
    with pytest.raises(DataError, match="clip of frames"):
        make(Source(torch.zeros(2, 3, 8, 8, dtype=torch.uint8)))


def test_more_steps_than_the_model_has(tmp_path):
    DDPMPipeline(small_unet(), DDPMScheduler(10)).save_pretrained(tmp_path / "ddpm")
    make = DireMap(pipeline=tmp_path / "ddpm").build(BuildContext())
    with pytest.raises(RecipeError, match="has 10 steps, and dire was told to take 20"):
        make.many(sources())


def test_the_network_reads_the_map_alone(images):
    network = Dire(model="resnet18").build(BuildContext()).eval()
    torch.testing.assert_close(network(images, images), network(torch.rand_like(images), images))
    assert (network(images, images) - network(images, 1 - images)).abs().max() > 1e-4
    network.train()
    for name, weights in network.named_parameters():
        if name.endswith("bn2.weight"):  # branches begin at zero and hide what is in them
            torch.nn.init.ones_(weights)
    loss = functional.cross_entropy(network(images, images), torch.tensor([0, 1, 0, 1]))
    assert learns(network, loss) == {name for name, _ in network.named_parameters()}


def test_as_large_as_published():
    with torch.device("meta"):
        network = Dire().build(BuildContext())
    assert sum(p.numel() for p in network.parameters()) == 23_508_032 + 2 * 2048 + 2
