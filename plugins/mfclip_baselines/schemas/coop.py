"""CoOp."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from mfclip.parts import BuildContext, Origin
from mfclip_baselines.schemas.clip import OnClip

if TYPE_CHECKING:
    from mfclip_baselines.coop import CoOp as Network


class CoOp(OnClip):
    """Prompts of learned vectors for a CLIP that stays as it is (Zhou et al., IJCV 2022).

    The defaults are CLIP ViT-B/16. Where weights of both towers are named, the context is all that
    learns; a tower without weights learns with it.
    """

    origin: ClassVar[Origin] = Origin(
        paper="Zhou et al., Learning to prompt for vision-language models, IJCV 2022, "
        "arXiv 2109.01134",
        read="16 or 4 vectors, normal with a standard deviation of 0.02, shared by the classes or "
        "of each its own; the name of the class at the end, in the middle or at the front; SGD at "
        "2e-3, cosine, one epoch to begin with, 200 or 50 epochs, batches of 32, cross-entropy",
        inferred="a full stop behind the prompt, classes called real and fake, 50 epochs; the "
        "first epoch's rate rises, where the authors' is 1e-5 throughout",
        unknown="what context the paper's authors learned",
        without="with no weights of CLIP all of it learns from scratch",
    )

    paper: ClassVar[str] = "II-B"

    use: Literal["coop"] = "coop"
    """Name of the part."""
    context: int = Field(default=16, ge=1, le=64)
    """M: learned vectors."""
    position: Literal["front", "middle", "end"] = "end"
    """Where the name of the class stands: before, amid or behind them."""
    own: bool = False
    """Whether each class has a context of its own."""

    def build(self, context: BuildContext) -> Network:
        """Make the network.

        Raises:
            RecipeError: the file does not hold the weights of the towers that it is for.
        """
        from mfclip_baselines.coop import CoOp as Network

        return Network(
            self.towers(context), context=self.context, position=self.position, own=self.own
        )
