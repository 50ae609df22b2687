"""ViT."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from mfclip.parts import BuildContext, Origin
from mfclip_baselines.schemas.base import OnVit

if TYPE_CHECKING:
    from mfclip_baselines.vit import Vit as Network


class Vit(OnVit):
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
    drop_path: float = Field(default=0.0, ge=0, lt=1)
    """Stochastic depth of the last block; of block l of L it is l / L of that."""

    def build(self, context: BuildContext) -> Network:
        """Make the network.

        Raises:
            RecipeError: the file does not hold its weights.
        """
        from mfclip_baselines.vit import Vit as Network

        return Network(
            self.read_from(context),
            **self.transformer(context),
            drop_path=self.drop_path,
        )
