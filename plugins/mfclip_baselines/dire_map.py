"""Maps of what a diffusion model cannot reconstruct, with any unconditional pipeline of diffusers.

The pipeline is a local folder. Nothing is fetched, and no pickle is read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from diffusers import DDIMScheduler, UNet2DModel
from jaxtyping import Float16
from torch import Tensor, nn

from mfclip.compute.devices import choose_device
from mfclip.data.preprocess import Preprocessor
from mfclip.data.settings import PreprocessingSettings
from mfclip.data.source import Source
from mfclip.errors import DataError, RecipeError, in_one_line
from mfclip_baselines.dire import Ddim, Images, reconstruction_error

TOGETHER = 8
"""Images that are reconstructed at once."""


class Denoiser:
    """A UNet of diffusers as :data:`Noise`, whatever of noise, image or velocity it predicts."""

    def __init__(self, unet: nn.Module, predicts: str = "epsilon") -> None:
        self.unet, self.predicts = unet, predicts

    def __call__(self, x: Images, time: int, kept: float) -> Images:
        """Further channels, such as a variance that it learned, are not read."""
        found: Tensor = self.unet(x, time).sample[:, : x.shape[1]]
        if self.predicts == "v_prediction":
            found = kept**0.5 * found + (1 - kept) ** 0.5 * x
        elif self.predicts == "sample":
            found = (x - kept**0.5 * found) / (1 - kept) ** 0.5
        return found


class MakesDire:
    """Source -> its map (3, side, side), float16, 0-1, side being that of the diffusion model.

    Parameters
    ----------
    folder
        Of a pipeline as diffusers saves it; read when the first map is made.
    steps
        Of the inversion, and of the reconstruction.
    reencode
        What the data bring every image through, as of the preprocessor; None: nothing.
    """

    def __init__(self, folder: Path, steps: int, reencode: str | None = None) -> None:
        self._folder, self._steps, self._reencode = folder, steps, reencode

    @cached_property
    def _model(self) -> tuple[nn.Module, Ddim, Denoiser, Preprocessor]:
        """Raises :class:`RecipeError` for a folder of something else."""
        unet, scheduler = _unet_in(self._folder), _scheduler_in(self._folder)
        if self._steps > len(scheduler.alphas_cumprod):
            raise RecipeError(
                f"the model in {self._folder} has {len(scheduler.alphas_cumprod)} steps, and dire "
                f"was told to take {self._steps}; lower steps"
            )
        unet = unet.eval().requires_grad_(False).to(choose_device("auto"))
        ddim = Ddim.spaced(scheduler.alphas_cumprod.tolist(), self._steps)
        settings = PreprocessingSettings(size=_side(unet))
        denoiser = Denoiser(unet, scheduler.config.prediction_type)
        return unet, ddim, denoiser, Preprocessor(settings, self._reencode)

    def __call__(self, source: Source) -> Float16[Tensor, "3 side side"]:
        """Raises :class:`DataError` for a clip."""
        return self.many([source])[0]

    @torch.inference_mode()
    def many(self, sources: Sequence[Source]) -> list[Float16[Tensor, "3 side side"]]:
        """One map a source. Raises :class:`DataError` for a clip."""
        images = [source.image for source in sources]
        if any(image.ndim != 3 for image in images):
            raise DataError("dire reads single images; received a clip of frames")
        found: list[Tensor] = []
        for start in range(0, len(images), TOGETHER):
            found += self._maps(images[start : start + TOGETHER])
        return found

    def _maps(self, images: Sequence[Tensor]) -> list[Tensor]:
        unet, ddim, denoiser, prepare = self._model
        device = next(unet.parameters()).device
        x = 2 * prepare(images, device) - 1
        maps = reconstruction_error(x, ddim, denoiser).half().cpu()
        return [one.clone() for one in maps]


def _side(unet: Any) -> int:
    size = unet.config.sample_size
    return int(size if isinstance(size, int) else size[0])


def _unet_in(folder: Path) -> Any:
    """Its unconditional UNet. Raises :class:`RecipeError` where there is none."""
    return _read(UNet2DModel.from_pretrained, _inside(folder, "unet"), use_safetensors=True)


def _scheduler_in(folder: Path) -> Any:
    """Its noise schedule, whichever scheduler it was saved with.

    Raises :class:`RecipeError` where there is none.
    """
    return _read(DDIMScheduler.from_pretrained, _inside(folder, "scheduler"))


def _inside(folder: Path, name: str) -> Path:
    """The folder of one component; early pipelines hold all of them in one."""
    return folder / name if (folder / name).is_dir() else folder


def _read(read: Callable[..., Any], folder: Path, **options: Any) -> Any:
    try:
        return read(str(folder), local_files_only=True, **options)
    except (OSError, ValueError, TypeError, RuntimeError, KeyError) as error:
        told = in_one_line(error)
        raise RecipeError(f"{folder} is no folder of an unconditional pipeline: {told}") from error
