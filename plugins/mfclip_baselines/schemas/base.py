"""What the schemas of systems on a backbone of timm have in common."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar, Self

from pydantic import Field, model_validator

from mfclip.parts import BuildContext, Detector, Misfit
from mfclip.weights.files import WeightFile, absent
from mfclip.weights.names import WeightName


class OnTimm(Detector):
    """A detector whose backbone is timm's."""

    paper: ClassVar[str] = "IV-A, Tables I-V"
    modules: ClassVar[tuple[str, ...]] = ("timm",)
    extra: ClassVar[str | None] = "mfclip[timm]"

    weights: WeightFile | None = None
    """A name of ``mfclip weights list``, or a local .safetensors file of the backbone as timm names
    its tensors; a classifier in it is not read. Without it: trained from scratch."""

    def misfits(self, context: BuildContext) -> Iterable[Misfit]:
        """Weights that are not there."""
        return absent(self.weights, context)

    def read_from(self, context: BuildContext) -> Path | WeightName | None:
        """The weights to begin with; none while a bundle is read back."""
        return self.weights if context.pretrained else None


class OnVit(OnTimm):
    """A detector on timm's plain vision transformer; the defaults are ViT-B/16."""

    patch: int = Field(default=16, ge=1)
    """Side of one token's patch, pixels; must divide the image size."""
    dim: int = Field(default=768, ge=1)
    """Width of the transformer."""
    depth: int = Field(default=12, ge=1)
    """Transformer blocks."""
    heads: int = Field(default=12, ge=1)
    """Attention heads; ``dim`` must be a multiple of it."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.dim % self.heads:
            raise ValueError(
                f"dim must be a multiple of heads, got dim {self.dim} and heads {self.heads}"
            )
        return self

    def misfits(self, context: BuildContext) -> Iterable[Misfit]:
        """Weights that are not there, and patches that do not tile the image."""
        yield from super().misfits(context)
        if context.image_size % self.patch:
            yield Misfit(
                "patch",
                f"patches of {self.patch} pixels do not divide an image of {context.image_size}; "
                "change it or preprocessing.size",
            )

    def transformer(self, context: BuildContext) -> dict[str, int]:
        """The settings that every network on it takes."""
        return {
            "image_size": context.image_size,
            "patch": self.patch,
            "width": self.dim,
            "depth": self.depth,
            "heads": self.heads,
        }
