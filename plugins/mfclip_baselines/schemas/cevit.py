"""CEViT."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from mfclip.parts import BuildContext, Misfit, Origin
from mfclip_baselines.schemas.base import OnTimm

if TYPE_CHECKING:
    from mfclip_baselines.cevit import CrossEfficientVit as Network

DEEP, SHALLOW = 32, 4
"""How many pixels a cell of the two maps has a side."""


class Cevit(OnTimm):
    """Cross Efficient ViT (Coccomini et al., ICIAP 2022): the vision part that GenFace's builds on.

    Two EfficientNet-B0 (``weights`` fill both), one cut after its second block; transformers on
    patches of their maps, whose class tokens read each other's patches. About 101 M parameters.
    """

    origin: ClassVar[Origin] = Origin(
        paper="Coccomini et al., Combining EfficientNet and vision transformers for video deepfake "
        "detection, ICIAP 2022 (arXiv 2107.02612)",
        read="both branches with their patches, widths and layers; 4 stages of encoders and "
        "cross-attention, 8 heads of 64, perceptrons of 2048, dropout 0.15; the two heads' logits "
        "added; SGD at 0.01 without momentum, weight decay 1e-7, a tenth of the rate after 15 "
        "epochs, batches of 16, at most 300 epochs, stopped after 5 without a better one; binary "
        "cross-entropy in which fakes count as the share of reals says",
        inferred="two logits, half of the one to either side; batches balanced by class stand for "
        "the weight of the fakes; ImageNet's mean and standard deviation",
        unknown="why the published network has 1025 and 17 positions where its branches have 2 "
        "tokens each: those that no token has are left out here",
    )

    use: Literal["cevit"] = "cevit"
    """Name of the part."""
    deep_patch: int = Field(default=7, ge=1)
    """Side of a patch of the last map, cells of 32 pixels; must divide the map."""
    shallow_patch: int = Field(default=56, ge=1)
    """Side of a patch of the early map, cells of 4 pixels; must divide the map."""
    deep_dim: int = Field(default=192, ge=1)
    """Width of the tokens of the last map."""
    shallow_dim: int = Field(default=384, ge=1)
    """Width of the tokens of the early map."""
    depth: int = Field(default=4, ge=1)
    """Stages: 2 encoder layers on the last map, 3 on the early one, 2 cross-attentions."""
    heads: int = Field(default=8, ge=1)
    """Attention heads, each 64 wide."""
    mlp: int = Field(default=2048, ge=1)
    """Width of the hidden layer of the perceptrons."""
    dropout: float = Field(default=0.15, ge=0, lt=1)
    """Share of values set to zero in training, of tokens and in every layer."""

    def misfits(self, context: BuildContext) -> Iterable[Misfit]:
        """Weights that are not there, and patches that do not tile their map."""
        yield from super().misfits(context)
        for name, cell in (("deep_patch", DEEP), ("shallow_patch", SHALLOW)):
            patch, side = getattr(self, name), _side(context, cell)
            if side % patch:
                yield Misfit(
                    name,
                    f"patches of {patch} cells do not divide a map of {side} (an image of "
                    f"{context.image_size} pixels); change it or preprocessing.size",
                )

    def build(self, context: BuildContext) -> Network:
        """Make the network.

        Raises:
            RecipeError: the file does not hold the weights of an EfficientNet-B0.
        """
        from mfclip_baselines.cevit import Branch
        from mfclip_baselines.cevit import CrossEfficientVit as Network

        return Network(
            Branch(1280, _side(context, DEEP), self.deep_patch, self.deep_dim, layers=2),
            Branch(24, _side(context, SHALLOW), self.shallow_patch, self.shallow_dim, layers=3),
            self.read_from(context),
            depth=self.depth,
            heads=self.heads,
            mlp=self.mlp,
            dropout=self.dropout,
        )


def _side(context: BuildContext, cell: int) -> int:
    """Cells a side of a map; the network pads what is left over."""
    return -(-context.image_size // cell)
