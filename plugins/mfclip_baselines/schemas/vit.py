"""ViT."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from mfclip.parts import BuildContext, Misfit
from mfclip_baselines.origin import Origin
from mfclip_baselines.schemas.base import OnTimm

if TYPE_CHECKING:
    from mfclip_baselines.vit import Vit as Network


class Vit(OnTimm):
    """A plain vision transformer (Dosovitskiy et al., ICLR 2021).

    The defaults are ViT-B/16, timm's ``vit_base_patch16_224`` with two classes, 85.8 M parameters.
    """

    origin: ClassVar[Origin] = Origin(
        paper="Dosovitskiy et al., An image is worth 16x16 words, ICLR 2021",
        read="ViT-B/16: 12 blocks of width 768, 12 heads, perceptrons of 3072, 224 px",
        inferred="mean and standard deviation 0.5, of timm's weights; AdamW at 3e-5",
        unknown="how the paper's authors trained theirs",
    )

    use: Literal["vit"] = "vit"
    """Name of the part."""
    patch: int = Field(default=16, ge=1)
    """Side of one token's patch, pixels; must divide the image size."""
    dim: int = Field(default=768, ge=1)
    """Width of the transformer."""
    depth: int = Field(default=12, ge=1)
    """Transformer blocks."""
    heads: int = Field(default=12, ge=1)
    """Attention heads; ``dim`` must be a multiple of it."""
    drop_path: float = Field(default=0.0, ge=0, lt=1)
    """Stochastic depth of the last block; of block l of L it is l / L of that."""

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

    def build(self, context: BuildContext) -> Network:
        """Make the network.

        Raises:
            RecipeError: the file does not hold its weights.
        """
        from mfclip_baselines.vit import Vit as Network

        return Network(
            self.read_from(context),
            image_size=context.image_size,
            patch=self.patch,
            width=self.dim,
            depth=self.depth,
            heads=self.heads,
            drop_path=self.drop_path,
        )
