"""The system of Yu et al. and its losses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from mfclip.parts import BuildContext, Loss, Origin
from mfclip_baselines.output_names import YU_KL as KL
from mfclip_baselines.output_names import YU_MAP as MAP
from mfclip_baselines.output_names import YU_MASK as MASK
from mfclip_baselines.output_names import YU_PATCHES as PATCHES
from mfclip_baselines.output_names import YU_PIXELS as PIXELS
from mfclip_baselines.schemas.base import OnTimm

if TYPE_CHECKING:
    from torch import nn

    from mfclip_baselines.yu import Yu as Network


class Yu(OnTimm):
    """Uncertainty-aware hierarchical labelling (Yu et al., Pattern Recognition 2024).

    Embeddings are Gaussians, sampled in training; labels of pixels (14 x 14 at 224 px) and patches
    (7 x 7) stand beside the image's.
    """

    gives: ClassVar[frozenset[str]] = frozenset({"logits", MAP, PIXELS, PATCHES, KL})
    shapes: ClassVar[Mapping[str, tuple[str | int, ...]]] = {
        MAP: ("batch", 1, "h", "w"),
        PIXELS: ("batch", 1, "h", "w"),
        PATCHES: ("batch", 1, "rows", "columns"),
        KL: ("batch", 3),
    }
    training_only: ClassVar[frozenset[str]] = frozenset({"patches"})
    origin: ClassVar[Origin] = Origin(
        paper="Yu et al., Uncertainty-aware hierarchical labeling for face forgery detection, "
        "Pattern Recognition 153, 2024",
        read="the first use of uncertainty learning for this task; hierarchical labels as "
        "auxiliary supervision at several levels of the image",
        inferred="Gaussian embeddings at all three levels, sampled by reparameterisation in "
        "training, their mean in use, with a divergence from N(0, 1); labels of a place are the "
        "share of it that the mask covers",
        unknown="backbone (EfficientNet-B4), widths (512 and 64), weights (0.1 and 1e-3), schedule "
        "(Adam at 2e-4)",
        supervision="masks",
        without="where the mask of a fake is not known, all of its places have the image's label; "
        "so have they in a recipe without the input, with masks = false in the loss",
    )

    use: Literal["yu"] = "yu"
    """Name of the part."""
    model: str = Field(default="efficientnet_b4", pattern="^[A-Za-z0-9_]+$")
    """Backbone, a name of ``timm.list_models()`` whose last two maps are 1/16 and 1/32 of the
    image's side."""
    dim: int = Field(default=512, ge=1)
    """Width of the image's embedding."""
    places: int = Field(default=64, ge=1)
    """Width of the embeddings of pixels and of patches."""

    def build(self, context: BuildContext) -> Network:
        """Make the network.

        Raises:
            RecipeError: the file does not hold its weights, or timm has no such model.
        """
        from mfclip_baselines.yu import Yu as Network

        return Network(
            self.read_from(context), model=self.model, width=self.dim, places=self.places
        )


class YuHierarchy(Loss):
    """Labels of pixels and patches: how much of each was forged."""

    needs: ClassVar[frozenset[str]] = frozenset({PIXELS, PATCHES})
    shapes: ClassVar[Mapping[str, tuple[str | int, ...]]] = {
        PIXELS: ("batch", 1, 8, 8),
        PATCHES: ("batch", 1, 4, 4),
    }

    use: Literal["yu-hierarchy"] = "yu-hierarchy"
    """Name of the part."""
    masks: bool = True
    """Read the input ``forgery-mask``. Without it every place has its image's label."""

    @property
    def reads(self) -> frozenset[str]:  # type: ignore[override]  # a setting decides
        """The mask, where it is wanted."""
        return frozenset({MASK}) if self.masks else frozenset()

    def build(self, context: BuildContext) -> nn.Module:
        """Make the loss."""
        from mfclip_baselines.yu import Hierarchy

        return Hierarchy(masks=self.masks)


class YuDivergence(Loss):
    """Divergence of the embeddings from N(0, 1), so that their variance does not vanish."""

    needs: ClassVar[frozenset[str]] = frozenset({KL})
    shapes: ClassVar[Mapping[str, tuple[str | int, ...]]] = {KL: ("batch", 3)}

    use: Literal["yu-divergence"] = "yu-divergence"
    """Name of the part."""

    def build(self, context: BuildContext) -> nn.Module:
        """Make the loss."""
        from mfclip_baselines.yu import Divergence

        return Divergence()
