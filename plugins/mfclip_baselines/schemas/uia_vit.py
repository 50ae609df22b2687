"""UIA-ViT and its loss."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from mfclip.parts import BuildContext, Loss, Misfit, Origin
from mfclip_baselines.output_names import UIA_CONSISTENCY as CONSISTENCY
from mfclip_baselines.output_names import UIA_MAP as MAP
from mfclip_baselines.output_names import UIA_PATCHES as PATCHES
from mfclip_baselines.schemas.base import OnVit

if TYPE_CHECKING:
    from torch import nn

    from mfclip_baselines.uia_vit import UiaVit as Network


class UiaVit(OnVit):
    """Inconsistent patches found without masks (Zhuang et al., ECCV 2022).

    Gaussians over the patches of the sixth block, one for reals and one for fakes, say which
    patches of a fake are forged; attention in later blocks learns to tell such pairs apart. They
    are fitted before each epoch but the first.
    """

    reads: ClassVar[frozenset[str]] = frozenset({"progress"})
    gives: ClassVar[frozenset[str]] = frozenset({"logits", MAP, CONSISTENCY, PATCHES})
    shapes: ClassVar[Mapping[str, tuple[str | int, ...]]] = {
        MAP: ("batch", 1, "rows", "columns"),
        CONSISTENCY: ("batch", "patches", "patches"),
        PATCHES: ("batch", "patches"),
    }
    origin: ClassVar[Origin] = Origin(
        paper="Zhuang et al., UIA-ViT: Unsupervised Inconsistency-Aware Method based on Vision "
        "Transformer for Face Forgery Detection, ECCV 2022",
        read="ViT-B/16, 224 px; blocks 6 and 8 to 12; Gaussians with shrunk covariance, inner rows "
        "and columns 3 to 11 of fakes; the loss with its weights and starting levels; the "
        "progressive map with steepness 12 and turn 0.7; Adam at 3e-5, batches of 96, 8 epochs",
        inferred="Gaussians are fitted before an epoch, not in the middle of one too; features of "
        "block 6 are normalised without learnt factors, which would have no gradient; a patch is "
        "not compared with itself",
        unknown="how many patches a Gaussian is fitted to",
    )

    use: Literal["uia-vit"] = "uia-vit"
    """Name of the part."""
    middle: int = Field(default=6, ge=1)
    """Block whose patches the Gaussians are fitted to, from 1."""
    read: tuple[int, ...] = Field(default=(8, 9, 10, 11, 12), min_length=1)
    """Blocks whose attention is read, from 1."""
    samples: int = Field(default=16384, ge=2)
    """Patches that each Gaussian is fitted to, at most."""

    def misfits(self, context: BuildContext) -> Iterable[Misfit]:
        """Blocks that are not there, beside those of any transformer."""
        yield from super().misfits(context)
        for field, blocks in (("middle", (self.middle,)), ("read", self.read)):
            if not all(1 <= block <= self.depth for block in blocks):
                got = ", ".join(map(str, blocks))
                yield Misfit(field, f"blocks go from 1 to depth, {self.depth}; got {got}")

    def build(self, context: BuildContext) -> Network:
        """Make the network.

        Raises:
            RecipeError: the file does not hold its weights.
        """
        from mfclip_baselines.uia_vit import UiaVit as Network

        return Network(
            self.read_from(context),
            **self.transformer(context),
            middle=self.middle,
            read=self.read,
            samples=self.samples,
        )


class PatchConsistency(Loss):
    """Attention between patches tells genuine, forged and mixed pairs apart, by pseudo-labels."""

    needs: ClassVar[frozenset[str]] = frozenset({CONSISTENCY, PATCHES})
    shapes: ClassVar[Mapping[str, tuple[str | int, ...]]] = {
        CONSISTENCY: ("batch", 9, 9),
        PATCHES: ("batch", 9),
    }

    use: Literal["patch-consistency"] = "patch-consistency"
    """Name of the part."""
    consistency: float = Field(default=0.06, ge=0)
    """Weight of the distances."""
    spread: tuple[float, float, float] = (0.5, 0.05, 0.05)
    """Weights of the penalties on the levels of mixed, forged and genuine pairs."""

    def build(self, context: BuildContext) -> nn.Module:
        """Make the loss."""
        from mfclip_baselines.uia_vit import PatchConsistency as Term

        return Term(self.consistency, self.spread)
