"""DIRE: the map, and the network on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from mfclip.parts import BuildContext, Input, Misfit, Origin
from mfclip_baselines.schemas.base import OnTimm

if TYPE_CHECKING:
    from mfclip_baselines.dire import Dire as Network
    from mfclip_baselines.dire_map import MakesDire

_GET = (
    "dire needs a diffusion model: save an unconditional pipeline of diffusers, such as "
    "`hf download google/ddpm-celebahq-256 --local-dir ddpm`, and name its folder in pipeline"
)


class DireMap(Input):
    """What a diffusion model cannot reconstruct of an image, |x - x_hat| / 2, a map (3, s, s), 0-1.

    s is the side of the model. Made by inverting the image to noise and back, 2 x ``steps`` passes
    of the model: seconds an image on a GPU and minutes on a CPU with a model of 256 pixels, once.
    The model is not in the bundle: whoever scores needs the folder.
    """

    paper: ClassVar[str] = "II-A"
    modules: ClassVar[tuple[str, ...]] = ("diffusers",)
    extra: ClassVar[str | None] = "mfclip[diffusers]"

    use: Literal["dire"] = "dire"
    """Name of the part."""
    pipeline: Path | None = None
    """Local folder of an unconditional pipeline as diffusers saves it: UNet2DModel, with weights in
    .safetensors, and a scheduler. The authors' is ADM, trained on images of 256 pixels."""
    steps: int = Field(default=20, ge=1, le=1000)
    """Of the inversion and of the reconstruction, evenly spaced over those of the model."""

    @property
    def weights(self) -> Path | None:
        """The file of the model's weights, whose hash goes with what was made; None: no folder."""
        if self.pipeline is None:
            return None
        inner = self.pipeline / "unet"
        return (inner if inner.is_dir() else self.pipeline) / "diffusion_pytorch_model.safetensors"

    def misfits(self, context: BuildContext) -> Iterable[Misfit]:
        """No folder, or none of such a pipeline."""
        if not context.pretrained:
            return
        if self.weights is None:
            yield Misfit("pipeline", _GET)
        elif not self.weights.is_file():
            yield Misfit("pipeline", f"there is no {str(self.weights)!r}; {_GET}")

    def build(self, context: BuildContext) -> MakesDire:
        """Make the callable; the model is read when the first map is made.

        Raises:
            RecipeError: no folder is named.
        """
        from mfclip.errors import RecipeError
        from mfclip_baselines.dire_map import MakesDire

        if self.pipeline is None:
            raise RecipeError(_GET)
        return MakesDire(self.pipeline, self.steps, context.reencode)


class Dire(OnTimm):
    """A ResNet on what a diffusion model cannot reconstruct (Wang et al., ICCV 2023).

    Reads the input ``dire``; of the image itself nothing. ResNet-50, 23.5 M parameters.
    """

    origin: ClassVar[Origin] = Origin(
        paper="Wang et al., DIRE for diffusion-generated image detection, ICCV 2023, "
        "arXiv 2303.09295",
        read="|x - x_hat|, inverted and reconstructed in 20 steps of DDIM by ADM, unconditional, "
        "256 pixels; ResNet-50 from ImageNet on crops of 224; Adam at 1e-4, batches of 64, early "
        "stop after 5 epochs",
        inferred="while inverting, the model is asked of the level to come; steps are counted from "
        "its first; clean images are not clipped",
        unknown="which diffusion model the paper's authors took for faces",
        supervision="labels, a diffusion model",
        without="it is refused, and told what to get",
    )
    paper: ClassVar[str] = "II-A"
    reads: ClassVar[frozenset[str]] = frozenset({"dire"})
    shapes: ClassVar[Mapping[str, tuple[str | int, ...]]] = {"dire": ("batch", 3, "h", "w")}

    use: Literal["dire"] = "dire"
    """Name of the part."""
    model: Literal["resnet18", "resnet34", "resnet50"] = "resnet50"
    """Name of timm's network."""

    def build(self, context: BuildContext) -> Network:
        """Make the network.

        Raises:
            RecipeError: the file does not hold its weights.
        """
        from mfclip_baselines.dire import Dire as Network

        return Network(self.read_from(context), model=self.model)
