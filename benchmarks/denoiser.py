"""A small diffusion model of real faces, for the part `dire`, which brings none.

An unconditional DDPM (Ho et al. 2020: linear schedule of 1000 levels, the noise is what is
predicted) on the real images of the training split, with the networks of diffusers; what is
written is the running mean of its weights, a pipeline as diffusers saves it. Faces that it draws
are laid beside it, for a look.

    python benchmarks/denoiser.py --recipe recipes/faces-systems.toml \
        --set data.root=FACES --set data.file=faces.csv --steps 6000 --out denoiser
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

import torch
from diffusers import DDIMPipeline, DDIMScheduler, DDPMPipeline, DDPMScheduler, UNet2DModel
from diffusers.training_utils import EMAModel
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.nn import functional

from mfclip.building.reading import read_data
from mfclip.compute.precision import choose_precision
from mfclip.data.loader import evaluation_loader
from mfclip.data.preprocess import Preprocessor
from mfclip.data.settings import PreprocessingSettings
from mfclip.recipe.read import read_recipe
from mfclip.recipe.registry import plugins_for, read_registry

CPU = torch.device("cpu")
DRAWN = 16
"""Faces to look at, drawn in 50 steps."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", type=Path, required=True)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--side", type=int, default=64, help="pixels; a multiple of 8")
    parser.add_argument("--width", type=int, default=32, help="channels of the first level")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--rate", type=float, default=2e-4)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    photos = real_images(options.recipe, options.set, options.side)
    print(f"{len(photos)} real images of the training split, {options.side} pixels", flush=True)
    torch.manual_seed(0)
    unet, scheduler = network(options.side, options.width), DDPMScheduler()
    train(unet, scheduler, photos, options.steps, options.batch, options.rate)
    DDPMPipeline(unet, scheduler).save_pretrained(options.out)
    draw(unet, scheduler).save(options.out / "drawn.png")
    print(f"{options.out}: for input.pipeline of dire; {options.out / 'drawn.png'} to look at")


def real_images(
    file: Path, overrides: Sequence[str], side: int
) -> Float[Tensor, "images 3 side side"]:
    """Of the training split of a recipe, -1 to 1."""
    catalogue = read_registry(None)
    recipe = read_recipe(
        file, overrides=overrides, plugins=plugins_for(catalogue), registry=catalogue
    )
    train = read_data(recipe).of_split("train")
    real = replace(train, rows=tuple(row for row in train.rows if not row.is_fake))
    prepare = Preprocessor(PreprocessingSettings(size=side))
    batches = evaluation_loader(real, None, batch_size=64, workers=0)
    return torch.cat([2 * prepare(batch.images, CPU) - 1 for batch in batches])


def network(side: int, width: int) -> Any:
    """Four levels, attention at the lowest."""
    return UNet2DModel(
        sample_size=side,
        layers_per_block=1,
        block_out_channels=(width, 2 * width, 3 * width, 4 * width),
        norm_num_groups=8,
        down_block_types=(*["DownBlock2D"] * 3, "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", *["UpBlock2D"] * 3),
    )


def train(
    unet: Any,
    scheduler: Any,
    photos: Float[Tensor, "images 3 side side"],
    steps: int,
    batch: int,
    rate: float,
) -> None:
    """In place; the running mean of the weights is what is kept."""
    precision = choose_precision("auto", CPU)
    optimiser = torch.optim.AdamW(unet.parameters(), rate, weight_decay=0.0)
    mean = EMAModel(unet.parameters(), decay=0.999, use_ema_warmup=True, power=0.75)
    began, summed = monotonic(), 0.0
    for step in range(1, steps + 1):
        clean = photos[torch.randint(len(photos), (batch,))]
        clean = torch.where(torch.rand(batch, 1, 1, 1) < 0.5, clean.flip(-1), clean)
        noise, times = torch.randn_like(clean), torch.randint(1000, (batch,))
        with torch.autocast("cpu", precision, enabled=precision != torch.float32):
            found = unet(scheduler.add_noise(clean, noise, times), times).sample
        loss = functional.mse_loss(found.float(), noise)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(unet.parameters(), 1.0)
        optimiser.step()
        mean.step(unet.parameters())
        summed += float(loss.detach())
        if step % 250 == 0 or step == steps:
            done = step % 250 or 250
            print(f"step {step}  loss {summed / done:.4f}  {monotonic() - began:.0f} s", flush=True)
            summed = 0.0
    mean.copy_to(unet.parameters())


def draw(unet: Any, scheduler: Any) -> Image.Image:
    pipeline = DDIMPipeline(unet.eval(), DDIMScheduler.from_config(scheduler.config))
    pipeline.set_progress_bar_config(disable=True)
    side = unet.config.sample_size
    faces = pipeline(batch_size=DRAWN, generator=torch.Generator().manual_seed(0)).images
    sheet = Image.new("RGB", (8 * side, side * (DRAWN // 8)))
    for place, face in enumerate(faces):
        sheet.paste(face, (place % 8 * side, place // 8 * side))
    return sheet


if __name__ == "__main__":
    main()
