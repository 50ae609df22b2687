"""FoCus and its losses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from mfclip.parts import BuildContext, Loss, Origin
from mfclip_baselines.output_names import FOCUS_EDGES as EDGES
from mfclip_baselines.output_names import FOCUS_MAP as MAP
from mfclip_baselines.output_names import FOCUS_RGB as RGB
from mfclip_baselines.schemas.base import OnVit

if TYPE_CHECKING:
    from torch import nn

    from mfclip_baselines.focus import Focus as Network


class Focus(OnVit):
    """Discovers forgery cues from labels alone (Tian et al., 2024); the defaults are ViT-S/16.

    Two streams, colours and Sobel edges, each propose regions by the attention of their verdict;
    what the first finds is hidden from the second. The map is a named output: reports and
    ``explain`` show it.
    """

    gives: ClassVar[frozenset[str]] = frozenset({"logits", MAP, RGB, EDGES})
    shapes: ClassVar[Mapping[str, tuple[str | int, ...]]] = {
        MAP: ("batch", 1, "h", "w"),
        RGB: ("batch", 2),
        EDGES: ("batch", 2),
    }
    origin: ClassVar[Origin] = Origin(
        paper="Tian et al., Learning to Discover Forgery Cues for Face Forgery Detection, "
        "arXiv 2409.01030",
        read="weakly supervised; colours and Sobel edges; a vision transformer whose patches a 1x1 "
        "convolution turns into maps of classes, with the attention of the verdict (CARP); "
        "complementary learning hides what one branch found from the other",
        inferred="logits are the maps' mean, weighted by the class token's attention in the last "
        "block; features of the second stream times 1 - the first one's map; the map of both is "
        "their maximum",
        unknown="sizes (ViT-S/16 at 224 px here), weights of the terms (1 and 0.1), schedule "
        "(AdamW at 3e-5); the detectors that the authors then teach with the maps are not here",
    )

    use: Literal["focus"] = "focus"
    """Name of the part."""
    dim: int = Field(default=384, ge=1)
    """Width of the transformers."""
    heads: int = Field(default=6, ge=1)
    """Attention heads; ``dim`` must be a multiple of it."""

    def build(self, context: BuildContext) -> Network:
        """Make the network.

        Raises:
            RecipeError: the file does not hold its weights.
        """
        from mfclip_baselines.focus import Focus as Network

        return Network(self.read_from(context), **self.transformer(context))


class FocusStreams(Loss):
    """Cross-entropy of each stream by itself."""

    needs: ClassVar[frozenset[str]] = frozenset({RGB, EDGES})
    shapes: ClassVar[Mapping[str, tuple[str | int, ...]]] = {
        RGB: ("batch", 2),
        EDGES: ("batch", 2),
    }

    use: Literal["focus-streams"] = "focus-streams"
    """Name of the part."""

    def build(self, context: BuildContext) -> nn.Module:
        """Make the loss."""
        from mfclip_baselines.focus import StreamLoss

        return StreamLoss()


class FocusSparsity(Loss):
    """Mean of the maps of real images, which are to be empty."""

    needs: ClassVar[frozenset[str]] = frozenset({MAP})
    shapes: ClassVar[Mapping[str, tuple[str | int, ...]]] = {MAP: ("batch", 1, 8, 8)}

    use: Literal["focus-sparsity"] = "focus-sparsity"
    """Name of the part."""

    def build(self, context: BuildContext) -> nn.Module:
        """Make the loss."""
        from mfclip_baselines.focus import MapSparsity

        return MapSparsity()
