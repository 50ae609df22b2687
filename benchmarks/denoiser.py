"""A small diffusion model of real faces, for the part `dire`, which brings none.

An unconditional DDPM (Ho et al. 2020: linear schedule of 1000 levels, the noise is what is
predicted) on the real images of the training split, with the networks of diffusers; what is
written is the running mean of its weights, a pipeline as diffusers saves it. Faces that it draws
are laid beside it, for a look. Interrupted, the same command goes on.

    python benchmarks/denoiser.py --recipe recipes/faces-systems.toml \
        --set data.root=FACES --set data.file=faces.csv --steps 6000 --out denoiser
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Any

import torch
from diffusers import DDIMPipeline, DDIMScheduler, DDPMPipeline, DDPMScheduler, UNet2DModel
from diffusers.training_utils import EMAModel
from jaxtyping import Float
from PIL import Image
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional

from mfclip.building.reading import read_data
from mfclip.compute.precision import choose_precision, precision_name
from mfclip.data.loader import evaluation_loader
from mfclip.data.preprocess import Preprocessor
from mfclip.data.settings import PreprocessingSettings
from mfclip.files import replace_file, replace_folder
from mfclip.recipe.read import read_recipe
from mfclip.recipe.registry import plugins_for, read_registry
from mfclip.training.optimiser import load_optimiser, optimiser_tensors

CPU = torch.device("cpu")
DRAWN = 16
"""Faces to look at, drawn in 50 steps."""
KEPT_EVERY = 250
"""Steps between two looks at the loss, after each of which a killed run goes on."""


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
    if options.out.exists():
        parser.error(f"--out {options.out} exists: name another folder, or remove it")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    photos = real_images(options.recipe, options.set, options.side)
    print(f"{len(photos)} real images of the training split, {options.side} pixels", flush=True)
    torch.manual_seed(0)
    unet, scheduler = network(options.side, options.width), DDPMScheduler()
    learning = Learning(unet, scheduler, photos, options.batch, options.rate)
    unfinished = Unfinished(
        options.out.with_name(f"{options.out.name}.unfinished.safetensors"),
        {name: getattr(options, name) for name in ("side", "width", "batch", "steps", "rate")}
        | {"arithmetic": precision_name(learning.precision)}
        | {"photos": hashlib.sha256(photos.numpy()).hexdigest()},
    )
    if trouble := unfinished.trouble():
        parser.error(trouble)
    train(learning, options.steps, unfinished)
    with replace_folder(options.out) as folder:
        DDPMPipeline(unet, scheduler).save_pretrained(folder)
        draw(unet, scheduler).save(folder / "drawn.png")
    unfinished.file.unlink(missing_ok=True)
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


class Learning:
    """A network on its way, its optimiser, and the running mean of its weights."""

    def __init__(
        self,
        unet: Any,
        scheduler: Any,
        photos: Float[Tensor, "images 3 side side"],
        batch: int,
        rate: float,
    ) -> None:
        self.unet, self.scheduler = unet, scheduler
        self.photos, self.batch = photos, batch
        self.precision = choose_precision("auto", CPU)
        self.optimiser = torch.optim.AdamW(unet.parameters(), rate, weight_decay=0.0)
        self.mean = EMAModel(unet.parameters(), decay=0.999, use_ema_warmup=True, power=0.75)

    def step(self) -> float:
        """One step; its loss."""
        clean = self.photos[torch.randint(len(self.photos), (self.batch,))]
        clean = torch.where(torch.rand(self.batch, 1, 1, 1) < 0.5, clean.flip(-1), clean)
        noise, times = torch.randn_like(clean), torch.randint(1000, (self.batch,))
        with torch.autocast("cpu", self.precision, enabled=self.precision != torch.float32):
            found = self.unet(self.scheduler.add_noise(clean, noise, times), times).sample
        loss = functional.mse_loss(found.float(), noise)
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.unet.parameters(), 1.0)
        self.optimiser.step()
        self.mean.step(self.unet.parameters())
        return float(loss.detach())

    def tensors(self) -> dict[str, Tensor]:
        """All that the next step depends on, but for how many there were."""
        kinds = {
            "weight": self.unet.state_dict(),
            "mean": {f"{place:04d}": one for place, one in enumerate(self.mean.shadow_params)},
            "optimiser": optimiser_tensors(self.optimiser, self.unet),
            "draws": {"state": torch.get_rng_state()},
        }
        return {
            f"{kind}/{name}": value for kind, own in kinds.items() for name, value in own.items()
        }

    def restore(self, tensors: Mapping[str, Tensor], step: int) -> None:
        """Stand where :meth:`tensors` were taken, after ``step`` steps."""
        kinds: dict[str, dict[str, Tensor]] = {}
        for name, value in tensors.items():
            kind, _, own = name.partition("/")
            kinds.setdefault(kind, {})[own] = value
        self.unet.load_state_dict(kinds["weight"])
        self.mean.shadow_params = [value for _, value in sorted(kinds["mean"].items())]
        self.mean.optimization_step = step
        load_optimiser(self.optimiser, self.unet, kinds["optimiser"])
        torch.set_rng_state(kinds["draws"]["state"])


@dataclass(frozen=True)
class Unfinished:
    """The file from which a killed run goes on: its tensors, and what it was begun with."""

    file: Path
    settings: dict[str, Any]

    def trouble(self) -> str | None:
        """Why this run cannot go on from the file that is there; None where it can, or is none."""
        if not self.file.exists():
            return None
        try:
            begun = self._said()["settings"]
        except (SafetensorError, KeyError, TypeError, ValueError):
            return f"{self.file} is none of an unfinished run: move it away, or name another --out"
        names = self.settings.keys() | begun.keys()
        other = sorted(one for one in names if begun.get(one) != self.settings.get(one))
        if not other:
            return None
        return f"{self.file} was begun with other {', '.join(other)}: repeat it so, or remove it"

    def write(self, learning: Learning, step: int) -> None:
        said = json.dumps({"settings": self.settings, "step": step})
        tensors = {name: value.contiguous() for name, value in learning.tensors().items()}
        with replace_file(self.file) as staged:
            save_file(tensors, staged, metadata={"unfinished": said})

    def read_into(self, learning: Learning) -> int:
        """Steps that are done already."""
        if not self.file.exists():
            return 0
        step: int = self._said()["step"]
        learning.restore(load_file(self.file), step)
        print(f"going on after step {step} of {self.file}", flush=True)
        return step

    def _said(self) -> dict[str, Any]:
        with safe_open(self.file, "pt") as file:
            said: dict[str, Any] = json.loads((file.metadata() or {})["unfinished"])
            return said


def train(learning: Learning, steps: int, unfinished: Unfinished) -> None:
    """In place; the running mean of the weights is what is kept."""
    done = unfinished.read_into(learning)
    began, losses = monotonic(), []
    for step in range(done + 1, steps + 1):
        losses.append(learning.step())
        if step % KEPT_EVERY == 0 or step == steps:
            loss = sum(losses) / len(losses)
            print(f"step {step}  loss {loss:.4f}  {monotonic() - began:.0f} s", flush=True)
            losses.clear()
            unfinished.write(learning, step)
    learning.mean.copy_to(learning.unet.parameters())


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
